from __future__ import annotations

import math

import orjson
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collector.batch import Signal
from collector.net.otlp_json import decode
from tests.collector.net.json_spans import SPANS, TRACE_ID, decode_span, decode_spans, decode_value


def test_reads_the_example_of_the_specification():
    request = decode_spans(SPANS)
    span = request.resource_spans[0].scope_spans[0].spans[0]

    assert "my.service" == request.resource_spans[0].resource.attributes[0].value.string_value
    assert "my.library" == request.resource_spans[0].scope_spans[0].scope.name
    assert bytes.fromhex(TRACE_ID) == span.trace_id
    assert 1544712660000000000 == span.start_time_unix_nano
    assert 1544712661000000000 == span.end_time_unix_nano
    assert 2 == span.kind
    assert [-7, False, b"\xfb\xff"] == [
        span.attributes[0].value.int_value,
        span.attributes[1].value.bool_value,
        span.attributes[2].value.bytes_value,
    ]
    assert math.isnan(span.attributes[3].value.array_value.values[0].double_value)
    assert 1.0 == span.attributes[3].value.array_value.values[1].double_value


def test_a_value_that_is_zero_is_still_there():
    assert "bool_value" == decode_value({"boolValue": False}).WhichOneof("value")
    assert "int_value" == decode_value({"intValue": 0}).WhichOneof("value")
    assert "string_value" == decode_value({"stringValue": ""}).WhichOneof("value")
    assert "kvlist_value" == decode_value({"kvlistValue": {}}).WhichOneof("value")


def test_metrics_and_logs_are_read_too():
    metrics = {"name": "m", "sum": {"dataPoints": [{"asInt": "-3"}], "aggregationTemporality": 2, "isMonotonic": True}}
    histogram = {
        "name": "h",
        "histogram": {"dataPoints": [{"bucketCounts": ["1", 2], "explicitBounds": [0.5], "sum": 0}]},
    }
    body = orjson.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metrics, histogram]}]}]})

    request = ExportMetricsServiceRequest.FromString(decode(Signal.METRICS, body))

    first, second = request.resource_metrics[0].scope_metrics[0].metrics
    assert (-3, True) == (first.sum.data_points[0].as_int, first.sum.is_monotonic)
    point = second.histogram.data_points[0]
    assert ([1, 2], [0.5], True) == (list(point.bucket_counts), list(point.explicit_bounds), point.HasField("sum"))


def test_a_log_record_without_ids_has_none():
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"","body":{"stringValue":"x"}}]}]}]}'

    record = (
        ExportLogsServiceRequest.FromString(decode(Signal.LOGS, body)).resource_logs[0].scope_logs[0].log_records[0]
    )

    assert (b"", "x") == (record.trace_id, record.body.string_value)


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_object_is_an_empty_request(signal):
    assert b"" == decode(signal, b"{}")


def test_unknown_fields_and_snake_case_keys_are_ignored():
    assert b"" == decode(Signal.TRACES, b'{"resource_spans": [{}], "future": {"a": [1, {"b": null}]}, "@type": 3}')


def test_null_is_as_if_the_field_were_absent():
    assert decode_span() == decode_span(name=None, attributes=None, startTimeUnixNano=None)


@pytest.mark.parametrize("text", ["AAEC/+8=", "AAEC_-8=", "AAEC/+8", "AAEC_-8"])
def test_bytes_values_are_read_in_both_alphabets_with_or_without_padding(text):
    assert b"\x00\x01\x02\xff\xef" == decode_value({"bytesValue": text}).bytes_value


@pytest.mark.parametrize("number", [2**64 - 1, str(2**64 - 1)])
def test_the_largest_time_is_one(number):
    assert 2**64 - 1 == decode_span(startTimeUnixNano=number).start_time_unix_nano


@pytest.mark.parametrize("number", [-(2**63), str(-(2**63)), -9.223372036854775808e18])
def test_the_smallest_integer_is_one(number):
    assert -(2**63) == decode_value({"intValue": number}).int_value
