import pytest

from collector.batch import Batch, Signal
from collector.testing import make_batch, make_spans, run_processor
from tests.collector.actions.plain import any_value
from tests.collector.actions.test_agreement import encoded, request_with
from tests.processors.attributes.changing import one, processor


def passed(limited, values, key="route"):
    return [dict(one(limited.process(make_spans({"attributes": {key: value, "x": value}}))))[key] for value in values]


def test_a_limit_keeps_the_first_values_of_a_key_and_makes_one_of_the_others():
    limited = processor(limit={"max_values_per_key": 2, "keys": ["route"]})

    assert ["a", "b", "_OTHER", "a", "_OTHER", "b"] == passed(limited, ["a", "b", "c", "a", "d", "b"])
    assert "q" == dict(one(limited.process(make_spans({"attributes": {"other": "q"}}))))["other"]


def test_values_of_different_types_are_different_values():
    limited = processor(limit={"max_values_per_key": 2, "keys": ["route"], "overflow_value": "rest"})

    assert [1, "1", "rest", 1] == passed(limited, [1, "1", True, 1])


def test_long_values_are_told_apart_too():
    limited = processor(limit={"max_values_per_key": 1, "keys": ["route"]})

    assert ["x" * 500, "_OTHER", "x" * 500] == passed(limited, ["x" * 500, "x" * 499 + "y", "x" * 500])


def test_the_overflow_value_itself_does_not_count():
    limited = processor(limit={"max_values_per_key": 1, "keys": ["route"]})

    assert ["_OTHER", "a", "_OTHER"] == passed(limited, ["_OTHER", "a", "b"])


def test_a_limit_without_keys_is_for_all_of_them():
    limited = processor(limit={"max_values_per_key": 1})
    first, second = (make_spans({"attributes": {"a": value, "b": value}}) for value in (1, 2))

    assert {"a": 1, "b": 1} == dict(one(limited.process(first)))
    assert {"a": "_OTHER", "b": "_OTHER"} == dict(one(limited.process(second)))


def test_a_sender_of_many_keys_does_not_fill_the_memory():
    limited = processor(limit={"max_values_per_key": 5})
    attributes = {f"key{number}": "v" for number in range(1200)} | {"k" * 300: "v"}

    result = dict(one(limited.process(make_spans({"attributes": attributes}))))

    assert 1000 == list(result.values()).count("v")
    assert "_OTHER" == result["k" * 300]


def test_overflowing_values_are_counted_by_key():
    yaml = "attributes: {limit: {max_values_per_key: 1, keys: [route]}}"

    outcome = run_processor(yaml, *(make_batch(Signal.LOGS, 2, route=value) for value in "abc"))

    assert [("route", 4)] == [
        (dict(labels)["key"], value)
        for metric, labels, value in outcome.telemetry.samples()
        if metric.name == "pyotelcol_processor_attributes_overflowed_values"
    ]


def test_the_pipelines_of_one_component_share_what_they_have_seen():
    yaml = "attributes: {limit: {max_values_per_key: 1, keys: [route]}}"

    outcome = run_processor(yaml, make_batch(Signal.LOGS, 1, route="a"), make_batch(Signal.TRACES, 1, route="b"))

    assert ["a", "_OTHER"] == [record["route"] for record in outcome.records]


def test_a_batch_that_comes_again_comes_out_the_same():
    """
    A sender that had no answer sends again: its values are known by then, and those beyond the limit are counted as
    often as they come.
    """
    yaml = "attributes: {actions: [{key: x, action: hash}], limit: {max_values_per_key: 2, keys: [route, x]}}"
    batch = make_spans(*({"attributes": {"route": value, "x": "y"}} for value in "abca"))

    outcome = run_processor(yaml, *(Batch(Signal.TRACES, wire=batch.wire) for _ in range(20)))

    assert 1 == len({result.wire for result in outcome.batches})
    assert ["a", "b", "_OTHER", "a"] * 20 == [record["route"] for record in outcome.records]
    counts = [value for metric, _, value in outcome.telemetry.samples() if metric.name.endswith("overflowed_values")]
    assert 20 == sum(counts)


@pytest.mark.parametrize("odd", [0, 1, 599])
def test_the_first_values_are_kept_even_if_their_records_are_written_in_an_odd_way(odd):
    wire = request_with(
        Signal.TRACES,
        [[encoded("route", any_value(str(n)), "value first" if n == odd else "as usual")] for n in range(600)],
        first=False,
    )

    result = processor(limit={"max_values_per_key": 2, "keys": ["route"]}).process(Batch(Signal.TRACES, wire=wire))

    assert ["0", "1", *["_OTHER"] * 598] == [record["route"] for record in run_processor("{}", result).records]
