"""Whatever senders, backends and time do: every span and log record is sent, dropped for a reason, or held."""

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest
import yaml

from collector.api import ComponentConfig, ExporterFactory, ReceiverFactory
from collector.batch import Signal
from collector.config import CollectorConfig
from collector.errors import ConsumeError, PermanentError, RetryableError
from collector.graph import build
from collector.records.mapping import records_of
from collector.registry import load_factory
from collector.service import Service
from collector.telemetry import DROPPED, HELD, Telemetry
from collector.testing import make_logs, make_spans
from processors.tail_sampling import following, outbox, processor

POLICIES = [
    {"name": "odd", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "wrong", "type": "ottl_condition", "ottl_condition": {"span": ['attributes["v"]["k"] == 1']}},
    {"name": "limited", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 3}},
    {"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}},
    {"name": "veto", "type": "drop", "drop": {"drop_sub_policy": [{"name": "7", "type": "span_count",
     "span_count": {"min_spans": 7}}]}},
]  # fmt: skip


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


class World:
    """
    A clock that runs as it likes or stands still, senders, and a backend that takes, refuses and hangs.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now = 0.0
        self.intake = None
        self.sent = {signal: Counter() for signal in Signal}

    def monotonic(self):
        self.now += self.random.choice([0, 0, 0.001])
        return self.now

    def time(self):
        return self.now

    async def sleep(self, seconds):
        await steps(self.random.randrange(1, 6))
        self.now += seconds

    def load(self, kind, type_, *, plugin=None):
        return {
            "source": ReceiverFactory(config=ComponentConfig, build=self._source),
            "backend": ExporterFactory(config=ComponentConfig, build=lambda config, settings: self),
        }.get(type_) or load_factory(kind, type_, plugin=plugin)

    def _source(self, config, settings, next):
        self.intake = next

        class Source:
            @asynccontextmanager
            async def lifespan(self):
                yield

        return Source()

    async def export(self, batch):
        await steps(self.random.randrange(6))
        match self.random.randrange(6):
            case 0:
                raise PermanentError("no")
            case 1 | 2:
                raise RetryableError("busy", retry_after=self.random.choice([0, 10]))
            case 3 if self.random.random() < 0.1:
                await asyncio.Event().wait()
        self.sent[batch.signal].update(record["n"] for record in records_of(batch))


def a_configuration(some):
    caches = [0, 1, 100]
    sampling = {
        "policies": some.sample(POLICIES, some.randrange(1, len(POLICIES) + 1)),
        "decision_wait": some.choice([0, 0.05, 1, 10]),
        "decision_wait_after_root_received": some.choice([0, 0, 0.05, 1]),
        "num_traces": some.choice([1, 3, 1000]),
        "maximum_held_bytes": some.choice([0, 0, 300]),
        "maximum_trace_size_bytes": some.choice([0, 0, 20, 300]),
        "maximum_held_log_bytes": some.choice([1, 200, 10_000]),
        "block_on_overflow": some.random() < 0.4,
        "drop_pending_traces_on_shutdown": some.random() < 0.3,
        "sample_on_first_match": some.random() < 0.3,
        "decision_cache": {"sampled_cache_size": some.choice(caches), "non_sampled_cache_size": some.choice(caches)},
        "logs": some.choice(["follow", "follow", "ignore"]),
        "logs_without_trace": some.choice(["keep", "drop"]),
        "decisions": some.choice([0, 1, 100]),
    }
    queue = {"enabled": some.random() < 0.8, "num_consumers": 2, "queue_size": some.choice([1, 5])}
    exporter = {"sending_queue": queue, "retry_on_failure": {"enabled": some.random() < 0.7}, "timeout": 0}
    names = ["traces", "logs", *some.sample(["traces/2", "logs/2"], some.randrange(3))]
    some.shuffle(names)
    pipeline = {"receivers": ["source"], "processors": ["tail_sampling"], "exporters": ["backend"]}
    return yaml.safe_dump(
        {
            "receivers": {"source": {}},
            "processors": {"tail_sampling": sampling},
            "exporters": {"backend": exporter},
            "service": {"pipelines": dict.fromkeys(names, pipeline)},
        }
    )


class Running:
    def __init__(self, seed):
        self.world = World(seed)
        self.telemetry = Telemetry()
        self.serial = 0
        text = a_configuration(self.world.random)
        graph = build(CollectorConfig.from_yaml(text), self.telemetry, self.world, self.world.load)
        self.service = Service(graph, drain_timeout=self.world.random.choice([0.0, 0.02, 0.3]))
        self.copies = {signal: text.count(f"{signal}/2") + 1 for signal in ("traces", "logs")}

    def batch(self):
        some, records = self.world.random, []
        for _ in range(some.randrange(1, 12)):
            trace = some.randrange(12)
            self.serial += 1
            root = {"parent_span_id": "" if some.random() < 0.3 else "01" * 8}
            records.append({"trace_id": f"{trace:032x}", "attributes": {"n": self.serial, "v": "x"}, **root})
        if some.random() < 0.4:
            return make_logs(*({key: record[key] for key in ("trace_id", "attributes")} for record in records))
        status = {0: "unset", 1: "error"}
        return make_spans(*({**record, "status": status[int(record["trace_id"], 16) % 2]} for record in records))

    async def send(self):
        await steps(self.world.random.randrange(80))
        with suppress(ConsumeError):
            await self.world.intake.consume(self.batch())

    @property
    def imbalances(self):
        return [self.telemetry.imbalance(signal) for signal in (Signal.TRACES, Signal.LOGS)]

    async def run(self):
        """
        Return what the books said when they did not close.
        """
        some, stop, wrong = self.world.random, asyncio.Event(), []
        service = asyncio.create_task(self.service.run(stop))
        await steps(3)
        senders = [asyncio.create_task(self.send()) for _ in range(30)]
        for _ in range(some.randrange(1, 150)):
            await steps(1)
            if some.random() < 0.05:
                some.choice(senders).cancel()
            wrong += filter(None, self.imbalances)
        stop.set()
        await asyncio.wait([service], timeout=20)
        assert service.done(), "it hangs"
        for sender in senders:
            sender.cancel()
        answers = await asyncio.gather(*senders, return_exceptions=True)
        assert service.exception() is None or isinstance(service.exception(), TimeoutError), service.exception()
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        return wrong


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
async def test_the_books_close_at_every_moment_and_nothing_is_sent_twice(seed, monkeypatch):
    """
    Rounds of decisions are cut into slices of a few traces, so that everything comes in between.
    """
    some = random.Random(seed)
    monkeypatch.setattr(processor, "_PORTION", some.choice([1, 2, 64]))
    monkeypatch.setattr(processor, "_MOST_IN_A_SLICE", 1)
    monkeypatch.setattr(following, "_SLICE", 2)
    monkeypatch.setattr(outbox, "MOST_ITEMS", some.choice([2, 5, 1000]))
    monkeypatch.setattr(outbox, "_ENOUGH", 4)
    monkeypatch.setattr(outbox, "_TOO_MANY", 20)
    running = Running(seed)

    wrong = await running.run()

    assert ([], [0, 0]) == (wrong, running.imbalances)
    assert 0 == running.telemetry.total(HELD)
    assert 0 == running.telemetry.total(DROPPED, reason="plugin_error")
    for signal, copies in running.copies.items():
        assert max(running.world.sent[Signal(signal)].values(), default=0) <= copies
