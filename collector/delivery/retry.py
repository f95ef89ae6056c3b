"""Try again, later and later, while it may help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from collector.api import Exporter, Settings
from collector.batch import Batch, Signal
from collector.delivery.drain import Drain
from collector.delivery.settings import DeliveryConfig, RetryConfig
from collector.errors import DropReason, PermanentError, RetryableError
from collector.nodes import a_bug_costs_one_batch
from collector.telemetry import RETRIES, SEND_FAILED, SENT, Accounts, Metric, Point

LONGEST_PAUSE = 3600.0
"""Seconds; a backend that asks for more than an hour is not believed."""
SHORTEST_PAUSE = 0.01
"""Seconds; no setting makes a failing backend the target of a tight loop."""


class Delivery:
    """Sends one batch until it is acknowledged, refused for good, or too old, and counts what became of it."""

    def __init__(
        self,
        exporter: Exporter,
        config: DeliveryConfig,
        settings: Settings,
        accounts: Accounts,
        drain: Drain | None = None,
    ) -> None:
        self.drain = drain or Drain()
        self._exporter = exporter
        self._retry = config.retry_on_failure
        self._timeout = config.timeout or None
        self._settings = settings
        self._accounts = accounts
        self._points: dict[tuple[str, Signal], Point] = {}

    async def deliver(self, batch: Batch) -> None:
        """Return when the backend has answered for good.

        Every item is counted as sent or dropped before this returns or raises, unless it is cancelled.

        Raises:
            PermanentError, RetryableError: it was dropped; the last answer.
        """
        size = len(batch)
        try:
            rejected = await self._until_answered(batch)
        except PermanentError as error:
            self._failed(batch, size, error.reason, error)
            raise
        except RetryableError as error:
            self._failed(batch, size, DropReason.RETRY_EXHAUSTED, error)
            raise
        self._point(SENT[batch.signal], batch.signal).value += size - rejected
        if rejected:
            self._settings.logger.warning("%s: the backend rejected %d of %d items", self._settings.id, rejected, size)
            self._accounts.dropped(batch.signal, DropReason.PARTIAL_SUCCESS, rejected)

    async def _until_answered(self, batch: Batch) -> int:
        clock = self._settings.clock
        started = clock.monotonic()
        for interval in backoff(self._retry):
            try:
                return await self._attempt(batch)
            except RetryableError as error:
                pause = self.drain.limit(max(interval, min(error.retry_after, LONGEST_PAUSE), SHORTEST_PAUSE))
                if self._gives_up(clock.monotonic() + pause - started):
                    raise
                self._settings.logger.info("%s: will retry in %.1f s: %s", self._settings.id, pause, error)
            await self.drain.pause(clock, pause)
            self._accounts.telemetry.point(RETRIES, exporter=self._accounts.component, signal=batch.signal).add(1)
        raise AssertionError("backoff() never ends")

    def _gives_up(self, elapsed: float) -> bool:
        return not self._retry.enabled or 0 < self._retry.max_elapsed_time < elapsed

    async def _attempt(self, batch: Batch) -> int:
        try:
            async with asyncio.timeout(self._timeout):
                with a_bug_costs_one_batch(self._settings):
                    # an exporter owns what it is given, and the next attempt is of the same data
                    rejected = await self._exporter.export(batch.copy()) or 0
                    return max(min(int(rejected), len(batch)), 0)
        except TimeoutError:
            raise RetryableError(f"no answer within {self._timeout} s") from None

    def _failed(self, batch: Batch, size: int, reason: DropReason, error: Exception) -> None:
        self._settings.logger.error("%s: dropping %d items (%s): %s", self._settings.id, size, reason, error)
        self._point(SEND_FAILED[batch.signal], batch.signal).value += size
        self._accounts.dropped(batch.signal, reason, size)

    def _point(self, metric: Metric, signal: Signal) -> Point:
        """Return a metric's point, looked up by its labels only once."""
        point = self._points.get((metric.name, signal))
        if point is None:
            point = self._accounts.telemetry.point(metric, exporter=self._accounts.component)
            self._points[metric.name, signal] = point
        return point


def backoff(config: RetryConfig) -> Iterator[float]:
    """Yield pauses that grow by `multiplier` up to `max_interval`, each spread by `randomization_factor`."""
    interval, spread = config.initial_interval, config.randomization_factor
    while True:
        yield random.uniform(interval * (1 - spread), interval * (1 + spread))
        interval = min(interval * config.multiplier, config.max_interval)
