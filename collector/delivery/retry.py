"""Try again, later and later, while it may help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from collector.batch import Signal
from collector.delivery.drain import Drain
from collector.delivery.settings import DeliveryConfig, RetryConfig
from collector.delivery.settlement import Ledger
from collector.errors import RetryableError
from collector.nodes import a_bug_costs_one_batch
from collector.telemetry import RETRIES

LONGEST_PAUSE = 3600.0
"""Seconds; a backend that asks for more than an hour is not believed."""
SHORTEST_PAUSE = 0.01
"""Seconds; no setting makes a failing backend the target of a tight loop."""

R = TypeVar("R")


class Attempts:
    """How one exporter's requests are repeated: bounded in time each, and together."""

    def __init__(self, config: DeliveryConfig, ledger: Ledger, drain: Drain) -> None:
        self._retry = config.retry_on_failure
        self._timeout = config.timeout or None
        self._ledger = ledger
        self._drain = drain

    async def until_answered(
        self, signal: Signal, attempt: Callable[[], Awaitable[R]], since: float | None = None
    ) -> R:
        """Make `attempt` until the backend has answered for good, and return its answer.

        Args:
            signal: of what is sent.
            attempt: sends it once.
            since: from when on the time for retries counts, on the clock of the settings; None for now.

        Raises:
            PermanentError: the backend refused, or the exporter has a bug.
            RetryableError: it was tried for long enough; the last answer.
            CancelledError: this task was cancelled, even if an attempt kept that to itself.
        """
        settings = self._ledger.settings
        started = settings.clock.monotonic() if since is None else since
        for interval in backoff(self._retry):
            end_if_cancelled()
            try:
                return await self._one(attempt)
            except RetryableError as error:
                pause = self._drain.limit(max(interval, min(error.retry_after, LONGEST_PAUSE), SHORTEST_PAUSE))
                if self._gives_up(settings.clock.monotonic() + pause - started):
                    raise
                settings.logger.info("%s: will retry in %.1f s: %s", settings.id, pause, error)
            await self._drain.pause(settings.clock, pause)
            accounts = self._ledger.accounts
            accounts.telemetry.point(RETRIES, exporter=accounts.component, signal=signal).add(1)
        raise AssertionError("backoff() never ends")

    def _gives_up(self, elapsed: float) -> bool:
        return not self._retry.enabled or 0 < self._retry.max_elapsed_time < elapsed

    async def _one(self, attempt: Callable[[], Awaitable[R]]) -> R:
        try:
            async with asyncio.timeout(self._timeout):
                with a_bug_costs_one_batch(self._ledger.settings):
                    return await attempt()
        except TimeoutError:
            raise RetryableError(f"no answer within {self._timeout} s") from None


def end_if_cancelled() -> None:
    """Go on with the cancellation of this task, if it was cancelled and a plugin swallowed that.

    Raises:
        CancelledError: it was.
    """
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError


def backoff(config: RetryConfig) -> Iterator[float]:
    """Yield pauses that grow by `multiplier` up to `max_interval`, each spread by `randomization_factor`."""
    interval, spread = config.initial_interval, config.randomization_factor
    while True:
        yield random.uniform(interval * (1 - spread), interval * (1 + spread))
        interval = min(interval * config.multiplier, config.max_interval)
