"""Processors that are given a large batch in portions make of it what they make of all at once."""

from hashlib import sha256

import pytest
import yaml

from collector.api import Indivisible, Metric, metric_processor
from collector.batch import Batch, Signal
from collector.cutting import Most
from collector.errors import DropReason
from collector.registry import Kind, load_factory
from collector.testing import make_batch, make_metrics, make_spans, run_processor, settings
from tests.collector.test_portions import ITEMS, Doing, World, large


def one_metric(items=ITEMS):
    """
    A metric of which only the last point has an attribute.
    """
    points = [{"value": i} for i in range(items - 1)]
    return make_metrics({"name": "m", "points": [*points, {"value": 0, "attributes": {"k": "v"}}]})


def test_a_condition_on_a_metric_is_asked_of_all_its_points():
    yaml = """filter: {metric_conditions: [{context: metric, conditions: ['HasAttrOnDatapoint("k", "v")']}]}"""

    assert {DropReason.FILTERED: ITEMS} == run_processor(yaml, one_metric()).dropped


def test_a_condition_on_data_points_is_asked_of_a_portion_at_a_time():
    yaml = """filter: {metric_conditions: ['datapoint.attributes["k"] == "v"']}"""

    outcome = run_processor(yaml, one_metric())

    assert ({DropReason.FILTERED: 1}, 1) == (outcome.dropped, len(outcome.batches))


async def test_a_function_of_metrics_is_shown_whole_ones():
    @metric_processor
    def drop_large(metric: Metric) -> Metric | None:
        return None if len(metric.points) == ITEMS else metric

    world = World(drop_large.processor(drop_large.config()), signal=Signal.METRICS)

    await world.receiver.consume(large(Signal.METRICS))

    assert ITEMS == world.dropped("filtered")


async def test_what_looks_at_nothing_is_given_all_at_once():
    limiter = load_factory(Kind.PROCESSOR, "memory_limiter")

    assert Indivisible.REQUEST is limiter.build(limiter.config(limit_mib=100), settings("memory_limiter")).indivisible


PROCESSORS = {
    "attributes": "{actions: [{key: user, action: hash}], limit: {max_values_per_key: 3, keys: [n]}}",
    "filter": """{trace_conditions: ['span.attributes["n"] == 4', 'resource.attributes["host"] == "b"']}""",
    "probabilistic_sampler": "{sampling_percentage: 50}",
    "redaction": "{detectors: {email: {}, phone: {mode: drop}}}",
    "resource": "{attributes: [{key: host, action: hash}]}",
}


def request_from(host):
    spans = [
        {
            "trace_id": sha256(f"{host}{n}".encode()).hexdigest()[:32],
            "attributes": {"n": n, "user": f"{n % 2}@example.com", "at": "+1 202 555 0143" if n == 5 else ""},
        }
        for n in range(10)
    ]
    return make_spans(*spans, resource={"host": host, "owner": "me@example.com"}, scope="s")


def with_resources(batches):
    """
    Every span with the bytes of its resource and scope.
    """
    return [
        (resource.resource.SerializeToString(), scope.scope.SerializeToString(), span.SerializeToString())
        for batch in batches
        for resource in batch.copy().request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("type_", PROCESSORS)
async def test_what_comes_out_is_what_comes_out_of_all_at_once(type_, monkeypatch):
    monkeypatch.setattr("collector.nodes.LARGE_ITEMS", 1)
    monkeypatch.setattr("collector.portions.PORTION", Most(3))
    factory = load_factory(Kind.PROCESSOR, type_)
    config = factory.config.model_validate(yaml.safe_load(PROCESSORS[type_]))
    batch = Batch.join([request_from(host) for host in ("a", "b", "c")])

    world = World(factory.build(config, settings(type_)))
    await world.receiver.consume(batch.copy())

    whole = factory.build(config, settings(type_)).process(batch.copy())
    assert with_resources([whole]) == with_resources(world.sink.batches)
    assert with_resources([whole]) != with_resources([batch])
    assert 0 == world.imbalance()


def encoded(batch):
    return [record.SerializeToString() for record in batch.copy().records()]


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
@pytest.mark.parametrize("indivisible", [Indivisible.ITEM, Indivisible.RECORD])
async def test_a_resource_that_was_cut_is_one_again(signal, indivisible):
    """
    Repeated for every few records it could be twice as much, and more than a backend takes at once.
    """
    before = Batch.join([large(signal), make_batch(signal, 3), large(signal)])
    for host, resource in zip("abc", before.shape.path[0](before.request), strict=True):
        resource.resource.attributes.add(key="host").value.string_value = host * 2000
        resource.schema_url = "https://example.com"
    dropped = encoded(before)[ITEMS // 2]

    def drop(batch):
        batch.keep(lambda record: record.SerializeToString() != dropped)
        return batch

    world = World(Doing(drop, indivisible), signal=signal)
    await world.receiver.consume(before.copy())

    assert [drop(before).request] == [batch.request for batch in world.sink.batches]
    assert 0 == world.imbalance()
