"""The engine's half of a component: what turns an author's one method into a `Consumer`.

Counting, containing errors, admission, fanning out and routing happen here and only here, so every component is
measured the same way and none can take the process down with it.

Whoever is handed a batch keeps the books of it from that call on: it passes it on, holds it, or counts it as dropped.
A node never raises a refusal after admission, except where there is no queue: then the backend's answer is the answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence

from collector.api import Consumer, HasAdmission, Processor, Settings
from collector.batch import Batch, Signal
from collector.errors import ConsumeError, DropReason, PermanentError, RefusalReason, RetryableError
from collector.portions import LARGE_ITEMS, LARGE_SIZE, HasIndivisible, Indivisible, Turns
from collector.telemetry import ACCEPTED, CONSUMED, INCOMING, OUTGOING, Accounts, Point

logger = logging.getLogger(__name__)

_LACKS_ROOM = frozenset({RefusalReason.QUEUE_FULL, RefusalReason.DOWNSTREAM})


class Room:
    """Tells whoever waits that some component may have room again."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    def announce(self) -> None:
        """Wake everybody who waits, the first one first; each asks again."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Return at the next announcement."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            await future
        finally:  # who hangs up while nothing is announced must not be remembered for ever
            self._waiting.pop(future, None)


class ReceiverNode:
    """Where data comes in: admits, counts and hands on, all or nothing.  Implements `api.Intake`."""

    def __init__(self, accounts: Accounts, routes: Mapping[Signal, Consumer]) -> None:
        self.signals = frozenset(routes)
        self._accounts = accounts
        self._routes = routes
        self._accepted: dict[tuple[Signal, str], Point] = {}

    def admits(self, signal: Signal, items: int, size: int) -> RetryableError | None:
        return self._routes[signal].admits(items, size)

    async def consume(self, batch: Batch, *, transport: str = "") -> None:
        signal, items = batch.signal, len(batch)
        if not items:
            return
        route = self._routes[signal]
        if refusal := route.admits(items, batch.size or len(batch.wire)):
            self.refused(signal, refusal.reason, transport=transport, items=items)
            raise refusal
        accepted = self._accepted.get((signal, transport)) or self._point(signal, transport)
        accepted.value += items
        await route.consume(batch)

    def refused(self, signal: Signal, reason: RefusalReason, *, transport: str = "", items: int = 0) -> None:
        self._accounts.refused(signal, reason, items, transport)

    def _point(self, signal: Signal, transport: str) -> Point:
        labels = {"receiver": self._accounts.component, "transport": transport}
        point = self._accounts.telemetry.point(ACCEPTED[signal], **labels)
        self._accepted[signal, transport] = point
        return point


class ProcessorNode:
    """Runs a processor that returns data."""

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        signal: Signal,
        processor: Processor,
        reason: DropReason,
        next_: Consumer,
        turns: Turns | None = None,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._processor = processor
        self._gate = processor if isinstance(processor, HasAdmission) else None
        self._reason = reason
        self._next = next_
        self._turns = turns or Turns()
        indivisible = processor.indivisible if isinstance(processor, HasIndivisible) else Indivisible.ITEM
        self._whole_records = indivisible is Indivisible.RECORD
        is_cut = indivisible is not Indivisible.REQUEST
        self._most_items, self._most_bytes = (LARGE_ITEMS, LARGE_SIZE) if is_cut else (sys.maxsize, sys.maxsize)
        labels = {"processor": accounts.component, "otel_signal": str(signal)}
        self._incoming = accounts.telemetry.point(INCOMING, **labels)
        self._outgoing = accounts.telemetry.point(OUTGOING, **labels)

    def admits(self, items: int, size: int) -> RetryableError | None:
        if self._gate and (refusal := _answer_of(self._gate, self._settings, items, size)):
            return refusal
        return self._next.admits(items, size)

    async def consume(self, batch: Batch) -> None:
        signal, incoming = batch.signal, len(batch)
        self._incoming.value += incoming
        try:
            if incoming > self._most_items or batch.size > self._most_bytes:
                result, outgoing = await self._in_portions(batch, incoming)
            else:
                result, outgoing = self._at_once(batch)
        except ConsumeError as error:
            reason = error.reason if isinstance(error, PermanentError) else DropReason.PLUGIN_ERROR
            self._accounts.dropped(signal, reason, incoming)
            return
        self._outgoing.value += outgoing
        if outgoing < incoming:
            self._accounts.dropped(signal, self._reason, incoming - outgoing)
        elif outgoing > incoming:
            self._accounts.created(signal, outgoing - incoming)
        if result is not None and outgoing:
            await self._next.consume(result)

    async def _in_portions(self, batch: Batch, items: int) -> tuple[Batch | None, int]:
        self._accounts.held(batch.signal, items)
        try:
            with a_bug_costs_one_batch(self._settings):
                return await self._turns.process(batch, self._at_once, whole_records=self._whole_records)
        except asyncio.CancelledError:
            self._accounts.dropped(batch.signal, self._turns.why_cancelled(), items)
            raise
        finally:
            self._accounts.held(batch.signal, -items)

    def _at_once(self, batch: Batch) -> tuple[Batch | None, int]:
        signal = batch.signal  # of what comes in; a plugin may do anything to the batch
        with a_bug_costs_one_batch(self._settings, WITHOUT_WAITING):
            result = self._process(batch)
            return result, 0 if result is None else _checked(result, signal)

    def _process(self, batch: Batch) -> Batch | None:
        try:
            return self._processor.process(batch)
        except ConsumeError as refusal:
            self._settings.logger.error("%s: a batch is dropped: %s", self._settings.id, refusal)
            raise


def _checked(result: object, signal: Signal) -> int:
    if not isinstance(result, Batch) or result.signal is not signal:
        raise TypeError(f"process() returned {result!r} for a batch of {signal}")
    return len(result)


class BufferingNode:
    """Runs a processor that holds data back."""

    def __init__(
        self, settings: Settings, accounts: Accounts, signal: Signal, processor: Consumer, after: AfterAcceptance
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._processor = processor
        self._after = after
        labels = {"processor": accounts.component, "otel_signal": str(signal)}
        self._incoming = accounts.telemetry.point(INCOMING, **labels)

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Ask the processors behind this one too: what says no at the front door can stand anywhere in a pipeline."""
        if refusal := self._after.refuses_for_other_reasons_than_room(items, size):
            return refusal
        return _answer_of(self._processor, self._settings, items, size)

    async def consume(self, batch: Batch) -> None:
        signal, items = batch.signal, len(batch)
        self._incoming.value += items
        try:
            with a_bug_costs_one_batch(self._settings):
                await self._processor.consume(batch)
        except ConsumeError:
            self._accounts.dropped(signal, DropReason.PLUGIN_ERROR, items)


