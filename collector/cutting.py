"""Cut a request into smaller ones that together hold what it does, in its order."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message

from collector.wire.walk import BYTES, WireError, fields

Path: TypeAlias = tuple[Callable[[Any], Any], ...]
"""The way from a request down to its records, step by step: from a message to the list of those below it."""
_RESOURCE = 1 << 3 | BYTES
"""The tag of resources in the requests of every signal."""
_FRAME = 2
"""Bytes at least around each record, so that even records without any come to something."""
_TIMES = 4
"""How many times the bytes of its records a parent may have that is repeated for them."""


class Most(NamedTuple):
    """What one request may hold."""

    items: int
    size: int | None = None
    """Bytes; None for any number."""

    def divided(self, parts: int) -> Most:
        """Return a part of it, rounded up."""
        return Most(-(-self.items // parts), self.size and -(-self.size // parts))


class Piece(NamedTuple):
    wire: bytes
    records: int


class _Parent(NamedTuple):
    """A resource, scope or metric on the way to records, without its children."""

    step: Callable[[Any], Any]
    """From the parent's own parent to the list it stands in."""
    shell: bytes


_Parents: TypeAlias = tuple[_Parent, ...]


def cut(request: Message, path: Path, most: Most) -> Iterator[Piece]:
    """Yield requests that hold at most so many records, whatever is cut in two having its parents in both.

    A bound in bytes is kept within what a record, or a parent, has by itself.  A sender decides how large a resource
    is, and would have a gigabyte made of two megabytes; so one that is repeated has at least a quarter of its bytes in
    records with it, even if these are more than the bound says: five megabytes are made of one at most.

    What a request has besides resources, which OTLP may add tomorrow, is in the first piece.

    Args:
        request: a projection whose records are bytes; it is taken apart.
        path: the way to these.
        most: what a piece holds.
    """
    field = path[0](request)
    resources = field[:]
    del field[:]
    open_ = _Open(type(request), path, most)
    open_.add(request.SerializeToString())
    for parents, records in _runs(resources, path, ()):
        ends = list(accumulate([len(record) + _FRAME for record in records], initial=0))
        start = 0
        while start < len(records):
            stop = open_.room_for(parents, ends, start)
            if stop == start:
                yield open_.close()
                open_ = _Open(type(request), path, most)
                continue
            open_.take(parents, records[start:stop], ends[stop] - ends[start])
            start = stop
    if open_.records:
        yield open_.close()


def groups(wire: bytes, most: Most) -> Iterator[tuple[int, int]]:
    """Yield from where to where there are so many resources in a request, or so many bytes; a larger one is alone.

    What is no resource is with the one before it.
    A request that cannot be stepped through is one group.
    """
    start = last = number = 0
    try:
        for tag, _, end in fields(wire, 0, len(wire)):
            is_resource = tag == _RESOURCE
            number += is_resource
            if is_resource and (number > most.items or (number > 1 and end - start > (most.size or end))):
                yield start, last
                start, number = last, 1
            last = end
    except WireError:
        last = len(wire)
    if last > start:
        yield start, last


def count(nodes: Iterable[Any], path: Path) -> int:
    """Return how many records there are below some messages."""
    *way, last = path
    for step in way:
        nodes = [child for node in nodes for child in step(node)[:]]
    return sum([len(last(node)) for node in nodes])


def _runs(siblings: Iterable[Any], path: Path, parents: _Parents) -> Iterator[tuple[_Parents, Sequence[bytes]]]:
    """Yield every run of sibling records with the way to it, taking children from their parents."""
    step, below, *further = path
    for node in siblings:
        field = below(node)
        children = field[:]
        del field[:]
        way = (*parents, _Parent(step, node.SerializeToString()))
        if further:
            yield from _runs(children, path[1:], way)
        elif children:
            yield way, children


class _Open:
    """A piece that is filled with records until there is no room."""

    def __init__(self, request: type[Message], path: Path, most: Most) -> None:
        self.records = 0
        self._request: Any = request()
        self._siblings = path[-1]
        self._most = most
        self._size = 0
        self._way: list[tuple[_Parent, Any]] = []

    def add(self, shell: bytes) -> None:
        """Take a request without its resources."""
        self._request.MergeFromString(shell)

    def room_for(self, parents: _Parents, ends: Sequence[int], start: int) -> int:
        """Return the place behind the last one of sibling records that fit in.

        Args:
            parents: theirs.
            ends: how many bytes there are up to each place between them, beginning with 0.
            start: the place before the first one.
        """
        stop = min(start + self._most.items - self.records, len(ends) - 1)
        if self._most.size is None:
            return stop
        shells = sum([len(parent.shell) for parent in parents[self._shared(parents) :]])
        space = self._most.size - self._size - shells
        stop = max(min(stop, _place(ends, ends[start] + space)), start)
        if not self.records:
            stop = max(stop, _place(ends, ends[start] + shells // _TIMES), start + 1)
        return stop

    def take(self, parents: _Parents, records: Sequence[bytes], size: int) -> None:
        shared = self._shared(parents)
        del self._way[shared:]
        node = self._way[-1][1] if self._way else self._request
        for parent in parents[shared:]:
            node = parent.step(node).add()
            node.MergeFromString(parent.shell)
            self._way.append((parent, node))
            self._size += len(parent.shell)
        self._siblings(node).extend(records)
        self.records += len(records)
        self._size += size

    def close(self) -> Piece:
        return Piece(self._request.SerializeToString(), self.records)

    def _shared(self, parents: _Parents) -> int:
        """Return how many of these parents the last records had too."""
        shared = 0
        while shared < len(self._way) and self._way[shared][0] is parents[shared]:
            shared += 1
        return shared


class Mending:
    """Joins what was cut: neighbours that are the same but for what is below them are made one."""

    def __init__(self, request: type[Message], path: Path) -> None:
        """Begin with nothing.

        Args:
            request: a projection whose records are bytes.
            path: the way to these.
        """
        self._request = request
        self._path = path
        self._open = _Open(request, path, Most(sys.maxsize))
        self._last: _Parents = ()

    def add(self, wire: bytes) -> None:
        """Take the request that comes next.

        Raises:
            google.protobuf.message.DecodeError: it is none.
        """
        request = self._request.FromString(wire)
        field = self._path[0](request)
        resources = field[:]
        del field[:]
        self._open.add(request.SerializeToString())
        for parents, records in _runs(resources, self._path, ()):
            same = 0
            while same < len(self._last) and self._last[same] == parents[same]:
                same += 1
            self._last = (*self._last[:same], *parents[same:])
            self._open.take(self._last, records, 0)

    def close(self) -> bytes:
        """Return the bytes of all that was added."""
        return self._open.close().wire


def _place(ends: Sequence[int], size: int) -> int:
    """Return the last place up to which there are no more bytes than `size`."""
    return bisect_right(ends, size) - 1
