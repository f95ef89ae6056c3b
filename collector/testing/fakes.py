"""Stand-ins for the neighbours a component has: what comes next, a backend, and the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from collector.api import ComponentID, Settings
from collector.batch import Batch
from collector.clock import SystemClock
from collector.errors import RetryableError
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


def settings(id_: str) -> Settings:
    """Return what the engine would hand a component of this id, with books of its own."""
    component = ComponentID.parse(id_)
    telemetry = Telemetry().component(id_)
    return Settings(id=component, logger=logging.getLogger(id_), telemetry=telemetry, clock=SystemClock())
