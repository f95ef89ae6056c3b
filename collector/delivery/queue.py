"""A bounded queue between the pipelines and one exporter, and what stands there if it is off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import Settings
from collector.batch import Batch, Signal
from collector.delivery.batching import Batching, Entry
from collector.delivery.delivery import Delivery
from collector.delivery.settings import QueueConfig
from collector.errors import ConsumeError, DropReason, RefusalReason, RetryableError
from collector.nodes import Room
from collector.telemetry import ENQUEUE_FAILED, QUEUE_CAPACITY, QUEUE_SIZE, Accounts

RETRY_AFTER = 1.0
"""Seconds after which a refused sender may come back."""


class _Shipment:
    """Entries that travel together, in one request or several; their senders get one answer, when all are done."""

    def __init__(self, entries: list[Entry], pieces: int) -> None:
        self.amount = sum([entry.amount for entry in entries])
        self._outcomes = [entry.outcome for entry in entries if entry.outcome]
        self._pieces = pieces
        self._error: ConsumeError | None = None

    def finish_one(self, error: ConsumeError | None) -> bool:
        """Note the answer to one piece; return whether it was the last."""
        self._pieces -= 1
        self._error = self._error or error
        if self._pieces:
            return False
        for outcome in self._outcomes:
            _settle(outcome, self._error)
        return True


class SendingQueue:
    """Accepts batches at once and delivers them in the background.

    A full queue refuses at the front door: the sender is told to come back later, and is the only place that can hold
    the data without limit.  What was admitted is taken even if others filled the queue meanwhile.  A batch takes room
    until the backend has answered.
    """

    def __init__(
        self, delivery: Delivery, config: QueueConfig, settings: Settings, accounts: Accounts, room: Room
    ) -> None:
        self._delivery = delivery
        self._config = config
        self._settings = settings
        self._accounts = accounts
        self._room = room
        self._batching = Batching(config.batch, settings.clock, self._ship) if config.batch else None
        self._waiting: asyncio.Queue[tuple[Batch, _Shipment]] = asyncio.Queue()
        self._used = 0
        self._timers: asyncio.TaskGroup | None = None
        self._is_closed = False
        telemetry, labels = accounts.telemetry, {"exporter": accounts.component}
        telemetry.read(QUEUE_SIZE, lambda: self._used, **labels)
        telemetry.read(QUEUE_CAPACITY, lambda: config.queue_size, **labels)

    def admits(self, items: int, size: int) -> RetryableError | None:
        """An empty queue takes even what is larger than it: refusing would be for ever."""
        if self._is_closed:
            return _stopping(self._settings)
        if self._config.block_on_overflow or self._has_room(self._config.sizer.measure(items, size)):
            return None
        message = f"the sending queue of {self._settings.id} is full"
        return RetryableError(message, retry_after=RETRY_AFTER, reason=RefusalReason.QUEUE_FULL)

    async def consume(self, batch: Batch) -> None:
        signal, items = batch.signal, len(batch)
        if self._is_closed:
            raise self._drop(signal, items)
        entry = Entry(batch, self._config.sizer.measure(items, len(batch.wire)))
        self._accounts.held(signal, items)
        if self._config.block_on_overflow and not self._has_room(entry.amount):
            await self._wait_for_room(entry)
        self._used += entry.amount
        if self._config.wait_for_result:
            entry.outcome = asyncio.get_running_loop().create_future()
        if self._batching:
            self._batching.add(entry, self._timers)
        else:
            self._ship([entry], [batch])
        if entry.outcome:
            await entry.outcome

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Deliver until the end of the block, then until nothing is left.

        What is held is delivered even if another component ended the block by dying; only a cancellation, which is
        the drain deadline, leaves something behind.
        """
        self._is_closed = False
        async with asyncio.TaskGroup() as tasks:
            self._timers = tasks
            workers = [tasks.create_task(self._deliver()) for _ in range(self._config.num_consumers)]
            try:
                try:
                    yield
                except Exception:
                    await self._empty()
                    raise
                await self._empty()
            finally:
                self._is_closed = True
                for worker in workers:
                    worker.cancel()
                self._give_up()

    def _has_room(self, amount: int) -> bool:
        return not self._used or self._used + amount <= self._config.queue_size

    async def _wait_for_room(self, entry: Entry) -> None:
        signal, items = entry.batch.signal, len(entry.batch)
        try:
            while not self._has_room(entry.amount):
                await self._room.wait()
        except asyncio.CancelledError:
            self._accounts.held(signal, -items)
            self._accounts.dropped(signal, _why_cancelled(self._delivery), items)
            self._accounts.telemetry.point(ENQUEUE_FAILED[signal], exporter=self._accounts.component).add(items)
            raise
        if self._is_closed:
            self._accounts.held(signal, -items)
            raise self._drop(signal, items)

    def _ship(self, entries: list[Entry], batches: list[Batch]) -> None:
        shipment = _Shipment(entries, len(batches))
        for batch in batches:
            self._waiting.put_nowait((batch, shipment))

    async def _empty(self) -> None:
        self._timers = None
        if self._batching:
            self._batching.flush()
        await self._waiting.join()

    async def _deliver(self) -> None:
        while not self._is_closed:  # a plugin may have swallowed the cancellation of its export
            await self._deliver_one(*await self._waiting.get())

    async def _deliver_one(self, batch: Batch, shipment: _Shipment) -> None:
        answer: ConsumeError | None = None
        try:
            await self._delivery.deliver(batch)
        except ConsumeError as error:
            answer = error
        except asyncio.CancelledError:
            answer = _stopping(self._settings)
            raise
        finally:
            self._finish(shipment, answer)

    def _finish(self, shipment: _Shipment, answer: ConsumeError | None) -> None:
        if shipment.finish_one(answer):
            self._used -= shipment.amount
            self._room.announce()
        self._waiting.task_done()

    def _give_up(self) -> None:
        """Count what the drain timeout left behind."""
        if self._batching:
            self._batching.flush()
        while not self._waiting.empty():
            batch, shipment = self._waiting.get_nowait()
            signal, items = batch.signal, len(batch)
            self._accounts.held(signal, -items)
            self._finish(shipment, self._drop(signal, items))

    def _drop(self, signal: Signal, items: int) -> RetryableError:
        self._accounts.dropped(signal, DropReason.SHUTDOWN_DEADLINE, items)
        return _stopping(self._settings)


class DirectDelivery:
    """What stands before an exporter whose queue is off: the sender waits for the backend's answer."""

    def __init__(self, delivery: Delivery, accounts: Accounts) -> None:
        self._delivery = delivery
        self._accounts = accounts

    def admits(self, items: int, size: int) -> RetryableError | None:
        return None

    async def consume(self, batch: Batch) -> None:
        self._accounts.held(batch.signal, len(batch))
        await self._delivery.deliver(batch, lambda: _why_cancelled(self._delivery))


def _why_cancelled(delivery: Delivery) -> DropReason:
    """Either the time for draining is over, or the sender hung up while it had to wait."""
    return DropReason.SHUTDOWN_DEADLINE if delivery.drain.has_begun else DropReason.SENDER_GONE


def _stopping(settings: Settings) -> RetryableError:
    message = f"{settings.id} has stopped"
    return RetryableError(message, retry_after=RETRY_AFTER, reason=RefusalReason.SHUTTING_DOWN)


def _settle(outcome: asyncio.Future[None], error: ConsumeError | None) -> None:
    if outcome.done():
        return
    if error:
        outcome.set_exception(error)
    else:
        outcome.set_result(None)
