"""The processor's own counters have the Collector's names, and say what happened."""

import dataclasses
import random

import pytest

from collector.telemetry import DROPPED, exposition
from collector.testing import Sink, make_spans, settings
from collector.testing.clock import FakeClock
from processors.tail_sampling import measures
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory
from processors.tail_sampling.measures import PREFIX, Histogram

POLICIES = [
    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "slow", "type": "latency", "latency": {"threshold_ms": 500}},
    {
        "name": "no health checks",
        "type": "drop",
        "drop": {
            "drop_sub_policy": [
                {"name": "h", "type": "string_attribute", "string_attribute": {"key": "http.route", "values": ["/h"]}}
            ]
        },
    },
]


class Running:
    def __init__(self, **config):
        self.clock, self.sink = FakeClock(), Sink()
        its = dataclasses.replace(settings("tail_sampling", self.clock), common={})
        config = TailSamplingConfig(**{"policies": POLICIES, "decision_wait": 10, **config})
        self.tail = factory.build(config, its, self.sink)
        self.telemetry = its.telemetry.telemetry

    async def spans(self, *spans):
        await self.tail.consume(make_spans(*({**span, "trace_id": f"{span['trace_id']:032x}"} for span in spans)))

    def total(self, name, **labels):
        wanted = labels.items()
        samples = self.telemetry.samples()
        return sum(v for metric, have, v in samples if metric.name == PREFIX + name and wanted <= dict(have).items())


@pytest.fixture
async def three():
    """
    A trace with an error, a fast one, and one that a policy has a veto against.
    """
    its = Running()
    async with its.tail.lifespan():
        await its.spans({"trace_id": 1, "status": "error"}, {"trace_id": 1}, {"trace_id": 2})
        await its.spans({"trace_id": 3, "status": "error", "attributes": {"http.route": "/h"}})
        yield its


async def test_undecided_traces_are_counted_as_such(three):
    assert (3, 3) == (three.total("new_trace_id_received"), three.total("sampling_traces_on_memory"))
    assert three.total("held_bytes") > 0


async def test_decisions_are_counted_once_each(three):
    await three.clock.advance(11)

    counts = {
        decision: three.total("global_count_traces_sampled", decision=decision, sampled=sampled)
        for decision, sampled in [("sampled", "true"), ("not_sampled", "false"), ("dropped", "false")]
    }
    assert {"sampled": 1, "not_sampled": 1, "dropped": 1} == counts
    assert 3 == three.total("global_count_traces_sampled")


async def test_votes_are_counted_by_policy_with_the_spans_they_are_about(three):
    await three.clock.advance(11)

    found = {
        (dict(labels)["policy"], dict(labels)["decision"]): value
        for metric, labels, value in three.telemetry.samples()
        if metric.name == PREFIX + "count_spans_sampled"
    }
    assert {
        ("no health checks", "not_sampled"): 3,
        ("no health checks", "dropped"): 1,
        ("errors", "sampled"): 2,
        ("errors", "not_sampled"): 1,
        ("slow", "not_sampled"): 3,
    } == found
    assert 2 == three.total("count_traces_sampled", policy="errors")


async def test_what_policies_cost_is_counted_with_how_often_they_were_asked(three):
    await three.clock.advance(11)

    asked = {name: three.total("sampling_policy_execution_count", policy=name) for name in ("no health checks", "slow")}
    assert {"no health checks": 3, "slow": 2} == asked
    assert 0 < three.total("sampling_policy_execution_time_sum", policy="slow") < 1_000_000


async def test_ages_and_rounds_are_histograms(three):
    await three.clock.advance(11)

    assert (3, 0) == (three.total("sampling_trace_removal_age_count"), three.total("sampling_late_span_age_count"))
    assert (0, 3) == tuple(three.total("sampling_trace_removal_age_bucket", le=le) for le in ("5", "20"))
    assert 30 <= three.total("sampling_trace_removal_age_sum") < 31
    assert 1 == three.total("sampling_decision_timer_latency_count")


async def test_late_spans_are_counted_with_their_age(three):
    await three.clock.advance(11)
    await three.spans({"trace_id": 1}, {"trace_id": 1}, {"trace_id": 2})

    late = [three.total("early_releases_from_cache_decision", sampled=sampled) for sampled in ("true", "false")]
    assert [2, 1] == late
    assert 1 == three.total("sampling_late_span_age_count")


async def test_what_there_is_no_room_for_is_counted_but_not_as_lost():
    its = Running(num_traces=2)

    async with its.tail.lifespan():
        await its.spans(*({"trace_id": number, "status": "error"} for number in range(1, 6)))
        early = its.total("sampling_trace_dropped_too_early")

    assert (3, 5, 0) == (early, its.sink.items, its.telemetry.total(DROPPED))


async def test_what_is_too_large_is_counted():
    its = Running(maximum_trace_size_bytes=10)

    async with its.tail.lifespan():
        await its.spans({"trace_id": 1, "status": "error"})

    assert (1, 1) == (its.total("traces_dropped_too_large"), its.total("global_count_traces_sampled", sampled="false"))


async def test_nobody_is_asked_after_the_first_policy_that_samples_if_told_so():
    its = Running(sample_on_first_match=True)

    async with its.tail.lifespan():
        await its.spans({"trace_id": 1, "status": "error"}, {"trace_id": 2})

    asked = [its.total("count_traces_sampled", policy=policy) for policy in ("errors", "slow")]
    assert [2, 1] == asked
    (decision,) = its.tail.decisions_on((1).to_bytes(16, "big"))
    assert {"no health checks": "not_sampled", "errors": "sampled", "slow": "not_asked"} == {
        vote["policy"]: vote["vote"] for vote in decision["policies"]
    }


def test_buckets_of_a_histogram_are_cumulative():
    its = settings("tail_sampling")
    histogram = Histogram(its.telemetry, "age", "Age.", (1.0, 10.0))

    for value in (0.5, 1.0, 5.0, 50.0):
        histogram.observe(value)
    histogram.settle()
    histogram.settle()

    lines = [line.partition(PREFIX)[2] for line in exposition(its.telemetry.telemetry).splitlines() if "_age" in line]
    values = [line.rpartition(" ")[2] for line in lines if line.startswith("age_bucket{")]
    assert ["2", "3", "4"] == values


async def test_votes_are_counted_however_many_patterns_of_them_there_are(monkeypatch):
    """
    Of twelve policies nearly every trace has a pattern of its own; not all are remembered.
    """
    monkeypatch.setattr(measures, "_MOST_TALLIES", 20)
    dice, keys = random.Random(1), [f"k{number}" for number in range(12)]
    its = Running(
        policies=[
            {"name": key, "type": "string_attribute", "string_attribute": {"key": key, "values": ["v"]}} for key in keys
        ]
    )
    found = [[key for key in keys if dice.random() < 0.3] for _ in range(200)]

    async with its.tail.lifespan():
        for number, some in enumerate(found, 1):
            await its.spans(*2 * [{"trace_id": number, "attributes": dict.fromkeys(some, "v")}])
            await its.clock.advance(11)

    for key in keys:
        votes = sum(key in some for some in found)
        assert votes == its.total("count_traces_sampled", policy=key, sampled="true", decision="sampled")
        assert 2 * (200 - votes) == its.total("count_spans_sampled", policy=key, sampled="false")
