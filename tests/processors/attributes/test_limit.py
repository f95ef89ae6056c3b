from collector.batch import Signal
from collector.testing import make_batch, make_spans, run_processor
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
