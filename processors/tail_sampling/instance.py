"""One instance of the component: that of a pipeline of traces, or that of a pipeline of logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from collector.api import Batch, Consumer, RetryableError, Settings, Signal
from collector.errors import ConfigError
from processors.tail_sampling.common import Common
from processors.tail_sampling.config import Logs, TailSamplingConfig
from processors.tail_sampling.following import FollowingLogs
from processors.tail_sampling.measures import PREFIX
from processors.tail_sampling.processor import TailSampling

_IGNORED = "%s: log records pass as they come, since `logs` is `ignore`: write `logs: follow` for them to follow traces"
_ALONE = (
    "log records cannot follow decisions that nobody makes, since no pipeline of traces has this component: name it in "
    "one, or take it out of the pipeline of logs"
)


class Instance:
    """Hands spans to those who decide, and log records to those who follow, or on."""

    def __init__(
        self, config: TailSamplingConfig, settings: Settings, next: Consumer, common: Common, spans: TailSampling
    ) -> None:
        self._settings = settings
        self._next = next
        self._common = common
        self._spans = spans
        self._logs = FollowingLogs(config, settings, next, common)
        self._follows = config.logs is Logs.FOLLOW
        self._passes = settings.signal is Signal.LOGS and not self._follows
        common.instances.append(self)
        self._show(common.instances)

    def admits(self, items: int, size: int) -> RetryableError | None:
        if self._passes:
            return self._next.admits(items, size)
        return self._spans.admits(items, size) or self._logs.admits(items, size)

    async def consume(self, batch: Batch) -> None:
        if batch.signal is Signal.TRACES:
            await self._spans.consume(batch)
            return
        await (self._logs if self._follows else self._next).consume(batch)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """As in every component.

        Raises:
            ConfigError: log records are to follow decisions that nobody makes.  When one instance is built, the others
                may not be there yet.
        """
        if self._passes:
            self._settings.logger.warning(_IGNORED, self._settings.id)
        elif self.signal is Signal.LOGS and all(other.signal is Signal.LOGS for other in self._common.instances):
            raise ConfigError(_ALONE)
        async with self._spans.lifespan(), self._logs.lifespan():
            yield

    def decisions_on(self, trace_id: bytes) -> Sequence[Mapping[str, Any]]:
        return self._spans.decisions_on(trace_id)

    @property
    def signal(self) -> Signal | None:
        """That of its pipeline."""
        return self._settings.signal

    @property
    def load(self) -> tuple[int, int, int]:
        """Undecided traces, the bytes of their spans, and the bytes of log records that wait."""
        return self._spans.traces, self._spans.size, self._logs.size

    def _show(self, instances: Sequence[Instance]) -> None:
        """Have all instances of the component measured as one, since metrics have its id and no pipeline."""

        def total(place: int) -> Callable[[], float]:
            return lambda: sum([instance.load[place] for instance in instances])

        gauge = self._settings.telemetry.gauge
        gauge(PREFIX + "sampling_traces_on_memory", "Undecided traces.", total(0))
        gauge(PREFIX + "held_bytes", "Bytes of undecided traces' spans.", total(1))
        gauge(PREFIX + "held_log_bytes", "Bytes of log records that wait for decisions on their traces.", total(2))
