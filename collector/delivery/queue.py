"""A bounded queue between the pipelines and one exporter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import Settings
from collector.batch import Batch
from collector.delivery.retry import Delivery
from collector.delivery.settings import QueueConfig, Sizer
from collector.errors import ConsumeError, DropReason, RefusalReason, RetryableError
from collector.nodes import Room
from collector.telemetry import QUEUE_CAPACITY, QUEUE_SIZE, Accounts

RETRY_AFTER = 1.0
"""Seconds after which a refused sender may come back."""


class SendingQueue:
    """Accepts batches at once and delivers them in the background.

    A full queue refuses at the front door: the sender is told to come back later, and is the only place that can hold
    the data without limit.  What was admitted is taken even if others filled the queue meanwhile.
    """

    def __init__(
        self, delivery: Delivery, config: QueueConfig, settings: Settings, accounts: Accounts, room: Room
    ) -> None:
        self._delivery = delivery
        self._config = config
        self._settings = settings
        self._accounts = accounts
        self._room = room
        self._waiting: asyncio.Queue[tuple[Batch, asyncio.Future[None] | None]] = asyncio.Queue()
        self._used = 0
        telemetry, labels = accounts.telemetry, {"exporter": accounts.component}
        telemetry.read(QUEUE_SIZE, lambda: self._used, **labels)
        telemetry.read(QUEUE_CAPACITY, lambda: config.queue_size, **labels)

    def admits(self, items: int, size: int) -> RetryableError | None:
        """An empty queue takes even what is larger than it: refusing would be for ever."""
        if self._config.block_on_overflow or not self._used:
            return None
        if self._used + self._measure(items, size) <= self._config.queue_size:
            return None
        message = f"the sending queue of {self._settings.id} is full"
        return RetryableError(message, retry_after=RETRY_AFTER, reason=RefusalReason.QUEUE_FULL)

    async def consume(self, batch: Batch) -> None:
        self._accounts.held(batch.signal, len(batch))
        if self._config.block_on_overflow:
            await self._wait_for_room(batch)
        outcome = asyncio.get_running_loop().create_future() if self._config.wait_for_result else None
        self._used += self._measure(len(batch), len(batch.wire))
        self._waiting.put_nowait((batch, outcome))
        if outcome:
            await outcome

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Deliver until the end of the block, then until nothing is left."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._deliver()) for _ in range(self._config.num_consumers)]
            try:
                yield
                await self._waiting.join()
            finally:
                for worker in workers:
                    worker.cancel()
                self._give_up()

    def _measure(self, items: int, size: int) -> int:
        match self._config.sizer:
            case Sizer.REQUESTS:
                return 1
            case Sizer.ITEMS:
                return items
            case Sizer.BYTES:
                return size

    async def _wait_for_room(self, batch: Batch) -> None:
        amount = self._measure(len(batch), len(batch.wire))
        while self._used and self._used + amount > self._config.queue_size:
            await self._room.wait()

    async def _deliver(self) -> None:
        while True:
            await self._deliver_one(*await self._waiting.get())

    async def _deliver_one(self, batch: Batch, outcome: asyncio.Future[None] | None) -> None:
        signal, items, size = batch.signal, len(batch), len(batch.wire)
        try:
            await self._delivery.deliver(batch)
            _settle(outcome, None)
        except ConsumeError as error:
            _settle(outcome, error)
        except asyncio.CancelledError:
            self._drop(batch)
            raise
        finally:
            self._used -= self._measure(items, size)
            self._accounts.held(signal, -items)
            self._room.announce()
            self._waiting.task_done()

    def _give_up(self) -> None:
        """Count what the drain timeout left behind."""
        while not self._waiting.empty():
            batch, outcome = self._waiting.get_nowait()
            self._accounts.held(batch.signal, -len(batch))
            self._drop(batch)
            if outcome:
                outcome.cancel()

    def _drop(self, batch: Batch) -> None:
        self._accounts.dropped(batch.signal, DropReason.SHUTDOWN_DEADLINE, len(batch))


class DirectDelivery:
    """What stands before an exporter whose queue is off: the sender waits for the backend's answer."""

    def __init__(self, delivery: Delivery, accounts: Accounts) -> None:
        self._delivery = delivery
        self._accounts = accounts

    def admits(self, items: int, size: int) -> RetryableError | None:
        return None

    async def consume(self, batch: Batch) -> None:
        signal, items = batch.signal, len(batch)
        self._accounts.held(signal, items)
        try:
            await self._delivery.deliver(batch)
        except asyncio.CancelledError:
            self._accounts.dropped(signal, DropReason.SHUTDOWN_DEADLINE, items)
            raise
        finally:
            self._accounts.held(signal, -items)


def _settle(outcome: asyncio.Future[None] | None, error: ConsumeError | None) -> None:
    if outcome is None or outcome.done():
        return
    if error:
        outcome.set_exception(error)
    else:
        outcome.set_result(None)
