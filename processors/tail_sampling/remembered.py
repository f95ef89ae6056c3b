"""What was decided, for spans that come late.

Kept traces are few and have something to say about each; dropped ones are many, and all that matters is that they were
dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from mmap import mmap
from typing import NamedTuple

_REST = 5
"""Bytes of a fingerprint besides the first: the first ones of a bucket stand together, to be searched in one go."""
_ROOM = 128
"""Fingerprints in one bucket."""
_FILL = 98
"""Fingerprints that a bucket has to hold on average.  Chance fills some more than others, and rarely one beyond 128."""
_BUCKET = _ROOM * (1 + _REST)
_MASK = (1 << 64) - 1
_MASK_OF_REST = (1 << 8 * _REST) - 1
_BEFORE_FIRST = 56
_NOT_ZERO = 1
"""Stands for a first byte of 0, which is where nothing was written."""


class Reason:
    """Why spans were kept.  Equal ones are one object, so that spans are brought together by it at little cost."""

    __slots__ = ("composite", "is_late", "policy")

    def __init__(self, policy: str, composite: str = "", *, is_late: bool = False) -> None:
        self.policy = policy
        self.composite = composite
        """The sub-policy that decided within a composite one; empty for others."""
        self.is_late = is_late
        """Whether the decision was older than the spans."""


class Kept(NamedTuple):
    """A trace that was kept."""

    reason: Reason
    threshold: int
    """The rejection threshold that it passed (`collector.sampling`)."""
    randomness: int | None
    """What was compared with it, if it is not the trace's own."""
    when: float
    """Seconds of a clock that never jumps."""


class KeptTraces:
    """Remembers the traces that were last kept or asked for, up to `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def add(self, trace_id: bytes, kept: Kept) -> None:
        """Remember a trace, and forget the one that was longest of no use."""
        if trace_id in self._kept:
            self._kept.move_to_end(trace_id)
        self._kept[trace_id] = kept
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def find(self, trace_id: bytes) -> Kept | None:
        """Return what is remembered of a trace."""
        found = self._kept.get(trace_id)
        if found is not None:
            self._kept.move_to_end(trace_id)
        return found

    def among(self, trace_ids: AbstractSet[bytes]) -> set[bytes]:
        """Return those that are remembered."""
        return self._kept.keys() & trace_ids

    def __len__(self) -> int:
        return len(self._kept)


class DroppedTraces:
    """Remembers that traces were dropped: the last `size` of them, but for one in 17,000, and some before.

    An id is kept as 6 bytes of Python's hash of it, which nobody outside the process can foresee, in the bucket that
    all 8 bytes of the hash choose; a full bucket forgets its oldest.  A trace that was never seen is taken for a
    dropped one if another of its bucket has these 6 bytes: once in 2 million million traces.
    """

    def __init__(self, size: int) -> None:
        self._buckets = -(-size // _FILL)
        # memory that the system gives page by page, once something is written there
        self._table = mmap(-1, max(self._buckets * _BUCKET, 1))
        self._next = bytearray(self._buckets)  # where each bucket is written next

    def add(self, trace_ids: Iterable[bytes]) -> None:
        """Remember traces that were dropped."""
        if not self._buckets:
            return
        table, next_, place = self._table, self._next, self._place
        for trace_id in trace_ids:
            bucket, first, rest = place(trace_id)
            slot = next_[bucket]
            start = bucket * _BUCKET
            table[start + slot] = first
            start += _ROOM + slot * _REST
            table[start : start + _REST] = rest
            next_[bucket] = (slot + 1) % _ROOM

    def __contains__(self, trace_id: bytes) -> bool:
        if not self._buckets:
            return False
        bucket, first, rest = self._place(trace_id)
        start = bucket * _BUCKET
        firsts = self._table[start : start + _ROOM]
        rests = start + _ROOM
        slot = firsts.find(first)
        while slot >= 0:
            at = rests + slot * _REST
            if self._table[at : at + _REST] == rest:
                return True
            slot = firsts.find(first, slot + 1)
        return False

    def among(self, trace_ids: Iterable[bytes]) -> set[bytes]:
        """Return those that were dropped: the same as asking for each, at a third of the cost where none was."""
        if not self._buckets:
            return set()
        table, buckets = self._table, self._buckets
        likely = []
        for trace_id in trace_ids:
            value = hash(trace_id) & _MASK
            start = value % buckets * _BUCKET
            if (value >> _BEFORE_FIRST or _NOT_ZERO) in table[start : start + _ROOM]:
                likely.append(trace_id)
        return {trace_id for trace_id in likely if trace_id in self}

    @property
    def memory(self) -> int:
        """Bytes that all of it takes."""
        return len(self._table) + len(self._next)

    def _place(self, trace_id: bytes) -> tuple[int, int, bytes]:
        """Return the bucket of a trace, and its fingerprint: the first byte, and the others."""
        value = hash(trace_id) & _MASK
        rest = value >> 16 & _MASK_OF_REST
        return value % self._buckets, value >> _BEFORE_FIRST or _NOT_ZERO, rest.to_bytes(_REST, "big")
