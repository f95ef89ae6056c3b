"""Feed the end of some pipelines into the start of others, unchanged."""

from __future__ import annotations

from collections.abc import Mapping

from collector.api import ComponentConfig, ConnectorFactory, Consumer, Settings
from collector.batch import Batch, Signal
from collector.errors import RetryableError


class ForwardConfig(ComponentConfig):
    pass


class Forward:
    """Is transparent: what the next pipelines answer is the answer."""

    def __init__(self, config: ForwardConfig, settings: Settings, next: Mapping[Signal, Consumer]) -> None:
        (self._next,) = next.values()

    def admits(self, items: int, size: int) -> RetryableError | None:
        return self._next.admits(items, size)

    async def consume(self, batch: Batch) -> None:
        await self._next.consume(batch)


factory = ConnectorFactory(
    config=ForwardConfig, build=Forward, signals={signal: frozenset({signal}) for signal in Signal}
)
