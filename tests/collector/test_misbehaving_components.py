"""Random graphs of components that misbehave: the books close after every turn of the loop, and nothing hangs."""

import asyncio
import random
import sys
from contextlib import asynccontextmanager, suppress

import pytest
import yaml

from collector.api import ComponentConfig, ConnectorFactory, ExporterFactory, ProcessorFactory, ReceiverFactory
from collector.batch import Batch, Signal
from collector.config import CollectorConfig
from collector.cutting import Most
from collector.errors import ConsumeError, DropReason, PermanentError, RefusalReason, RetryableError
from collector.graph import build
from collector.registry import load_factory
from collector.service import Service
from collector.telemetry import HELD, Telemetry
from collector.testing import make_batch


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


class Ways(ComponentConfig):
    way: str = ""


def fail(error):
    raise error


def half(batch):
    batch.keep(lambda record: bool(id(record) % 32))
    return batch


PROCESSES = {
    "same": lambda batch: batch,
    "drop": lambda batch: None,
    "half": half,
    "grow": lambda batch: batch if batch.signal is Signal.PROFILES else Batch.join([batch, batch.copy()]),
    "raise": lambda batch: fail(ValueError("a bug")),
    "exit": lambda batch: sys.exit(0),
    "permanent": lambda batch: fail(PermanentError("no")),
    "retryable": lambda batch: fail(RetryableError("later")),
    "cancelled": lambda batch: fail(asyncio.CancelledError()),
    "text": lambda batch: "not a batch",
    "foreign": lambda batch: make_batch(Signal.LOGS, 2),
    "empty": lambda batch: Batch(batch.signal, wire=b""),
    "garbage": lambda batch: batch.replace(b"\xff\xff"),
}


async def _done(some):
    return some.choice([None, some.randrange(1000)])


async def _bug(some):
    return "not a number"


async def _busy(some):
    raise RetryableError("busy", retry_after=some.choice([0, 100]))


async def _refuse(some):
    raise PermanentError("no")


async def _exit(some):
    sys.exit(0)


async def _cancelled(some):
    raise asyncio.CancelledError


async def _stubborn(some):
    with suppress(asyncio.CancelledError):
        await steps(4)


async def _stuck(some):
    await asyncio.Event().wait()


EXPORTS = {
    "done": _done,
    "bug": _bug,
    "busy": _busy,
    "refuse": _refuse,
    "exit": _exit,
    "cancelled": _cancelled,
    "stubborn": _stubborn,
    "stuck": _stuck,
}


