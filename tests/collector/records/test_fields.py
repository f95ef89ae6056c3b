import pytest
from hypothesis import given
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.api import Event, Link, Span
from collector.testing import make_log, make_span
from tests.collector.records.values import VALUES, identical


def test_a_span_has_the_fields_of_otlp():
    span = make_span(
        name="GET /", kind="server", status="error", status_message="boom", start_time=100, duration=0.25,
        trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331", parent_span_id="00f067aa0ba902b7",
        trace_state="a=1", events=[{"name": "retry", "time": 100.1, "attributes": {"n": 1}}],
        links=[{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}],
    )  # fmt: skip
    official = trace_pb2.Span.FromString(span.wire)

    assert ("GET /", "server", "error", "boom", 100.0, 100.25, 0.25, "a=1") == (
        span.name, span.kind, span.status, span.status_message, span.start_time, span.end_time, span.duration,
        span.trace_state,
    )  # fmt: skip
    assert (official.trace_id.hex(), official.span_id.hex(), official.parent_span_id.hex()) == (
        span.trace_id, span.span_id, span.parent_span_id,
    )  # fmt: skip
    assert [("retry", 100.1, 1)] == [(event.name, event.time, event["n"]) for event in span.events]
    assert [official.links[0].span_id.hex()] == [link.span_id for link in span.links]


def test_fields_can_be_written():
    span = make_span()

    span.name, span.kind, span.status, span.status_message = "n", "client", "ok", "m"
    span.trace_id, span.parent_span_id, span.end_time_unix_nano = "ab" * 16, "", 7
    official = trace_pb2.Span.FromString(span.wire)

    assert ("n", 3, 1, "m", b"\xab" * 16, b"", 7) == (
        official.name, official.kind, official.status.code, official.status.message, official.trace_id,
        official.parent_span_id, official.end_time_unix_nano,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("name", None, "is text, not NoneType"),
        ("name", 5, "is text, not int"),
        ("kind", "servant", "kind is one of unspecified, internal, server"),
        ("status", "failed", "is one of unset, ok, error, not 'failed'"),
        ("trace_id", "abc", "non-hexadecimal|fromhex"),
        ("trace_id", "abcd", "trace_id is 32 hexadecimal digits, not 'abcd'"),
        ("start_time", "2026-11-24T00:00:00Z", "a time is a number of seconds, not str"),
        ("end_time", [1], "a time is a number of seconds, not list"),
        ("start_time_unix_nano", 1.5, "a whole number, not float"),
        ("nmae", "x", "no attribute 'nmae'"),
        ("duration", 1, "can't set|has no setter"),
    ],
)
def test_what_a_field_cannot_hold_is_said(name, value, error):
    with pytest.raises((TypeError, ValueError, AttributeError), match=error):
        setattr(make_span(), name, value)


@pytest.mark.parametrize("number", [6, 99, -1])
def test_a_kind_that_otlp_does_not_know_yet_reads_as_unspecified_and_stays(number):
    wire = trace_pb2.Span(kind=number, name="x").SerializeToString()
    span = Span(wire)

    assert "unspecified" == span.kind
    span.name = "y"
    assert number == trace_pb2.Span.FromString(span.wire).kind


def test_events_are_a_list_that_may_be_changed():
    span = make_span(events=[{"name": "a"}, {"name": "b", "attributes": {"user": "alice"}}])

    span.events[1]["user"] = "****"
    span.events[1].name = "c"
    del span.events[0]
    added = Event()
    added.name = "d"
    span.events.append(added)

    assert [("c", {"user": "****"}), ("d", {})] == [(e.name, dict(e)) for e in Span(span.wire).events]


def test_a_list_of_events_can_be_replaced():
    span = make_span(events=[{"name": "a"}, {"name": "b"}])

    span.events = [event for event in span.events if event.name == "b"]

    assert ["b"] == [event.name for event in Span(span.wire).events]


def test_only_events_are_events():
    span = make_span()
    span.events.append(Link())

    with pytest.raises(TypeError, match="events is a list of Event, not of Link"):
        span.wire  # noqa: B018


def test_a_log_record_has_the_fields_of_otlp():
    log = make_log(
        body="boom", severity_number=17, severity_text="ERROR", time=100.5, observed_time=101, event_name="crash",
        trace_id="ab" * 16, span_id="cd" * 8, attributes={"a": 1},
    )  # fmt: skip

    assert ("boom", 17, "ERROR", 100.5, 100_500_000_000, 101.0, "crash", "ab" * 16, "cd" * 8, 1) == (
        log.body, log.severity_number, log.severity_text, log.time, log.time_unix_nano, log.observed_time,
        log.event_name, log.trace_id, log.span_id, log["a"],
    )  # fmt: skip


@given(VALUES)
def test_a_body_is_any_value(body):
    log = make_log(body=body)

    assert identical(body, log.body)
    log.body = ["other"]
    log.body = body
    assert identical(body, type(log)(log.wire).body)


def test_a_body_may_be_changed_in_place():
    log = make_log(body={"user": "alice", "tags": []})

    log.body["user"] = "****"
    log.body["tags"].append("masked")

    assert {"user": "****", "tags": ["masked"]} == type(log)(log.wire).body


def test_a_body_that_is_only_read_stays_as_it_came():
    log = make_log(body={"a": [1, None]})
    before = log.wire

    assert {"a": [1, None]} == log.body
    assert before is log.wire
