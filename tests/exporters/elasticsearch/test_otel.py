import pytest

from collector.batch import Batch, Signal
from collector.testing import make_logs, make_metrics, make_spans
from tests.exporters.elasticsearch.written import (
    attributes,
    logs,
    parsed,
    source,
    sources,
    targets,
    traces,
    write,
)

TRACE, SPAN, PARENT = "0102030405060708090a0b0c0d0e0f10", "0102030405060708", "0001020304050607"
SERVICE = attributes(service_name={"stringValue": "test-service"})
LINK = {"traceId": TRACE, "spanId": SPAN, "traceState": "a=b", "droppedAttributesCount": 1}


def test_a_log_record():
    record = {
        "timeUnixNano": "1705314600000000000",
        "observedTimeUnixNano": "1705314601000000000",
        "severityText": "INFO",
        "severityNumber": 9,
        "eventName": "user.login",
        "traceId": TRACE,
        "spanId": SPAN,
        "attributes": attributes(http_request_method={"stringValue": "GET"}, n={"doubleValue": 1}),
        "droppedAttributesCount": 1,
        "body": {"stringValue": "hello"},
    }
    scope = {"name": "lib", "version": "1.0.0"}
    resource = {"attributes": SERVICE, "droppedAttributesCount": 1}

    assert {
        "@timestamp": "1705314600000.0",
        "observed_timestamp": "1705314601000.0",
        "data_stream": {"type": "logs", "dataset": "generic.otel", "namespace": "default"},
        "severity_text": "INFO",
        "severity_number": 9,
        "event_name": "user.login",
        "trace_id": TRACE,
        "span_id": SPAN,
        "attributes": {"http.request.method": "GET", "n": 1.0},
        "dropped_attributes_count": 1,
        "resource": {
            "schema_url": "https://a",
            "attributes": {"service.name": "test-service"},
            "dropped_attributes_count": 1,
        },
        "scope": {"name": "lib", "version": "1.0.0", "schema_url": "https://b"},
        "body": {"text": "hello"},
    } == source(logs(record, resource, scope, schema="https://a", scope_schema="https://b"))


def test_a_span():
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "traceState": "k=v",
        "name": "GET /api/v1/users",
        "kind": 2,
        "startTimeUnixNano": "1705314600000000000",
        "endTimeUnixNano": "1705314600150000000",
        "droppedAttributesCount": 1,
        "droppedEventsCount": 1,
        "droppedLinksCount": 1,
        "links": [LINK | {"attributes": attributes(a={"intValue": "1"})}],
        "status": {"code": 1, "message": "fine"},
    }

    assert {
        "@timestamp": "1705314600000.0",
        "data_stream": {"type": "traces", "dataset": "generic.otel", "namespace": "default"},
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "trace_state": "k=v",
        "name": "GET /api/v1/users",
        "kind": "Server",
        "duration": 150000000,
        "dropped_attributes_count": 1,
        "dropped_events_count": 1,
        "dropped_links_count": 1,
        "links": [
            {
                "trace_id": TRACE,
                "span_id": SPAN,
                "trace_state": "a=b",
                "attributes": {"a": 1},
                "dropped_attributes_count": 1,
            }
        ],
        "status": {"code": "Ok", "message": "fine"},
        "resource": {"attributes": {"service.name": "test-service"}},
        "scope": {},
    } == source(traces(span, {"attributes": SERVICE}))


def test_a_span_event_is_a_log_document_of_its_own():
    event = {
        "timeUnixNano": "1705314600000000005",
        "name": "exception",
        "attributes": attributes(a={"intValue": "1"}),
        "droppedAttributesCount": 2,
    }
    written = write(traces({"traceId": TRACE, "spanId": SPAN, "events": [event]}, {"attributes": SERVICE}))

    document = written.documents[1]
    assert (0, 0) == (document.item, document.items)
    assert {
        "@timestamp": "1705314600000.000005",
        "data_stream": {"type": "logs", "dataset": "generic.otel", "namespace": "default"},
        "trace_id": TRACE,
        "span_id": SPAN,
        "event_name": "exception",
        "attributes": {"a": 1, "event.name": "exception"},
        "dropped_attributes_count": 2,
        "resource": {"attributes": {"service.name": "test-service"}},
        "scope": {},
    } == parsed(document.source)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_705_314_600_123_456_789, "1705314600123.456789"),
        (1_705_314_600_000_000_005, "1705314600000.000005"),
        (1_705_314_600_000_100_000, "1705314600000.100000"),
        (1_705_314_600_123_000_000, "1705314600123.0"),
        (1, "0.000001"),
        (1_000_000, "1.0"),
        (2**64 - 1, "18446744073709.551615"),
    ],
)
def test_times_are_text_in_milliseconds(nanoseconds, text):
    assert text == source(make_logs({"time_unix_nano": nanoseconds}))["@timestamp"]


def test_a_record_without_a_time_has_the_next_best():
    seen = source(make_logs({"time_unix_nano": 0, "observed_time_unix_nano": 5_000_000}))
    assert ("5.0", "5.0") == (seen["@timestamp"], seen["observed_timestamp"])

    never = source(make_logs({"time_unix_nano": 0, "observed_time_unix_nano": 0}))
    assert ("1700000000000.0", False) == (never["@timestamp"], "observed_timestamp" in never)

    assert "7.0" == source(traces({"endTimeUnixNano": "7000000"}))["@timestamp"]
    assert "1700000000000.0" == source(traces({}))["@timestamp"]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("hello", {"text": "hello"}),
        (7, {"text": "7"}),
        (1.5, {"text": "1.5"}),
        (True, {"text": "true"}),
        (b"\x00", {"text": "AA=="}),
        ({"a": {"b": 1}}, {"structured": {"a": {"b": 1}}}),
        ([{"a": 1}, {"b": 2}], {"structured": [{"a": 1}, {"b": 2}]}),
        ([1, {"a": 1}], {"structured": {"value": [1, {"a": 1}]}}),
        ([], {"structured": {"value": []}}),
        ({"a": float("nan")}, {"structured": {"a": "NaN"}}),
    ],
)
def test_bodies(body, written):
    assert written == source(make_logs({"body": body}))["body"]