class World:
    """
    A clock that runs as it likes, and components that do anything at all.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now = 0.0
        self.intakes = []

    def monotonic(self):
        return self.now

    def time(self):
        return self.now

    async def sleep(self, seconds):
        await steps(self.random.randrange(6))
        self.now += seconds

    def load(self, kind, type_, *, plugin=None):
        return {
            "source": ReceiverFactory(config=Ways, build=self._source),
            "any": ProcessorFactory(config=Ways, build=self._processor),
            "gate": ProcessorFactory(config=Ways, build=self._gate),
            "backend": ExporterFactory(config=Ways, build=self._backend),
            "way": ConnectorFactory(config=Ways, build=self._connector, signals={s: frozenset({s}) for s in Signal}),
        }.get(type_) or load_factory(kind, type_, plugin=plugin)

    def _source(self, config, settings, next):
        self.intakes.append(next)

        class Source:
            @asynccontextmanager
            async def lifespan(self):
                yield

        return Source()

    def _processor(self, config, settings):
        class Processor:
            process = staticmethod(PROCESSES[config.way])

        return Processor()

    def _gate(self, config, settings):
        some = self.random

        class Gate:
            process = staticmethod(PROCESSES["same"])

            def admits(self, items, size):
                refusal = RetryableError("little memory", reason=RefusalReason.MEMORY)
                return some.choice([None, None, None, refusal]) if some.random() < 0.9 else 1 / 0

        return Gate()

    def _backend(self, config, settings):
        some = self.random

        class Backend:
            async def export(self, batch):
                await steps(some.randrange(6))
                return await EXPORTS[config.way or some.choice(sorted(EXPORTS.keys() - {"stuck"}))](some)

        return Backend()

    def _connector(self, config, settings, next):
        some, following = self.random, list(next.values())

        class Way:
            def admits(self, items, size):
                return following[0].admits(items, size)

            async def consume(self, batch):
                match some.choice(["on", "drop", "bug", "exit"]):
                    case "drop":
                        settings.telemetry.dropped(batch.signal, DropReason.FILTERED, len(batch))
                    case "bug":
                        raise ValueError("a bug")
                    case "exit":
                        sys.exit(3)
                    case "on":
                        await following[0].consume(batch)

        return Way()


def a_queue(some):
    queue = {
        "enabled": some.random() < 0.7,
        "num_consumers": some.choice([1, 3]),
        "queue_size": some.choice([1, 5]),
        "sizer": some.choice(["requests", "items"]),
        "block_on_overflow": some.random() < 0.5,
        "wait_for_result": some.random() < 0.3,
    }
    batch = {"min_size": 1, "max_size": some.choice([0, 5]), "flush_timeout": 1, "sizer": "items"}
    return {**queue, "batch": batch} if some.random() < 0.4 else queue


def a_configuration(some):
    exporters = {
        f"backend/{number}": {
            "way": some.choice(["", "", "stuck"]),
            "sending_queue": a_queue(some),
            "retry_on_failure": {"enabled": some.random() < 0.8},
            "timeout": 0,
        }
        for number in range(3)
    }
    processors = {f"any/{way}": {"way": way} for way in PROCESSES} | {"gate": {}}
    pipelines = {
        f"{signal}/{number}": {
            "receivers": [some.choice(["source/a", "source/b"])],
            "processors": some.sample(sorted(processors), some.choice([0, 0, 1, 2, 3])),
            "exporters": some.sample(sorted(exporters), some.randrange(1, 4)),
        }
        for signal in Signal
        for number in range(some.randrange(1, 4))
    }
    for fed in some.sample(sorted(pipelines), 2):
        pipelines[f"{fed}-fed"] = {"receivers": [f"way/{fed[-1]}"], "exporters": ["backend/0"]}
        pipelines[fed]["exporters"].append(f"way/{fed[-1]}")
    connectors = {id_: {} for pipeline in pipelines.values() for id_ in pipeline["receivers"] if id_.startswith("way")}
    return yaml.safe_dump(
        {
            "receivers": {"source/a": {}, "source/b": {}},
            "processors": processors,
            "exporters": exporters,
            "connectors": connectors,
            "service": {"pipelines": pipelines},
        }
    )


class Running:
    def __init__(self, seed):
        self.world = World(seed)
        self.telemetry = Telemetry()
        config = CollectorConfig.from_yaml(a_configuration(self.world.random))
        graph = build(config, self.telemetry, self.world, self.world.load)
        self.service = Service(graph, drain_timeout=self.world.random.choice([0.0, 0.02]))

    async def send(self):
        some = self.world.random
        await steps(some.randrange(30))
        intake = some.choice([intake for intake in self.world.intakes if intake.signals])
        with suppress(ConsumeError):
            await intake.consume(make_batch(some.choice(sorted(intake.signals)), items=some.randrange(7)))

    async def run(self):
        """
        Return what the books said when they did not close.
        """
        some, stop, wrong = self.world.random, asyncio.Event(), []
        service = asyncio.create_task(self.service.run(stop))
        await steps(3)
        senders = [asyncio.create_task(self.send()) for _ in range(25)]
        for _ in range(some.randrange(1, 60)):
            await steps(1)
            if some.random() < 0.1:
                some.choice(senders).cancel()
            wrong += [imbalance for signal in Signal if (imbalance := self.telemetry.imbalance(signal))]
        stop.set()
        await asyncio.wait([service])
        for sender in senders:
            sender.cancel()
        answers = await asyncio.gather(*senders, return_exceptions=True)
        assert service.exception() is None or isinstance(service.exception(), TimeoutError)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        return wrong


@pytest.mark.parametrize("seed", range(60))
async def test_the_books_close_at_every_moment(seed):
    running = Running(seed)

    wrong = await running.run()

    assert [] == wrong
    assert [0] * 4 == [running.telemetry.imbalance(signal) for signal in Signal]
    assert 0 == running.telemetry.total(HELD)


@pytest.mark.parametrize("seed", range(100, 130))
async def test_they_close_too_if_batches_are_so_large_that_they_are_processed_in_portions(seed, monkeypatch):
    monkeypatch.setattr("collector.nodes.LARGE_ITEMS", 1)
    monkeypatch.setattr("collector.portions.PORTION", Most(items=2))
    running = Running(seed)

    wrong = await running.run()

    assert [] == wrong
    assert [0] * 4 == [running.telemetry.imbalance(signal) for signal in Signal]
    assert 0 == running.telemetry.total(HELD)


async def test_an_exporter_that_waits_does_not_hold_up_one_that_has_a_queue():
    world = World(0)
    text = """
        receivers: {source: }
        exporters: {backend/stuck: {way: stuck, timeout: 0, sending_queue: }, backend/done: {way: done}}
        service: {pipelines: {traces: {receivers: [source], exporters: [backend/stuck, backend/done]}}}
    """
    telemetry = Telemetry()
    build(CollectorConfig.from_yaml(text), telemetry, world, world.load)

    sender = asyncio.create_task(world.intakes[0].consume(make_batch(items=3)))
    await steps(3)
    held = telemetry.total(HELD, component="backend/done")
    sender.cancel()
    await asyncio.wait([sender])

    assert 3 == held
