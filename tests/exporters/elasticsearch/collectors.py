"""
A whole collector with exporters of this type, built from YAML, on a clock on which pauses take no time.
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml

from collector.api import ComponentConfig, HasLifespan, ReceiverFactory
from collector.batch import Signal
from collector.config import CollectorConfig
from collector.errors import DropReason
from collector.graph import build
from collector.registry import Kind, load_factory
from collector.telemetry import DROPPED, HELD, SENT, Telemetry
from collector.yaml_tree import load

SIGNALS = (Signal.TRACES, Signal.METRICS, Signal.LOGS)


class Leaps:
    """
    A clock that goes to the end of each pause at once.
    """

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return 1_700_000_000.0 + self.now

    async def sleep(self, seconds):
        end = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, end)


class Collector:
    """
    A receiver without a network, and exporters; keeps its books.
    """

    def __init__(self, exporters):
        self.telemetry = Telemetry()
        pipelines = {str(signal): {"receivers": ["test"], "exporters": list(exporters)} for signal in SIGNALS}
        text = yaml.safe_dump({"receivers": {"test": {}}, "exporters": exporters, "service": {"pipelines": pipelines}})
        config = CollectorConfig.from_tree(load(text, "config.yaml"), Path(), {})
        self._graph = build(config, self.telemetry, Leaps(), load=self._find)

    def _find(self, kind, type_, *, plugin=None):
        if kind is Kind.RECEIVER:
            return ReceiverFactory(config=ComponentConfig, build=self._receive)
        return load_factory(kind, type_, plugin=plugin)

    def _receive(self, config, settings, intake):
        self.intake = intake
        return self

    @asynccontextmanager
    async def running(self):
        """
        Leaving the block drains.
        """
        async with AsyncExitStack() as stack:
            for _, component in self._graph.components:
                if component is not self and isinstance(component, HasLifespan):
                    await stack.enter_async_context(component.lifespan())
            yield self

    async def consume(self, *batches):
        for batch in batches:
            await self.intake.consume(batch)

    @property
    def sent(self):
        return sum(self.telemetry.total(SENT[signal]) for signal in SIGNALS)

    @property
    def dropped(self):
        counts = {reason: self.telemetry.total(DROPPED, reason=reason) for reason in DropReason}
        return {reason: count for reason, count in counts.items() if count}

    @property
    def is_balanced(self):
        """
        Whether everything that came in was sent or dropped for a reason, and nothing is left.
        """
        return not any(map(self.telemetry.imbalance, SIGNALS)) and not self.telemetry.total(HELD)


def to(**servers):
    """
    Return a collector with one exporter for each server, or pair of a server and its settings; retries go on for ever.
    """
    exporters = {}
    for name, given in servers.items():
        server, its = given if isinstance(given, tuple) else (given, {})
        retry = {"retry_on_failure": {"max_elapsed_time": 0}}
        exporters[f"elasticsearch/{name}"] = {"endpoint": f"http://127.0.0.1:{server.port}"} | retry | its
    return Collector(exporters)
