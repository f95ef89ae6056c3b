"""Keep one large batch from holding up the event loop: it is processed in portions, and others have a turn in between.

What is processed is never taken apart for others to see: its portions are joined again, and pass or fail together.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from collector.batch import Batch
from collector.cutting import Most
from collector.errors import DropReason

LARGE_ITEMS, LARGE_SIZE = 1024, 1 << 19
"""Items and bytes up to which a batch is processed at once, as it is: an SDK's exporter sends 512 items."""
PORTION = Most(items=256, size=1 << 17)
"""What is processed at once of a larger one.  What an item costs differs by a factor of some thousands; this is some
fifty milliseconds of the most expensive ones, and a part of a millisecond of most."""

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

    def __init__(self, why_cancelled: Callable[[], DropReason] = lambda: DropReason.SENDER_GONE) -> None:
        """
        Args:
            why_cancelled: asked for what a batch counts as whose processing was cancelled.
        """
        self.why_cancelled = why_cancelled
        self._turn = asyncio.Lock()

    async def process(self, batch: Batch, step: Step, *, whole_records: bool) -> tuple[Batch | None, int]:
        """Return what `step` makes of a batch, portion by portion, and how many items that has.

        If nothing changes it is the very batch that was given.

        Raises what `step` raises: then nothing of the batch is left.
        """
        left: list[Batch] = []
        items, is_as_it_was = 0, True
        async with self._turn:
            portions: Iterator[Batch] = batch.portions(PORTION, whole_records=whole_records)
            while True:
                await asyncio.sleep(0)
                if (portion := next(portions, None)) is None:
                    break
                before = portion.wire
                result, kept = step(portion)
                is_as_it_was = is_as_it_was and result is not None and result.wire is before
                if result is not None and kept:
                    left.append(result)
                    items += kept
        if not left:
            return None, 0
        if is_as_it_was:
            batch.metadata = left[0].metadata
            return batch, items
        return Batch.join(left), items
