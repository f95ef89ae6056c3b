"""A request taken apart: its records as bytes, and what is around them.

So one component after the other can change records while nobody copies all of them into a request and out of it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from google.protobuf.message import Message

from collector.cutting import Path


class Apart(NamedTuple):
    """Nothing in it may be changed: several batches may share it, or parts of it."""

    around: Message
    """The request without records, a message of `Shape.skeleton`."""
    records: Sequence[Sequence[bytes]]
    """Serialised spans, log records or data points of each scope or metric, whether it has any or not, in the order in
    which they stand in the request."""

    @property
    def size(self) -> int:
        """Bytes, without those that tell where a record begins."""
        return self.around.ByteSize() + sum(map(len, chain.from_iterable(self.records)))

    def holds(self, text: bytes) -> bool:
        """Say whether some bytes stand in a record, or around them."""
        return any(text in record for record in chain.from_iterable(self.records)) or text in self.shell()

    def shell(self) -> bytes:
        """Return the bytes of what is around the records."""
        return self.around.SerializeToString()


def take_apart(request: Message, path: Path) -> Apart:
    """Return what a message of `Shape.skeleton` is made of; it has no records any more."""
    fields = _lists(request, path)
    records = [field[:] for field in fields]
    for field in fields:
        del field[:]
    return Apart(request, records)


def put_together(apart: Apart, path: Path) -> bytes:
    """Return the bytes of the request.

    Raises:
        ValueError: there are not as many lists of records as there are places for them.
    """
    request = type(apart.around)()
    request.CopyFrom(apart.around)
    for field, records in zip(_lists(request, path), apart.records, strict=True):
        field.extend(records)
    return request.SerializeToString()


def _lists(request: Message, path: Path) -> list[Any]:
    """Return the list of the records of every scope or metric."""
    *way, last = path
    nodes: list[Any] = [request]
    for step in way:
        nodes = [child for node in nodes for child in step(node)]
    return list(map(last, nodes))
