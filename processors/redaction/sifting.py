"""Records in which nothing can be are passed by, as the bytes that they are: only what is left of a request is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from collector.apart import Apart, put_together
from collector.api import Batch

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
    whole: Apart
    """The request as it was."""
    positions: Sequence[Sequence[int]]
    """Where those records stand that are left, in each list of records."""


class Sieve:
    """Leaves out records in which nothing can be, where these are most of them."""

    def __init__(self, suspects: Suspects) -> None:
        self._suspects = suspects
        self._pause, self._next_pause = 0, _PAUSE

    def __call__(self, batch: Batch, size: int) -> Sifted | None:
        """Return what is left of a request of so many bytes; None if that is too much, or was not looked at.

        Raises:
            google.protobuf.message.DecodeError: it is no request.
        """
        if size < _SHORTEST:
            return None
        if self._pause:
            self._pause -= 1
            return None
        whole = batch.apart()
        together = list(chain.from_iterable(whole.records))
        left = self._suspects(together, len(together) // _FEW)
        if left is None:
            self._pause, self._next_pause = self._next_pause, min(4 * self._next_pause, _LONGEST_PAUSE)
            return None
        self._next_pause = _PAUSE
        positions = _in_each(left, whole.records)
        few = [[held[place] for place in kept] for held, kept in zip(whole.records, positions, strict=True)]
        return Sifted(put_together(whole._replace(records=few), batch.shape.path), whole, positions)


def put_back(sifted: Sifted, rewritten: Apart) -> Apart:
    """Return the whole request, of which few records were left, and what is around them, as they are now.

    Raises:
        RuntimeError: there are not as many as there were; a bug here.
    """
    if list(map(len, rewritten.records)) != list(map(len, sifted.positions)):
        raise RuntimeError("there are not as many records as there were")
    records = list(map(_with, sifted.whole.records, sifted.positions, rewritten.records))
    return sifted.whole._replace(around=rewritten.around, records=records)


def _with(held: Sequence[bytes], positions: Sequence[int], records: Sequence[bytes]) -> Sequence[bytes]:
    if not positions:
        return held
    new = list(held)
    for position, record in zip(positions, records, strict=True):
        new[position] = record
    return new


def _in_each(indices: Sequence[int], lists: Sequence[Sequence[bytes]]) -> list[list[int]]:
    """Return positions in each list, of ascending indices in all of them."""
    in_each: list[list[int]] = []
    place = start = 0
    for these in lists:
        positions = []
        while place < len(indices) and indices[place] < start + len(these):
            positions.append(indices[place] - start)
            place += 1
        in_each.append(positions)
        start += len(these)
    return in_each
