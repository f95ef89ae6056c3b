import pytest

from collector.batch import Batch, Signal
from collector.records.mapping import records_of
from collector.testing import make_batch, make_log, make_logs, make_metric, make_metrics, make_span, make_spans


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("items", [0, 1, 3])
def test_a_batch_has_as_many_items_as_asked_for_and_is_otlp(signal, items):
    batch = make_batch(signal, items)

    assert items == len(batch)
    assert batch == Batch.decode(signal, batch.wire)


@pytest.mark.parametrize("signal", sorted({Signal.TRACES, Signal.LOGS}))
def test_every_record_of_a_batch_has_the_attributes(signal):
    records = records_of(make_batch(signal, 2, user="alice", n=1))

    assert [{"user": "alice", "n": 1}] * 2 == [dict(record) for record in records]


def test_the_same_call_makes_the_same_bytes():
    assert make_spans({}, {}).wire == make_spans({}, {}).wire


def test_spans_are_valid_and_of_traces_of_their_own():
    first, second = records_of(make_spans({}, {}))

    assert all(int(span.trace_id, 16) and int(span.span_id, 16) for span in (first, second))
    assert (first.trace_id, first.span_id) != (second.trace_id, second.span_id)
    assert first.end_time > first.start_time > 0


def test_spans_of_one_trace_say_so():
    batch = make_spans({"trace_id": "ab" * 16}, {"trace_id": "ab" * 16, "parent_span_id": "0" * 15 + "1"})

    root, child = records_of(batch)

    assert root.trace_id == child.trace_id
    assert root.span_id == child.parent_span_id


def test_a_resource_and_a_scope_are_given_once():
    (log,) = records_of(make_logs({}, resource={"service.name": "shop"}, scope="lib"))

    assert ("shop", "lib") == (log.resource["service.name"], log.scope.name)


@pytest.mark.parametrize(("make", "field"), [(make_span, "name"), (make_log, "body"), (make_metric, "unit")])
def test_one_record_is_what_a_function_would_be_given(make, field):
    record = make(resource={"service.name": "shop"}, scope="lib", **{field: "x"})

    assert ("x", "shop", "lib") == (getattr(record, field), record.resource["service.name"], record.scope.name)


@pytest.mark.parametrize("kind", ["gauge", "sum"])
def test_numbers_have_a_value(kind):
    (point,) = make_metric(kind=kind, points=[{"value": 2.5, "attributes": {"a": "b"}}]).points

    assert (2.5, {"a": "b"}) == (point.value, dict(point))
    assert point.time > 0


def test_a_sum_grows_unless_it_says_otherwise():
    metric, other = make_metric(kind="sum"), make_metric(kind="sum", is_monotonic=False, temporality="delta")

    assert (True, "cumulative") == (metric.is_monotonic, metric.temporality)
    assert (False, "delta") == (other.is_monotonic, other.temporality)


@pytest.mark.parametrize(
    ("make", "fields", "mistake"),
    [
        (make_spans, {"nmae": "x"}, "a Span has no nmae, only name, kind, status"),
        (make_spans, {"events": [{"nmae": "x"}]}, "a Event has no nmae, only name"),
        (make_logs, {"text": "x"}, "a LogRecord has no text, only body"),
        (make_metrics, {"value": 1}, "a Metric has no value, only name"),
        (make_metrics, {"kind": "counter"}, "no metric of kind 'counter', only gauge, sum"),
        (make_metrics, {"points": [{"valu": 1}]}, 'a gauge point has no such field: .*"valu"'),
        (make_metrics, {"kind": "gauge", "is_monotonic": True}, "a Metric has no is_monotonic"),
    ],
)
def test_a_field_that_does_not_exist_is_told_with_those_that_do(make, fields, mistake):
    with pytest.raises(TypeError, match=mistake):
        make(fields)