def test_a_record_without_a_body_has_none():
    assert "body" not in source(logs({}))


def test_the_name_of_an_event_may_be_an_attribute():
    document = source(make_logs({"attributes": {"event.name": "login"}}))

    assert ("login", {"event.name": "login"}) == (document["event_name"], document["attributes"])


def test_of_attributes_with_the_same_key_the_last_one_is_written():
    twice = [
        {"key": "a", "value": {"intValue": "1"}},
        {"key": "b", "value": {}},
        {"key": "a", "value": {"boolValue": True}},
    ]

    for batch in (logs({"attributes": twice}), traces({"attributes": twice})):
        assert {"a": True, "b": None} == source(batch)["attributes"]
    assert {"a": True, "b": None} == source(logs({}, {"attributes": twice}))["resource"]["attributes"]


def test_values_that_json_has_not_are_text():
    odd = {"nan": float("nan"), "inf": float("inf"), "low": -float("inf"), "raw": b"\xff", "big": 2**63 - 1}

    assert {
        "nan": "NaN",
        "inf": "Infinity",
        "low": "-Infinity",
        "raw": "/w==",
        "big": 9223372036854775807,
    } == source(make_logs({"attributes": odd}))["attributes"]


def test_keys_that_elasticsearch_refuses_are_changed():
    odd = {"": 1, "a..b": 2, ".c": 3, "d.": 4, " ": 5, "e\0": 6}

    assert {"a._.b": 2, "_.c": 3, "d._": 4, "_": 5, "e_": 6} == source(make_logs({"attributes": odd}))["attributes"]


def test_what_is_nested_too_deeply_is_text():
    value = "deep"
    for _ in range(20):
        value = {"a": value}
    written = source(make_logs({"attributes": {"x": value}}))["attributes"]["x"]

    depth = 0
    while isinstance(written, dict):
        written, depth = written["a"], depth + 1
    assert 16 == depth
    assert '{"a":{"a":{"a":{"a":"deep"}}}}' == written


def test_coordinates_are_a_point():
    both = {"geo.location.lat": 1.5, "geo.location.lon": 2.5, "a.geo.location.lat": 3.0, "a.geo.location.lon": 4.0}
    lonely = {"geo.location.lat": 1.5, "b.geo.location.lon": 2.5}
    texts = {"geo.location.lat": "1", "geo.location.lon": "2"}

    for given, expected in (
        (both, {"geo.location": [2.5, 1.5], "a.geo.location": [4.0, 3.0]}),
        (lonely, lonely),
        (texts, texts),
    ):
        assert expected == source(make_logs({"attributes": given}))["attributes"]


def test_dots_are_no_objects_in_elasticsearch_but_in_opensearch():
    batch = make_logs({"attributes": {"a": 1, "a.b": 2}})

    assert {"a": 1, "a.b": 2} == source(batch)["attributes"]
    assert {"a.value": 1, "a.b": 2} == source(batch, "{flavor: opensearch}")["attributes"]


def test_a_span_that_ends_before_it_starts_takes_no_time():
    assert 0 == source(traces({"startTimeUnixNano": "5", "endTimeUnixNano": "4"}))["duration"]


def test_what_otlp_does_not_know_is_unspecified():
    document = source(traces({"kind": 99, "status": {"code": 7}}))

    assert ("Unspecified", {"code": "Unset"}, []) == (document["kind"], document["status"], document["links"])


def test_a_scope_chooses_its_mode():
    def batch(mode):
        return logs({}, scope={"attributes": attributes(elastic_mapping_mode={"stringValue": mode})})

    assert ["logs-generic-default"] == targets(batch("ecs"))
    assert ["logs-generic.otel-default"] == targets(batch("ecs"), "{mapping: {allowed_modes: [otel, raw]}}")
    assert ["logs-generic.otel-default"] == targets(batch("unheard_of"))
    assert {} == source(batch("otel"))["scope"]


def test_a_client_chooses_its_mode():
    batch = make_logs({})
    batch.metadata = {"x-elastic-mapping-mode": "ecs"}

    assert ["logs-generic-default"] == targets(batch)


@pytest.mark.parametrize("mode", ["none", "raw", "bodymap", "jaeger"])
def test_what_a_mode_has_no_shape_for_is_as_in_mode_otel(mode):
    metrics = make_metrics({"points": [{"value": 1}]})

    assert ["metrics-generic.otel-default"] == targets(metrics, f"{{mapping: {{mode: {mode}}}}}")


def test_profiles_have_no_documents():
    written = write(Batch(Signal.PROFILES, wire=b"\x0a\x04\x12\x02\x12\x00"))

    assert ({"unsupported": 1}, {"profiles have no documents": 1}) == (written.dropped, written.notes)


def test_an_empty_batch_has_no_documents():
    assert [] == sources(Batch(Signal.LOGS, wire=b""))


def test_spans_are_in_their_order_with_their_positions():
    batch = make_spans({"name": "a", "events": [{"name": "e"}]}, {"name": "b"})
    documents = write(batch).documents

    assert [(0, 1), (0, 0), (1, 1)] == [(document.item, document.items) for document in documents]
    assert ["a", None, "b"] == [parsed(document.source).get("name") for document in documents]
