"""What becomes of held data when a whole collector is told to stop."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from collector.api import ComponentConfig, ExporterFactory, ReceiverFactory
from collector.batch import Signal
from collector.clock import SystemClock
from collector.config import CollectorConfig
from collector.errors import RetryableError
from collector.graph import build
from collector.registry import Kind, load_factory
from collector.service import Service
from collector.telemetry import ACCEPTED, DROPPED, HELD, SENT, Telemetry
from collector.testing import make_batch

CONFIG = """
receivers: {burst: {}}
processors: {batch: {send_batch_size: 1}}
exporters: {backend: {sending_queue: {queue_size: 3, num_consumers: 2}}}
service: {pipelines: {traces: {receivers: [burst], processors: PROCESSORS, exporters: [backend]}}}
"""


class Burst:
    """
    Takes in as much as is admitted, at once.
    """

    def __init__(self, config, settings, next):
        self.next = next

    @asynccontextmanager
    async def lifespan(self):
        while not self.next.admits(Signal.TRACES, 10, 100):
            await self.next.consume(make_batch(items=10))
            await asyncio.sleep(0)
        yield


class Backend:
    """
    Refuses everything until it is back.
    """

    is_back = False

    async def export(self, batch):
        if not self.is_back:
            raise RetryableError("down", retry_after=20)


def service(backend, processors, drain_timeout):
    types = {
        (Kind.RECEIVER, "burst"): ReceiverFactory(config=ComponentConfig, build=Burst),
        (Kind.EXPORTER, "backend"): ExporterFactory(config=ComponentConfig, build=lambda config, settings: backend),
    }

    def load(kind, type_, plugin=None):
        return types.get((kind, type_)) or load_factory(kind, type_)

    telemetry = Telemetry()
    config = CollectorConfig.from_yaml(CONFIG.replace("PROCESSORS", processors))
    return Service(build(config, telemetry, SystemClock(), load), drain_timeout=drain_timeout), telemetry


def books(telemetry):
    accepted, sent = telemetry.total(ACCEPTED[Signal.TRACES]), telemetry.total(SENT[Signal.TRACES])
    return accepted, sent, telemetry.total(DROPPED, reason="shutdown_deadline"), telemetry.total(HELD)


@pytest.mark.parametrize("processors", ["[]", "[batch]"])
async def test_a_backend_that_is_back_gets_everything_at_once(processors):
    """
    Every batch waits for its next attempt, or for room in the queue; none waits for the pause that was asked for.
    """
    backend = Backend()
    collector, telemetry = service(backend, processors, drain_timeout=10)
    stop, started = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(collector.run(stop, started.set))
    await started.wait()

    backend.is_back = True
    stop.set()
    async with asyncio.timeout(5):
        await running

    accepted, sent, dropped, held = books(telemetry)
    assert accepted >= 30
    assert (accepted, 0, 0) == (sent, dropped, held)


@pytest.mark.parametrize("processors", ["[]", "[batch]"])
async def test_what_a_backend_does_not_take_until_the_deadline_is_counted(processors):
    collector, telemetry = service(Backend(), processors, drain_timeout=0.05)
    stop = asyncio.Event()

    with pytest.raises(TimeoutError):
        await collector.run(stop, started=stop.set)

    accepted, sent, dropped, held = books(telemetry)
    assert accepted >= 30
    assert (0, accepted, 0) == (sent, dropped, held)
    assert 0 == telemetry.imbalance(Signal.TRACES)
