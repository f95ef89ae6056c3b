import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api import map_records
from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.records.mapping import records_of
from collector.testing import make_batch, make_logs, make_metrics, make_span, make_spans
from tests.collector.records.wire import field, span_of, value_first


def _numbered(signal, size):
    make = {Signal.TRACES: make_spans, Signal.LOGS: make_logs, Signal.METRICS: make_metrics}[signal]
    name = "event_name" if signal is Signal.LOGS else "name"
    return make(*({name: f"n{i}"} for i in range(size)))


def _name(record):
    return record.event_name if hasattr(record, "event_name") else record.name


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_what_nobody_changes_keeps_its_very_bytes(signal):
    batch = make_batch(signal, 3, user="alice")
    wire = batch.wire

    result = map_records(batch, lambda record: record)

    assert result is batch
    assert wire is result.wire


def test_a_span_that_did_not_change_keeps_its_very_bytes_when_another_does():
    odd = span_of(value_first("a", "1")).wire
    batch = Batch(Signal.TRACES, wire=field(1, field(2, field(2, odd) + field(2, make_span(name="other").wire))))

    def touch(span):
        if span.name == "other":
            span["x"] = 1
        return span

    assert odd in map_records(batch, touch).wire


@given(st.data())
def test_what_is_returned_stays_and_the_rest_goes(data):
    signal = data.draw(st.sampled_from(sorted(RECORD_SIGNALS)))
    sizes = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    batch = Batch.join([_numbered(signal, size) for size in sizes])
    names = [_name(record) for record in records_of(batch)]
    kept = data.draw(st.sets(st.sampled_from(names))) if names else set()

    result = map_records(batch, lambda record: record if _name(record) in kept else None)

    assert [name for name in names if name in kept] == ([_name(r) for r in records_of(result)] if result else [])
    assert result is None or len(result) == result.count_in(SHAPES[signal].request.FromString(result.wire))


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_parents_that_are_left_empty_go(signal):
    batch = Batch.join([_numbered(signal, 2), _numbered(signal, 1)])

    result = map_records(batch, lambda record: record if _name(record) == "n1" else None)

    (resource,) = SHAPES[signal].path[0](result.request)
    assert 1 == len(SHAPES[signal].path[1](resource))


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_nothing_left_is_no_batch(signal):
    assert map_records(make_batch(signal, 2), lambda record: None) is None


def test_a_batch_without_records_comes_back():
    batch = Batch(Signal.TRACES, wire=b"")

    assert batch is map_records(batch, lambda span: None)


def test_a_metric_without_points_is_left_alone_and_one_that_loses_them_goes():
    batch = make_metrics({"name": "empty", "points": []}, {"name": "emptied"}, {"name": "full"})

    def remove_points(metric):
        if metric.name == "emptied":
            metric.points.clear()
        return metric

    assert ["empty", "full"] == [metric.name for metric in records_of(map_records(batch, remove_points))]


def test_a_change_of_the_resource_is_seen_by_all_that_follow_and_goes_on():
    seen = []

    def rename(span):
        seen.append(span.resource.get("service.name"))
        span.resource["service.name"] = "store"
        span.scope.name = "mine"
        return span

    (first, second) = records_of(map_records(make_spans({}, {}, resource={"service.name": "shop"}), rename))

    assert ["shop", "store"] == seen
    assert ("store", "mine") == (first.resource["service.name"], second.scope.name)


def test_a_span_without_resource_can_be_given_one():
    batch = make_spans({})
    batch.request.resource_spans[0].ClearField("resource")
    batch.request.resource_spans[0].scope_spans[0].ClearField("scope")

    def name(span):
        assert ({}, "") == (dict(span.resource), span.scope.name)
        span.resource["service.name"] = "shop"
        return span

    assert ["shop"] == [span.resource["service.name"] for span in records_of(map_records(batch, name))]


def test_metadata_stays_with_the_batch():
    batch = Batch(Signal.TRACES, wire=make_batch(items=2).wire, metadata={"tenant": "a"})

    result = map_records(batch, lambda span: span if span.name == "span-1" else None)

    assert {"tenant": "a"} == result.metadata


def test_fields_that_no_view_knows_survive_a_change():
    strange = make_span().wire + b"\xaa\xe2\x09\x08tomorrow"
    batch = make_spans({})
    spans = batch.request.resource_spans[0].scope_spans[0].spans
    spans[0].MergeFromString(strange)

    result = map_records(batch, lambda span: span.update(x=1) or span)

    assert b"\xaa\xe2\x09\x08tomorrow" in result.wire


@pytest.mark.parametrize(
    ("result", "said"),
    [(True, "a value of type bool"), ("x", "a value of type str"), (make_span(), "another Span")],
)
def test_anything_else_than_the_record_or_none_is_an_error(result, said):
    with pytest.raises(TypeError, match=f"return the Span that was given to keep it, or None to drop it; {said}"):
        map_records(make_batch(), lambda span: result)


def test_profiles_are_not_looked_at():
    """
    A processor that should mask and cannot must not let its batch through.
    """
    with pytest.raises(ValueError, match="records of profiles cannot be looked at"):
        map_records(make_batch(Signal.PROFILES), lambda record: record)


def test_a_record_that_was_kept_can_be_read_afterwards_and_changes_nothing():
    kept = []
    batch = make_spans({"attributes": {"a": [1]}})

    result = map_records(batch, lambda span: kept.append(span) or span)
    kept[0]["a"].append(2)
    kept[0]["b"] = 3

    assert {"a": [1]} == dict(records_of(result)[0])
