"""A request taken apart: its records as bytes, and what is around them.

So one component after the other can change records while nobody copies all of them into a request and out of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    has_one_id_each: bool = False
    """Whether it is known of every span that its trace id is there once, and not twice, as it may be.  That stays known
    of those who change something else, or leave some out."""

    @property
    def size(self) -> int:
        """Bytes, without those that tell where a record begins."""
        return self.around.ByteSize() + sum(map(len, chain.from_iterable(self.records)))

    def __bool__(self) -> bool:
        """Say whether the request has any bytes; where there is a record there is what it stands in."""
        return self.around.ByteSize() > 0

    def holds(self, text: bytes) -> bool:
        """Say whether some bytes stand in a record, or around them."""
        first = next(chain.from_iterable(self.records), b"")  # one key after the other is asked for, and most have it
        return text in first or text in self.content()

    def content(self) -> bytes:
        """Return the records and what is around them, one after the other: to be searched, since it is no request."""
        return b"".join([*chain.from_iterable(self.records), self.shell()])

    def shell(self) -> bytes:
        """Return the bytes of what is around the records."""
        return self.around.SerializeToString()

    def within(self, shell: bytes) -> Apart:
        """Return the same records with something else around them: these bytes, which have as many places for them."""
        return self._replace(around=type(self.around).FromString(shell))


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
    request = _copy(apart.around)
    for field, records in zip(_lists(request, path), apart.records, strict=True):
        field.extend(records)
    return request.SerializeToString()


def with_records(apart: Apart, records: Sequence[Sequence[bytes]], path: Path) -> Apart:
    """Return the request with other records, and without the scopes and resources that have none.

    Args:
        apart: the request.
        records: as many lists as it has.
        path: the way to records.
    """
    around = _copy(apart.around)
    prune(around, path, records)
    return apart._replace(around=around, records=[each for each in records if each])


def prune(request: Message, path: Path, records: Iterable[Sequence[Any]]) -> None:
    """Drop every scope or metric that has no records, and then every resource that is empty, from the message itself.

    Args:
        request: may have its records or not.
        path: the way to records.
        records: those of each scope or metric, in the order in which these stand in the request.
    """
    _prune(request, path[:-1], iter(records))


def _prune(node: Any, way: Path, records: Iterator[Sequence[Any]]) -> bool:
    """Drop what is empty below a message; say whether anything is left there."""
    if not way:
        return len(next(records)) > 0
    step, *further = way
    field = step(node)
    left = [child for child in field if _prune(child, tuple(further), records)]
    if len(left) < len(field):
        del field[:]
        field.extend(left)
    return bool(left)


def _copy(message: Message) -> Message:
    other = type(message)()
    other.CopyFrom(message)
    return other


def _lists(request: Message, path: Path) -> list[Any]:
    """Return the list of the records of every scope or metric."""
    *way, last = path
    nodes: list[Any] = [request]
    for step in way:
        nodes = [child for node in nodes for child in step(node)]
    return list(map(last, nodes))
