import pytest

from collector.batch import Batch, Signal
from collector.testing import make_batch, make_log, make_logs, make_metrics, make_spans, run_processor
from tests.processors.attributes.changing import changed, one, processor, sha


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_points_of_all_kinds_are_changed_and_exemplars_are_not(kind):
    point = {"attributes": {"user.id": "a", "x": 1}}
    if kind != "summary":
        point["exemplars"] = [{"filtered_attributes": [{"key": "user.id", "value": {"string_value": "e"}}]}]
    batch = make_metrics({"kind": kind, "points": [point, point]})

    metric = one(processor(actions=[{"key": "user.id", "action": "delete"}]).process(batch))

    assert [{"x": 1}, {"x": 1}] == [dict(point) for point in metric.points]
    if kind != "summary":
        assert [[{"user.id": "e"}]] * 2 == [[dict(exemplar) for exemplar in point.exemplars] for point in metric.points]


def test_only_the_attributes_of_the_records_are_changed():
    everywhere = {"k": "v"}
    batch = make_spans(
        {"attributes": everywhere, "events": [{"attributes": everywhere}], "links": [{"attributes": everywhere}]},
        resource=everywhere,
    )

    span = one(processor(actions=[{"key": "k", "action": "delete"}]).process(batch))

    assert {} == dict(span)
    assert [everywhere] * 3 == [dict(each) for each in (span.resource, *span.events, *span.links)]


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS, Signal.METRICS])
@pytest.mark.parametrize("actions", [[{"key": "k", "action": "delete"}], [{"pattern": "^k$", "action": "delete"}]])
def test_a_batch_in_which_nothing_changes_is_the_very_one_that_came(signal, actions):
    batch = make_batch(signal, 3, other="k")

    assert batch is processor(actions=actions).process(batch)


def test_metadata_and_count_go_on():
    batch = make_batch(Signal.TRACES, 3, k="v")
    batch.metadata = {"x-tenant": "shop"}

    result = processor(actions=[{"key": "k", "action": "delete"}]).process(batch)

    assert ({"x-tenant": "shop"}, 3) == (result.metadata, len(result))
    assert 3 == len(Batch(Signal.TRACES, wire=result.wire))


def test_many_keys_are_deleted_at_once():
    """
    More than are looked for one by one.
    """
    keys = [f"key{number}" for number in range(9)]

    assert {"x": 1} == changed(dict.fromkeys(keys, "v") | {"x": 1}, *({"key": key, "action": "delete"} for key in keys))


def test_keys_and_values_may_be_long():
    key, value = "k" * 200, "v" * 20_000

    assert {"x": 1} == changed({key: value, "x": 1}, {"key": key, "action": "delete"})
    assert {key: sha(value.encode())} == changed({key: value}, {"key": key, "action": "hash"})
    assert {"a": sha(value.encode())} == changed({"a": value}, {"key": "a", "action": "hash"})


def test_a_log_body_is_left_alone():
    log = make_log(body={"k": "v"}, attributes={"k": "v"})
    batch = make_logs({"body": {"k": "v"}, "attributes": {"k": "v"}})

    result = one(processor(actions=[{"key": "k", "action": "delete"}]).process(batch))

    assert (log.body, {}) == (result.body, dict(result))


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS, Signal.METRICS])
def test_many_records_with_keys_in_any_order_are_all_changed(signal):
    """
    Records are changed in portions, and keys are looked for in the order in which they came last.
    """
    orders = ["abc", "cab", "ba", "c", "bxa", ""]
    records = [{"attributes": dict.fromkeys(orders[index % 6], "v")} for index in range(200)]
    batch = {
        Signal.TRACES: lambda: make_spans(*records),
        Signal.LOGS: lambda: make_logs(*records),
        Signal.METRICS: lambda: make_metrics({"points": [{"value": 1, **record} for record in records]}),
    }[signal]()
    actions = [
        {"key": "a", "action": "delete"},
        {"key": "b", "value": "w", "action": "upsert"},
        {"key": "c", "action": "hash"},
        {"key": "b", "from_context": "metadata.x", "action": "insert"},
    ]

    result = run_processor("{}", processor(actions=actions).process(batch)).records

    points = result[0].points if signal is Signal.METRICS else result
    hashed = {"c": sha(b"v")}
    expected = [
        {**hashed, "b": "w"},
        {**hashed, "b": "w"},
        {"b": "w"},
        {**hashed, "b": "w"},
        {"b": "w", "x": "v"},
        {"b": "w"},
    ]
    assert [expected[index % 6] for index in range(200)] == [dict(point) for point in points]
