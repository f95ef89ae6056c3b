"""Join what waits in a sending queue into larger requests, and split what is too large for one."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from collector.api import Clock
from collector.batch import Batch, Signal
from collector.delivery.settings import BatchingConfig, Sizer

logger = logging.getLogger(__name__)


@dataclass
class Entry:
    """One batch as it was handed to the queue."""

    batch: Batch
    amount: int
    """What it takes of the queue, in units of the queue's sizer."""
    outcome: asyncio.Future[None] | None = None
    """Where a sender waits for the backend's answer."""


Ship = Callable[[list[Entry], list[Batch]], None]
"""Send these batches, which together hold what those entries do."""


@dataclass
class _Group:
    """Entries that may travel together, since the first of them came."""

    entries: list[Entry] = field(default_factory=list)
    size: int = 0
    timer: asyncio.Task[None] | None = None


class Batching:
    """Holds entries of one kind back until there are enough of them, or the first has waited long enough."""

    def __init__(self, config: BatchingConfig, clock: Clock, ship: Ship) -> None:
        self._config = config
        self._clock = clock
        self._ship = ship
        self._groups: dict[tuple[Signal, tuple[str, ...]], _Group] = {}

    def add(self, entry: Entry, tasks: asyncio.TaskGroup | None) -> None:
        """Hold `entry` until its group is sent; without `tasks` nothing is there to wait for a timeout."""
        batch = entry.batch
        if not batch.shape.joinable:
            self._ship([entry], [batch])
            return
        key = (batch.signal, tuple(batch.metadata.get(key, "") for key in self._config.partition.metadata_keys))
        group = self._groups.setdefault(key, _Group())
        group.entries.append(entry)
        group.size += self._config.sizer.measure(len(batch), len(batch.wire))
        if group.size >= self._config.min_size or tasks is None:
            self._flush(key)
        elif group.timer is None:
            group.timer = tasks.create_task(self._flush_later(key))

    def flush(self) -> None:
        """Send every group as it is."""
        for key in list(self._groups):
            self._flush(key)

    async def _flush_later(self, key: tuple[Signal, tuple[str, ...]]) -> None:
        await self._clock.sleep(self._config.flush_timeout)
        self._flush(key)

    def _flush(self, key: tuple[Signal, tuple[str, ...]]) -> None:
        group = self._groups.pop(key)
        if group.timer and group.timer is not asyncio.current_task():
            group.timer.cancel()
        batches = [entry.batch for entry in group.entries]
        try:
            batches = list(split(Batch.join(batches), self._config.max_size, self._config.sizer))
        except Exception:  # some component made bytes that are not OTLP; each batch has its own answer then
            logger.exception("batches that cannot be joined are sent as they are")
        self._ship(group.entries, batches)


def split(batch: Batch, most: int, sizer: Sizer) -> Iterator[Batch]:
    """Yield batches of at most `most` items or bytes (0 for any number) that hold what this one does, in its order.

    What cannot be made smaller goes as it is, for the backend to say what it thinks of it: one item that is larger by
    itself, and items of one resource that is so large that its copies would outweigh them.
    """
    items, size = len(batch), sizer.measure(len(batch), len(batch.wire))
    if not most or size <= most or items <= 1 or not batch.shape.joinable:
        yield batch
    elif sizer is Sizer.ITEMS:
        yield from batch.split(most)
    elif (pieces := _pieces(batch, most)) == 1:
        yield batch
    else:
        for part in batch.split(math.ceil(items / pieces)):
            # items differ in size, so a part with its share of items may still be too large; it has fewer of them
            yield from split(part, most, sizer)


def _pieces(batch: Batch, most: int) -> int:
    """Return in how many pieces to cut a batch of too many bytes, at first.

    Each piece has a copy of the resource that it is cut from.  A sender decides how large that is, and would have a
    gigabyte made of two megabytes; so where copies may come to more than the batch, it is cut in halves, until a piece
    has one resource and is left as it is.
    """
    pieces = min(len(batch), math.ceil(len(batch.wire) / most))
    runs, shared = _beside_records(batch)
    if pieces * shared <= len(batch.wire):
        return pieces
    return 1 if runs == 1 else 2


def _beside_records(batch: Batch) -> tuple[int, int]:
    """Return how many runs of records there are, each in a scope or metric, and how many bytes are not of records."""
    skeleton = batch.skeleton()
    *way, records = batch.shape.path
    parents = [skeleton]
    for step in way:
        parents = [child for parent in parents for child in step(parent)]
    runs = [run for parent in parents if (run := records(parent))]
    for run in runs:
        del run[:]
    return len(runs), skeleton.ByteSize()
