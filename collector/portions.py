"""Keep one large batch from holding up the event loop: it is processed in portions, and others have a turn in between.

What is processed is never taken apart for others to see: its portions are joined again, and pass or fail together.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from collector.batch import Batch
from collector.cutting import Most
from collector.errors import DropReason

LARGE_ITEMS, LARGE_SIZE = 1024, 1 << 20
"""Items and bytes up to which a batch is processed as it is: exporters send 512 items, few larger than 2 KiB."""
PORTION = Most(items=256, size=1 << 17)
"""What is processed at once of a larger one, at most."""
_PARTS = 16
"""How many parts a portion is cut into where it takes long: what an item costs differs by a factor of thousands."""
_STEP = 4
"""By how much more is processed at once where parts take no time."""
_LONG = 0.02
"""Seconds in which parts should be processed."""
_SHARE = 8
"""Others have an eighth of the time that a portion took: one turn is not enough to take in a request."""
_SHORTEST = 0.002
"""Seconds of a pause that is worth it; others have no more than a turn until it has come to that."""
_MUCH = 64
"""Resources are made whole again if a 64th of the bytes were repeated: that takes a fifth of what `attributes` does."""

Step = Callable[[Batch], tuple[Batch | None, int]]
"""Processes a portion; returns what is left of it, and how many items that has."""


class Indivisible(enum.StrEnum):
    """What a processor has to see at once, however large it is."""

    ITEM = "item"
    """A span, log record or data point: a batch may be cut between any two."""
    RECORD = "record"
    """A span, log record or metric: one with more points than fit into a portion stays whole."""
    REQUEST = "request"
    """All that came together.  Nothing else happens meanwhile, so this is for what takes no time."""


@runtime_checkable
class HasIndivisible(Protocol):
    """Opt-in: a processor that has to see more at once than single items."""

    indivisible: Indivisible


class Turns:
    """Has one large batch at a time processed, however many there are: nobody waits for more than a portion of it."""

    def __init__(
        self,
        why_cancelled: Callable[[], DropReason] = lambda: DropReason.SENDER_GONE,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            why_cancelled: asked for what a batch counts as whose processing was cancelled.
            now: seconds, to tell how long a portion takes.
        """
        self.why_cancelled = why_cancelled
        self._now = now
        self._turn = asyncio.Lock()

    async def process(self, batch: Batch, step: Step, *, whole_records: bool) -> tuple[Batch | None, int]:
        """Return what `step` makes of a batch, portion by portion, and how many items that has.

        If nothing changes it is the very batch that was given.

        Raises what `step` raises: then nothing of the batch is left.
        """
        async with self._turn:
            done = await self._in_parts(batch, step, whole_records=whole_records)
            if not done.left:
                return None, 0
            if done.is_as_it_was:
                batch.metadata = done.left[0].metadata
                return batch, done.items
            return await _joined(done, batch, whole_records=whole_records), done.items

    async def _in_parts(self, batch: Batch, step: Step, *, whole_records: bool) -> _Done:
        done, pace = _Done(), _Pace()
        for part in pace.parts(batch, whole_records=whole_records):
            await asyncio.sleep(pace.pause())
            before, began = part.wire, self._now()
            result, kept = step(part)
            done.size += len(before)
            done.is_as_it_was = done.is_as_it_was and result is not None and result.wire is before
            if result is not None and kept:
                done.left.append(result)
                done.items += kept
            pace.note(self._now() - began)
        return done


@dataclass(slots=True)
class _Done:
    left: list[Batch] = field(default_factory=list)
    """What is left of all parts."""
    items: int = 0
    """How many items that are."""
    size: int = 0
    """Bytes of all parts before they were processed."""
    is_as_it_was: bool = True
    """Whether nothing was changed."""


async def _joined(done: _Done, batch: Batch, *, whole_records: bool) -> Batch:
    """Make one batch of what is left.

    Resources that were cut are made whole again if they come to much: repeated for each part, they would make a request
    more than a backend takes at once.
    """
    if done.size - batch.size <= batch.size // _MUCH or len(done.left) == 1:
        return Batch.join(done.left)
    mending = done.left[0].mending(whole_records=whole_records)
    for part in done.left:
        mending.add(part.wire)
        await asyncio.sleep(0)
    return done.left[0].replace(mending.close(), done.items)


class _Pace:
    """Cuts a batch into parts that take neither long nor next to no time; begins with small ones."""

    def __init__(self) -> None:
        self._parts = _PARTS
        self._longest = 0.0
        self._owed = 0.0

    def note(self, took: float) -> None:
        """Be told how many seconds the last part took."""
        self._longest = max(self._longest, took)
        self._owed += took / _SHARE

    def pause(self) -> float:
        """Return for how many seconds others should run now; for 0 each has one turn."""
        if self._owed < _SHORTEST:
            return 0.0
        pause, self._owed = self._owed, 0.0
        return pause

    def parts(self, batch: Batch, *, whole_records: bool) -> Iterator[Batch]:
        """Yield what to process at once; each is made when it is asked for."""
        for portion in batch.portions(PORTION, whole_records=whole_records):
            self._longest = 0.0
            if self._parts == 1:
                yield portion
            else:
                yield from portion.portions(PORTION.divided(self._parts), whole_records=whole_records)
            if self._longest > _LONG:
                self._parts = _PARTS
            elif self._longest < _LONG / _STEP:
                self._parts = max(self._parts // _STEP, 1)