class ConnectorNode:
    """Ends a pipeline: hands to a connector, which feeds others.

    What a connector passes on, drops or makes it counts itself, as whoever holds data does.
    """

    def __init__(self, settings: Settings, accounts: Accounts, signal: Signal, connector: Consumer) -> None:
        self._settings = settings
        self._accounts = accounts
        self._connector = connector
        self._incoming = accounts.telemetry.point(CONSUMED, connector=accounts.component, otel_signal=str(signal))

    def admits(self, items: int, size: int) -> RetryableError | None:
        return _answer_of(self._connector, self._settings, items, size)

    async def consume(self, batch: Batch) -> None:
        signal, items = batch.signal, len(batch)
        self._incoming.value += items
        try:
            await self._connector.consume(batch)
        except ConsumeError:  # of what comes next, which counted it
            raise
        except BUGS as bug:
            self._accounts.dropped(signal, DropReason.PLUGIN_ERROR, items)
            raise _report(bug, self._settings) from bug


class AfterAcceptance:
    """What follows a component that holds data back.

    The sender has had its answer, so nothing may refuse from here on: it waits until there is room.  What is lost to
    a permanent error was counted by the node that lost it.
    """

    def __init__(self, accounts: Accounts, signal: Signal, next_: Consumer, room: Room) -> None:
        self._accounts = accounts
        self._next = next_
        self._room = room
        labels = {"processor": accounts.component, "otel_signal": str(signal)}
        self._outgoing = accounts.telemetry.point(OUTGOING, **labels)

    def admits(self, items: int, size: int) -> RetryableError | None:
        return self._next.admits(items, size)

    def refuses_for_other_reasons_than_room(self, items: int, size: int) -> RetryableError | None:
        """Return the refusal of a component that guards the front door, such as memory_limiter."""
        refusal = self._next.admits(items, size)
        return None if refusal is None or refusal.reason in _LACKS_ROOM else refusal

    async def consume(self, batch: Batch) -> None:
        items, size = len(batch), len(batch.wire)
        if self._lacks_room(items, size):
            self._accounts.held(batch.signal, items)
            try:
                while self._lacks_room(items, size):
                    await self._room.wait()
            except asyncio.CancelledError:
                self._accounts.dropped(batch.signal, DropReason.SHUTDOWN_DEADLINE, items)
                raise
            finally:
                self._accounts.held(batch.signal, -items)
        self._outgoing.value += items
        try:
            await self._next.consume(batch)
        except ConsumeError as error:
            logger.warning("%s: %d items were not delivered: %s", self._accounts.component, items, error)
        self._room.announce()

    def _lacks_room(self, items: int, size: int) -> bool:
        """Keeping data here for any other reason, such as little memory, would only make that worse."""
        refusal = self._next.admits(items, size)
        return refusal is not None and refusal.reason in _LACKS_ROOM


