"""Brings one batch to a backend, as it is or translated, and counts what became of each item."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from operator import index

from collector.api import Exporter, Outcome, Parcel, Prepared, PreparingExporter, Settings
from collector.batch import Batch, Signal
from collector.delivery.drain import Drain
from collector.delivery.lanes import Lanes, Turn
from collector.delivery.retry import Attempts, end_if_cancelled
from collector.delivery.settings import DeliveryConfig
from collector.delivery.settlement import Ledger, Settlement
from collector.errors import ConsumeError, DropReason, RetryableError
from collector.nodes import a_bug_costs_one_batch
from collector.telemetry import Accounts

AT_ONCE = 16
"""How many parcels of one batch are sent at the same time, of those that are in no lane."""

WhyCancelled = Callable[[], DropReason]
"""Asked when a delivery is cancelled: the deadline for draining, or a sender that hung up."""


class Delivery:
    """Sends batches of one exporter until they are acknowledged, refused for good, or too old."""

    def __init__(
        self,
        exporter: Exporter | PreparingExporter,
        config: DeliveryConfig,
        settings: Settings,
        accounts: Accounts,
        drain: Drain | None = None,
    ) -> None:
        self.drain = drain or Drain()
        self._ledger = Ledger(settings, accounts)
        attempts = Attempts(config, self._ledger, self.drain)
        if isinstance(exporter, PreparingExporter):
            self._way: _AsItIs | _Translated = _Translated(exporter, attempts, settings)
        else:
            self._way = _AsItIs(exporter, attempts)

    async def deliver(self, batch: Batch, why_cancelled: WhyCancelled = lambda: DropReason.SHUTDOWN_DEADLINE) -> None:
        """Return when the backend has answered for good.

        The caller has booked the items as held; each of them is counted as sent or dropped, and no longer held, before
        this returns, raises or is cancelled.

        Raises:
            PermanentError, RetryableError: some or all were dropped; the answer to one of them.
        """
        settlement = Settlement(self._ledger, batch)
        try:
            await self._way.bring(batch, settlement)
        except ConsumeError as error:
            settlement.failed(error, settlement.left)
            raise
        except asyncio.CancelledError:
            settlement.cancelled(why_cancelled())
            raise
        settlement.sent(settlement.left)


class _AsItIs:
    def __init__(self, exporter: Exporter, attempts: Attempts) -> None:
        self._exporter = exporter
        self._attempts = attempts

    async def bring(self, batch: Batch, settlement: Settlement) -> None:
        async def attempt() -> int:
            # an exporter owns what it is given, and the next attempt is of the same data
            return int(await self._exporter.export(batch.copy()) or 0)

        rejected = await self._attempts.until_answered(batch.signal, attempt)
        settlement.rejected({DropReason.PARTIAL_SUCCESS: rejected})


class _Translated:
    """Translates batches one after the other, and sends what becomes of them side by side, lane by lane."""

    def __init__(self, exporter: PreparingExporter, attempts: Attempts, settings: Settings) -> None:
        self._exporter = exporter
        self._attempts = attempts
        self._settings = settings
        self._desk = asyncio.Lock()
        self._lanes = Lanes()

    async def bring(self, batch: Batch, settlement: Settlement) -> None:
        signal = batch.signal
        async with self._desk:
            prepared = await self._prepare(batch)
            end_if_cancelled()
            lines = [(self._line_up(lane), parcels) for lane, parcels in _by_lane(prepared.parcels)]
        settlement.rejected(prepared.dropped, "they cannot be written in the backend's format")
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = [tasks.create_task(self._send_line(signal, *line, settlement)) for line in lines]
        finally:
            for turn, _ in lines:
                turn.give_way()  # a task that is cancelled before it starts never does
        settlement.sent(settlement.left)
        for task in sending:
            if error := task.result():
                raise error

    async def _prepare(self, batch: Batch) -> Prepared:
        with a_bug_costs_one_batch(self._settings):
            return _checked(await self._exporter.prepare(batch))

    def _line_up(self, lane: int | None) -> Turn:
        return Turn(None) if lane is None else self._lanes.line_up(lane)

    async def _send_line(
        self, signal: Signal, turn: Turn, parcels: Iterable[Parcel], settlement: Settlement
    ) -> ConsumeError | None:
        """Send parcels one after another; return the error of the first that failed.

        They share the time for retries, which begins anew when the backend answers one of them for good: a backend that
        is down costs a batch its time once, and not once for each parcel.
        """
        first: ConsumeError | None = None
        clock = self._settings.clock
        async with turn:
            since = clock.monotonic()
            for parcel in parcels:
                error = await self._send(signal, parcel, settlement, since)
                if not isinstance(error, RetryableError):
                    since = clock.monotonic()
                first = first or error
        return first

    async def _send(self, signal: Signal, parcel: Parcel, settlement: Settlement, since: float) -> ConsumeError | None:
        sending = _Sending(self._exporter, parcel, settlement)
        try:
            await self._attempts.until_answered(signal, sending.attempt, since)
        except ConsumeError as error:
            settlement.failed(error, sending.left)
            return error
        settlement.sent(sending.left)
        return None


class _Sending:
    """One parcel, or what is left of it after some attempts."""

    def __init__(self, exporter: PreparingExporter, parcel: Parcel, settlement: Settlement) -> None:
        self._exporter = exporter
        self._parcel = parcel
        self._settlement = settlement
        self.left = parcel.items

    async def attempt(self) -> None:
        outcome = await self._exporter.send(self._parcel)
        if outcome is None:
            return
        if not isinstance(outcome, Outcome):
            raise TypeError(f"send() returned {type(outcome).__name__}, not Outcome or None")
        rest = None if outcome.rest is None else _checked_parcel(outcome.rest)
        self._settle(_checked_counts(outcome.dropped), rest, str(outcome.message))
        if rest is not None:
            self._parcel = rest
            raise RetryableError(outcome.message or "not all of it was taken", retry_after=outcome.retry_after)

    def _settle(self, dropped: Mapping[DropReason, int], rest: Parcel | None, message: str) -> None:
        self._settlement.rejected(dropped, message)
        self.left = max(self.left - sum(dropped.values()), 0)
        if rest is not None:
            self._settlement.sent(self.left - rest.items)
            self.left = min(rest.items, self.left)


def _checked(prepared: object) -> Prepared:
    """Return it, whatever it was made of, as what the engine can work with.

    Raises:
        TypeError, ValueError: it is none; what was returned in its place costs its batch and nothing else.
    """
    if not isinstance(prepared, Prepared):
        raise TypeError(f"prepare() returned {type(prepared).__name__}, not Prepared")
    return Prepared(tuple(map(_checked_parcel, prepared.parcels)), _checked_counts(prepared.dropped))


def _checked_parcel(parcel: object) -> Parcel:
    if not isinstance(parcel, Parcel):
        raise TypeError(f"{type(parcel).__name__} is not a Parcel")
    index(parcel.items)
    hash(parcel.lane)
    return parcel


def _checked_counts(dropped: Mapping[DropReason, int]) -> Mapping[DropReason, int]:
    return {DropReason(reason): index(items) for reason, items in dropped.items()}


def _by_lane(parcels: Iterable[Parcel]) -> list[tuple[int | None, Iterable[Parcel]]]:
    """Group parcels that have to be sent one after another; of the others, whoever is free takes the next."""
    alone: list[Parcel] = []
    lanes: dict[int, list[Parcel]] = {}
    for parcel in parcels:
        line = alone if parcel.lane is None else lanes.setdefault(parcel.lane, [])
        line.append(parcel)
    shared = iter(alone)
    return [*((None, shared) for _ in alone[:AT_ONCE]), *lanes.items()]
