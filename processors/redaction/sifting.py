"""Records in which nothing can be are passed by, as the bytes that they are: only what is left of a request is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from processors.redaction.places import Level, Places

Suspects = Callable[[Sequence[bytes], int], Sequence[int] | None]
"""Given records, and how many of them may be returned, returns the indices of all that may change, ascending; None if
they are more."""

_FEW = 4
"""One record of so many may be left: beyond that, to read all of them costs less."""
_SHORTEST = 4096
"""Bytes: shorter requests cost less than to sift them."""
_PAUSE, _LONGEST_PAUSE = 15, 240
"""Requests that are not sifted after one in which too many were left; four times as many each time that it is so."""


class Sifted(NamedTuple):
    """A request with few records, and what tells where they belong."""

    wire: bytes
    whole: Any
    """The request as it was, with its records as bytes."""
    positions: Sequence[Sequence[int]]
    """Where those records stand that are left, in each list of records."""
    around: bytes
    """The request without records."""


class Sieve:
    """Leaves out records in which nothing can be, where these are most of them."""

    def __init__(self, suspects: Suspects) -> None:
        self._suspects = suspects
        self._pause, self._next_pause = 0, _PAUSE

    def __call__(self, wire: bytes, places: Places) -> Sifted | None:
        """Return what is left of a request; None if that is too much, or was not looked at.

        Raises:
            google.protobuf.message.DecodeError: it is no request.
        """
        if len(wire) < _SHORTEST:
            return None
        if self._pause:
            self._pause -= 1
            return None
        whole: Any = places.around.FromString(wire)
        records = [held[:] for held in _lists(whole, places)]
        together = list(chain.from_iterable(records))
        left = self._suspects(together, len(together) // _FEW)
        if left is None:
            self._pause, self._next_pause = self._next_pause, min(4 * self._next_pause, _LONGEST_PAUSE)
            return None
        self._next_pause = _PAUSE
        positions = _apart(left, records)
        few: Any = places.around.FromString(wire)
        lists = _lists(few, places)
        around = _without_records(few, lists)
        for held, these, kept in zip(lists, records, positions, strict=True):
            held.extend([these[position] for position in kept])
        return Sifted(few.SerializeToString(), whole, positions, around)


def put_back(sifted: Sifted, wire: bytes, places: Places) -> bytes:
    """Return the whole request, of which few records were left, and are now as they are in `wire`.

    Raises:
        RuntimeError: there are not as many as there were; a bug here.
    """
    whole, few = sifted.whole, places.around.FromString(wire)
    lists, changed = _lists(whole, places), _lists(few, places)
    if list(map(len, changed)) != list(map(len, sifted.positions)):
        raise RuntimeError("there are not as many records as there were")
    for held, records, positions in zip(lists, changed, sifted.positions, strict=True):
        for position, record in zip(positions, records, strict=True):
            held[position] = record
    if _without_records(few, changed) != sifted.around:  # something around them changed too
        for held, records in zip(changed, lists, strict=True):
            held.extend(records)
        whole = few
    new: bytes = whole.SerializeToString()
    return new


def _without_records(request: Any, lists: Sequence[Any]) -> bytes:
    for held in lists:
        del held[:]
    around: bytes = request.SerializeToString()
    return around


def _lists(request: Any, places: Places) -> list[Any]:
    """Return all lists of records, in an order that only depends on what is around them."""
    return [
        held for level, way in places.ways.items() if level is way.record for held in _of_kind(request, level, places)
    ]


def _of_kind(request: Any, level: Level, places: Places) -> list[Any]:
    *outer, name = places.ways[level].outer
    nodes = [request]
    for step in outer:
        nodes = [inner for node in nodes for inner in getattr(node, step)]
    return [getattr(node, name) for node in nodes]


def _apart(indices: Sequence[int], lists: Sequence[Sequence[bytes]]) -> list[list[int]]:
    """Return positions in each list, of ascending indices in all of them."""
    apart: list[list[int]] = []
    place = start = 0
    for these in lists:
        positions = []
        while place < len(indices) and indices[place] < start + len(these):
            positions.append(indices[place] - start)
            place += 1
        apart.append(positions)
        start += len(these)
    return apart