class FanOut:
    """Hands one batch to several consumers, each with its own copy, and to those first that take it at once."""

    def __init__(self, accounts: Accounts, at_once: Sequence[Consumer], waiting: Sequence[Consumer] = ()) -> None:
        self._accounts = accounts
        self._at_once = at_once
        self._waiting = waiting
        self._consumers = [*at_once, *waiting]

    def admits(self, items: int, size: int) -> RetryableError | None:
        """One full branch refuses for all, so that a retry never duplicates data on the others."""
        for consumer in self._consumers:
            if refusal := consumer.admits(items, size):
                return refusal
        return None

    async def consume(self, batch: Batch) -> None:
        signal, items, branches = batch.signal, len(batch), len(self._consumers)
        self._accounts.created(signal, items * (branches - 1))
        self._accounts.held(signal, items * branches)
        shares = [batch, *(batch.copy() for _ in range(branches - 1))]
        refusals: list[Exception] = []
        try:
            for consumer in self._at_once:
                await self._offer(consumer, shares, refusals)
            await self._offer_together(shares, refusals)
        finally:
            if left := items * len(shares):  # cancelled before they were handed to anybody
                self._accounts.held(signal, -left)
                self._accounts.dropped(signal, DropReason.SENDER_GONE, left)
        if refusals:
            raise refusals[0]

    async def _offer(self, consumer: Consumer, shares: list[Batch], refusals: list[Exception]) -> None:
        share = shares.pop()
        self._accounts.held(share.signal, -len(share))
        try:
            await consumer.consume(share)
        except Exception as refusal:  # one branch must not starve the others
            refusals.append(refusal)

    async def _offer_together(self, shares: list[Batch], refusals: list[Exception]) -> None:
        """Let no branch wait for another: one backend may be down for hours."""
        if len(self._waiting) == 1:
            await self._offer(self._waiting[0], shares, refusals)
        elif self._waiting:
            offers = [self._offer(consumer, shares, refusals) for consumer in self._waiting]
            for result in await asyncio.gather(*offers, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result


BUGS: tuple[type[BaseException], ...] = (Exception, SystemExit)
"""What no component should raise.  `sys.exit()` in one of them must not end the collector either."""
WITHOUT_WAITING: tuple[type[BaseException], ...] = (BaseException,)
"""The same where nothing is awaited, so that nobody can have been cancelled."""
_NOT_BUGS = (ConsumeError, KeyboardInterrupt)


class a_bug_costs_one_batch:  # noqa: N801  it reads as the statement it is
    """Report an unforeseen exception as a permanent error.

    A batch that trips a bug would trip it again after a restart: crashing would turn one bad batch into an outage.

    A class and not a generator, which would cost every batch in every node four times as much.
    """

    __slots__ = ("_bugs", "_settings")

    def __init__(self, settings: Settings, bugs: tuple[type[BaseException], ...] = BUGS) -> None:
        self._settings = settings
        self._bugs = bugs

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, bug: BaseException | None, traceback: object) -> None:
        if bug is None or isinstance(bug, _NOT_BUGS):
            return
        if not isinstance(bug, self._bugs) and not _cancels_nobody(bug):
            return
        raise _report(bug, self._settings) from bug


def _cancels_nobody(bug: BaseException) -> bool:
    """Say whether a cancellation was not asked for: a component waited for something of its own that was cancelled."""
    task = asyncio.current_task()
    return isinstance(bug, asyncio.CancelledError) and task is not None and not task.cancelling()


def _answer_of(component: HasAdmission, settings: Settings, items: int, size: int) -> RetryableError | None:
    """Ask a component at the front door; if it has a bug the door stays shut, and the sender keeps the data."""
    try:
        refusal = component.admits(items, size)
        if refusal is not None and not isinstance(refusal, RetryableError):
            raise TypeError(f"admits() returned {refusal!r}")
    except RetryableError as raised:
        return raised
    except BUGS as bug:
        settings.logger.error("%s: unexpected error, data is refused", settings.id, exc_info=bug)
        message = f"internal error in {settings.id}: {type(bug).__name__}"
        return RetryableError(message, retry_after=1.0, reason=RefusalReason.INTERNAL)
    return refusal


def _report(bug: BaseException, settings: Settings) -> PermanentError:
    settings.logger.error("%s: unexpected error, the batch is dropped", settings.id, exc_info=bug)
    return PermanentError(f"internal error in {settings.id}: {type(bug).__name__}", reason=DropReason.PLUGIN_ERROR)
