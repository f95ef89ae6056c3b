import json

import pytest

from collector.testing import make_logs, make_spans
from tests.exporters.elasticsearch.written import attributes, source, targets, traces, write

NONE, RAW = "{mapping: {mode: none}}", "{mapping: {mode: raw}}"
TRACE, SPAN, PARENT = "0102030405060708090a0b0c0d0e0f10", "0102030405060708", "0001020304050607"


def test_a_span():
    event = {
        "name": "exception",
        "timeUnixNano": "1705314600000000001",
        "attributes": attributes(exception_type={"stringValue": "E"}),
    }
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "1705314600000000000",
        "endTimeUnixNano": "1705314600150000000",
        "attributes": attributes(http_method={"stringValue": "GET"}),
        "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": attributes(a={"intValue": "1"})}],
        "events": [event],
        "status": {"code": 2, "message": "boom"},
    }
    resource = {"attributes": attributes(service_name={"stringValue": "shop"})}
    document = source(traces(span, resource, {"name": "lib", "version": "1"}), NONE)

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "EndTimestamp": "2024-01-15T10:30:00.150000000Z",
        "TraceId": TRACE,
        "SpanId": SPAN,
        "ParentSpanId": PARENT,
        "Name": "GET /",
        "Kind": "SPAN_KIND_SERVER",
        "TraceStatus": 2,
        "TraceStatusDescription": "boom",
        "Link": json.dumps([{"attribute": {"a": "1"}, "spanID": SPAN, "traceID": TRACE}], separators=(",", ":")),
        "Duration": 150000,
        "Attributes.http.method": "GET",
        "Resource.service.name": "shop",
        "Scope.name": "lib",
        "Scope.version": "1",
        "Events.exception.time": "2024-01-15T10:30:00.000000001Z",
        "Events.exception.exception.type": "E",
        "data_stream.type": "traces",
        "data_stream.dataset": "generic",
        "data_stream.namespace": "default",
    } == document


def test_a_log_record():
    record = {"time": 1_705_314_600, "body": "hello", "trace_id": TRACE, "span_id": SPAN, "attributes": {"a": 1}}

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "Body": "hello",
        "SeverityText": "INFO",
        "SeverityNumber": 9,
        "TraceId": TRACE,
        "SpanId": SPAN,
        "TraceFlags": 0,
        "Attributes.a": 1,
        "Resource.b": 2,
        "data_stream.type": "logs",
        "data_stream.dataset": "generic",
        "data_stream.namespace": "default",
    } == source(make_logs(record, resource={"b": 2}), NONE)


def test_in_raw_attributes_and_events_have_no_prefix():
    batch = make_spans({"attributes": {"a": 1}, "events": [{"name": "e", "attributes": {"b": 2}}]}, resource={"c": 3})
    document = source(batch, RAW)

    assert {"a": 1, "e.b": 2, "Resource.c": 3}.items() <= document.items()
    assert "e.time" in document


def test_in_raw_an_attribute_that_is_called_like_a_field_keeps_its_prefix():
    document = source(make_spans({"name": "x", "attributes": {"Name": "y", "Scope.name": "z"}}), RAW)

    assert ("x", "y", "z") == (document["Name"], document["Attributes.Name"], document["Attributes.Scope.name"])


@pytest.mark.parametrize(("config", "prefix"), [(NONE, "Events."), (RAW, "")])
def test_events_of_the_same_name_are_lists(config, prefix):
    events = [{"name": "e", "time": time, "attributes": {"a": time}} for time in (1, 2)]
    document = source(make_spans({"events": events}), config)

    assert [1, 2] == document[f"{prefix}e.a"]
    assert ["1970-01-01T00:00:01.000000000Z", "1970-01-01T00:00:02.000000000Z"] == document[f"{prefix}e.time"]


def test_maps_are_flat():
    document = source(make_logs({"body": {"a": {"b": 1}}, "attributes": {"c": {"d": 2}}}), NONE)

    assert (1, 2) == (document["Body.a.b"], document["Attributes.c.d"])


@pytest.mark.parametrize("mode", ["none", "raw", "ecs"])
def test_a_long_key_is_not_repeated_for_each_of_what_is_in_its_map(mode):
    """
    100 kB before a thousand others would be 100 MB.
    """
    fields = {str(n): n for n in range(1000)}
    batch = make_logs({"attributes": {"k" * 10_000: fields}, "body": {"b" * 10_000: fields}})
    (document,) = write(batch, f"{{mapping: {{mode: {mode}}}}}").documents

    assert len(document.source) < 3 * len(batch.wire)


@pytest.mark.parametrize("config", [NONE, RAW])
def test_a_long_name_of_an_event_is_not_repeated_for_each_of_its_attributes(config):
    batch = make_spans({"events": [{"name": "e" * 100_000, "attributes": {str(n): n for n in range(1000)}}]})
    (document,) = write(batch, config).documents

    assert len(document.source) < 4 * len(batch.wire)


def test_a_value_that_would_be_an_object_too_moves_to_value():
    document = source(make_logs({"attributes": {"a": 1, "a.b": 2}}), NONE)

    assert (1, 2) == (document["Attributes.a.value"], document["Attributes.a.b"])


def test_nothing_is_in_the_timestamp():
    document = source(make_logs({"attributes": {"@timestamp.a": 1}}), "{mapping: {mode: ecs}}")

    assert ("2023-11-14T22:13:20.000000000Z", 1) == (document["@timestamp"], document["@timestamp_a"])


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        ("raw", {"_id__": 1, "_id_": 2, "_index_.a.value": 3, "_index_.a.b": 4}),
        ("ecs", {"_id__": 1, "_id_": 2, "_index_": {"a": {"value": 3, "b": 4}}}),
    ],
)
def test_fields_of_the_servers_own_are_called_otherwise(mode, fields):
    attributes = {"_id": 1, "_id_": 2, "_index.a": 3, "_index.a.b": 4}
    document = source(make_logs({"attributes": attributes}), f"{{mapping: {{mode: {mode}}}}}")

    assert fields == {name: value for name, value in document.items() if name.startswith(("_id", "_index"))}


@pytest.mark.parametrize("config", [NONE, RAW])
def test_documents_go_to_data_streams_without_a_suffix(config):
    assert ["logs-generic-default"] == targets(make_logs({}), config)
    assert ["traces-generic-default"] == targets(make_spans({"events": [{"name": "a"}]}), config)


def test_kinds_that_otlp_does_not_know_are_unspecified():
    assert "SPAN_KIND_UNSPECIFIED" == source(traces({"kind": 9}), NONE)["Kind"]
