"""A whole collector that remote writes, built from YAML, on a clock on which pauses take no time."""

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
from collector.telemetry import DROPPED, HELD, SEND_FAILED, SENT, Telemetry
from collector.testing import make_metrics
from collector.yaml_tree import load

SECOND = 1_000_000_000
NOW = 1_700_000_000
TYPE = "prometheus_remote_write"


class Leaps:
    """
    A clock that goes to the end of each pause at once.
    """

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    def time(self):
        return NOW + self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        end = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, end)


def gauges(*names, at=0, **attributes):
    """
    Return a batch with one data point for each name, `at` seconds after the beginning; its value is `at`.
    """
    point = {"value": float(at), "attributes": attributes, "time_unix_nano": (NOW + at) * SECOND}
    return make_metrics(*({"name": name, "points": [point]} for name in names))


def names(count):
    return [f"metric_{i}" for i in range(count)]


def endpoint(port):
    return f"http://127.0.0.1:{port}/api/v1/write"


class Collector:
    """
    A receiver without a network, and exporters; keeps its books.
    """

    def __init__(self, exporters, clock=None):
        self.telemetry, self.clock = Telemetry(), clock or Leaps()
        pipelines = {"metrics": {"receivers": ["test"], "exporters": list(exporters)}}
        text = yaml.safe_dump({"receivers": {"test": {}}, "exporters": exporters, "service": {"pipelines": pipelines}})
        config = CollectorConfig.from_tree(load(text, "config.yaml"), Path(), {})
        self._graph = build(config, self.telemetry, self.clock, load=self._find)

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
        return self.telemetry.total(SENT[Signal.METRICS])

    @property
    def failed(self):
        return self.telemetry.total(SEND_FAILED[Signal.METRICS])

    @property
    def dropped(self):
        counts = {reason: self.telemetry.total(DROPPED, reason=reason) for reason in DropReason}
        return {reason: count for reason, count in counts.items() if count}

    @property
    def is_balanced(self):
        """
        Whether everything that came in was sent or dropped for a reason, and nothing is left.
        """
        return not self.telemetry.imbalance(Signal.METRICS) and not self.telemetry.total(HELD)


def to(receiver, clock=None, **config):
    """
    Return a collector that writes to a receiver; retries are not spread and go on for ever unless `config` says so.
    """
    retry = {"randomization_factor": 0, "max_elapsed_time": 0}
    exporter = {"endpoint": endpoint(receiver.port), "retry_on_failure": retry, "target_info": {"enabled": False}}
    return Collector({TYPE: exporter | config}, clock)


async def write(receiver, *batches, clock=None, **config):
    """
    Run a collector from the first batch to the last, and return it.
    """
    async with receiver.running():
        collector = to(receiver, clock, **config)
        async with collector.running():
            await collector.consume(*batches)
    return collector
