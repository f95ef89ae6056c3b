"""Stand-ins for the neighbours a component has: what comes next, a backend, and the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from collector.api import Clock, ComponentID, Settings
from collector.batch import ALL_SIGNALS, Batch, Signal
from collector.clock import SystemClock
from collector.errors import RefusalReason, RetryableError
from collector.telemetry import Telemetry


class Sink:
    """A `Consumer` that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def admits(self, items: int, size: int) -> RetryableError | None:
        return None

    async def consume(self, batch: Batch) -> None:
        self.batches.append(batch)

    @property
    def items(self) -> int:
        return sum(len(batch) for batch in self.batches)


class FakeBackend:
    """An `Exporter` whose backend answers from a script, then accepts everything."""

    def __init__(self, failures: Iterable[Exception] = ()) -> None:
        self._failures = iter(failures)
        self.attempts = 0
        self.accepted: list[Batch] = []

    async def export(self, batch: Batch) -> None:
        self.attempts += 1
        if failure := next(self._failures, None):
            raise failure
        self.accepted.append(batch)


class FakeIntake:
    """What a receiver hands its batches to: keeps them, and what the receiver refused."""

    def __init__(self, signals: Iterable[Signal] = ALL_SIGNALS, refusal: RetryableError | None = None) -> None:
        self.signals = frozenset(signals)
        self.refusal = refusal
        """What everybody is answered; None takes everything."""
        self.batches: list[Batch] = []
        self.refusals: list[RefusalReason] = []

    def admits(self, signal: Signal, items: int, size: int) -> RetryableError | None:
        return self.refusal

    async def consume(self, batch: Batch, *, transport: str = "") -> None:
        if self.refusal:
            raise self.refusal
        self.batches.append(batch)

    def refused(self, signal: Signal, reason: RefusalReason, *, transport: str = "", items: int = 0) -> None:
        self.refusals.append(reason)


class FakeHost:
    """What an extension sees of its service."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ready = ready

    def is_ready(self) -> bool:
        return self.ready


def settings(id_: str, clock: Clock | None = None) -> Settings:
    """Return what the engine would hand a component of this id, with books of its own."""
    component = ComponentID.parse(id_)
    telemetry = Telemetry().component(id_)
    return Settings(id=component, logger=logging.getLogger(id_), telemetry=telemetry, clock=clock or SystemClock())
