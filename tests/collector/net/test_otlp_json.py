from __future__ import annotations

import base64
import gc
import json
import math
import random
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import SHAPES, Batch, Signal
from collector.net.bad_input import BadData, BadInput, TooLarge
from collector.net.otlp_json import decode, encode
from collector.testing import make_batch

TRACE_ID, SPAN_ID = "5B8EFFF798038103D269B633813FC60C", "eee19b7ec3c1b174"
SPANS = b"""
{"resourceSpans": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
  "scopeSpans": [{
    "scope": {"name": "my.library", "version": "1.0.0"},
    "spans": [{
      "traceId": "5B8EFFF798038103D269B633813FC60C",
      "spanId": "EEE19B7EC3C1B174",
      "parentSpanId": "EEE19B7EC3C1B173",
      "name": "I'm a server span",
      "startTimeUnixNano": "1544712660000000000",
      "endTimeUnixNano": 1544712661000000000,
      "kind": 2,
      "attributes": [
        {"key": "my.int", "value": {"intValue": "-7"}},
        {"key": "my.bool", "value": {"boolValue": false}},
        {"key": "my.bytes", "value": {"bytesValue": "-_8"}},
        {"key": "my.list", "value": {"arrayValue": {"values": [{"doubleValue": "NaN"}, {"doubleValue": 1}]}}}
      ],
      "status": {}
    }]
  }]
}]}
"""


def decode_spans(body):
    return ExportTraceServiceRequest.FromString(decode(Signal.TRACES, body))


def decode_span(**fields):
    return decode_spans(a_span(**fields)).resource_spans[0].scope_spans[0].spans[0]


def a_span(**fields):
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})


def decode_value(value):
    return decode_span(attributes=[{"key": "a", "value": value}]).attributes[0].value


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


@pytest.mark.parametrize("text", ["A", "AAAA=", "AA=", "A===", "A!==", "AA=A", " AAAA", "AAAA\n", "ä"])
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(BadData, match=r"AnyValue\.bytesValue must be bytes in base64"):
        decode_value({"bytesValue": text})


@pytest.mark.parametrize(
    "text", ["5B8EFFF798038103D269B633813FC60C"[:-1], "zz", "ab cd", "é0", "W47/95gDgQPSabYzgT/GDA=="]
)
def test_what_is_not_hexadecimal_is_no_id(text):
    with pytest.raises(BadData, match=r"Span\.traceId must be an id in hexadecimal"):
        decode_span(traceId=text)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 1},
        {"name": ["a"]},
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": "2"},
        {"kind": 2.0},
        {"kind": True},
        {"kind": 1 << 31},
        {"traceId": 7},
        {"attributes": {}},
        {"attributes": [None]},
        {"attributes": ["a"]},
        {"status": []},
        {"status": "ok"},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": "1.5"},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": " 1"},
        {"startTimeUnixNano": "٣"},
        {"startTimeUnixNano": True},
        {"startTimeUnixNano": "18446744073709551616"},
        {"startTimeUnixNano": 1.8446744073709552e19},
        {"flags": 1 << 32},
        {"droppedAttributesCount": -1},
        {"droppedAttributesCount": {}},
        {"attributes": [{"key": "a", "value": {"intValue": 1 << 63}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": 1}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": "true"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "nan"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "1_0"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "1e999"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": False}}]},
        {"attributes": [{"key": "a", "value": {"intValue": 1, "stringValue": "b"}}]},
    ],
)
def test_a_wrong_type_is_refused(fields):
    with pytest.raises(BadData):
        decode_span(**fields)


@pytest.mark.parametrize("number", [2**64 - 1, str(2**64 - 1)])
def test_the_largest_time_is_one(number):
    assert 2**64 - 1 == decode_span(startTimeUnixNano=number).start_time_unix_nano


@pytest.mark.parametrize("number", [-(2**63), str(-(2**63)), -9.223372036854775808e18])
def test_the_smallest_integer_is_one(number):
    assert -(2**63) == decode_value({"intValue": number}).int_value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"a"',
        b"{",
        b"{}{}",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": ' + b"1" * 5000 + b"}",
        rb'{"a": "\ud800"}',
        b'{"a": "\xff"}',
        b"{'a': 1}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"resourceSpans": 1}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_otlp_is_refused(body):
    with pytest.raises(BadData):
        decode(Signal.TRACES, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceSpans": [], "resourceSpans": []}',
        b'{"unknown": {"a": 1, "a": 2}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": 1, "a": 2, "b": "\\u003a"}',
        b'{"a": 1, "a": "\\u003A"}',
        b'{"a:": ":", "a:": "::"}',
    ],
)
def test_a_repeated_key_is_refused(body):
    with pytest.raises(BadData, match="twice"):
        decode(Signal.TRACES, body)


PIECES = [":", "a", r"\\", r"\u003a", r"\u003A", "u003a", r"\"", r"\u005c", "{", ","]
texts = st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: f'"{"".join(pieces)}"')
objects = st.recursive(
    texts | st.just("1"),
    lambda inner: st.lists(st.tuples(texts, inner), max_size=4).map(
        lambda pairs: "{" + ", ".join(f"{key} : {value}" for key, value in pairs) + "}"
    ),
    max_leaves=8,
)


def has_a_repeated_key(text):
    found = []

    def look(pairs):
        found.append(len({key for key, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    return any(found)


@given(inner=objects)
def test_every_repeated_key_is_found_and_nothing_else(inner):
    text = f'{{"unknown": {inner}}}'
    try:
        json.loads(text)
    except ValueError:
        return

    try:
        decode(Signal.TRACES, text.encode())
        refused = False
    except BadData as error:
        refused = "twice" in str(error)

    assert has_a_repeated_key(text) == refused


@pytest.mark.parametrize("body", [b'{"a:b": ":::", "c": {"a:b": 1}}', rb'{"a": "\u003a \\u003a", "b": "\":\""}'])
def test_colons_in_texts_are_not_taken_for_keys(body):
    assert b"" == decode(Signal.TRACES, body)


def nested(levels):
    value = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def test_values_may_be_nested_as_deeply_as_the_protobuf_parser_takes_them():
    body = a_span(attributes=[{"key": "a", "value": nested(47)}])

    assert 1 == len(decode_spans(body).resource_spans)


@pytest.mark.parametrize("levels", [48, 51, 80])
def test_values_nested_deeper_are_refused(levels):
    with pytest.raises(BadData, match="nested"):
        decode(Signal.TRACES, a_span(attributes=[{"key": "a", "value": nested(levels)}]))


def test_the_garbage_collector_is_on_again_after_a_large_body():
    for body in (encode(make_batch(items=2000)), b"[" * (1 << 17), b"{}" + b" " * (1 << 17)):
        with suppress(BadInput):
            decode(Signal.TRACES, body)

        assert gc.isenabled()


@pytest.mark.parametrize("filling", [b"{},", b"[],", b'"",', b"0,"])
def test_a_bomb_of_values_is_refused_before_it_is_parsed(filling):
    body = b'{"resourceSpans": [' + filling * ((20 << 20) // len(filling)) + b"{}]}"

    with pytest.raises(TooLarge):
        decode(Signal.TRACES, body)


# Both ways


def any_request(signal, chance):
    """
    A message as OTLP allows it, without unknown fields.
    """
    request = SHAPES[signal].request()
    fill(request, chance, depth=12)
    return request


TEXTS = ["", "a", "é\u2028\U0001f600", '"\\/:', "\x00\x1f"]
DOUBLES = [0.0, -0.0, 1.5, 1e308, 5e-324, math.inf, -math.inf]
SCALARS = {
    1: lambda chance: chance.choice(DOUBLES),
    3: lambda chance: chance.choice([0, 1, -1, -(2**63), 2**63 - 1]),
    5: lambda chance: chance.choice([0, 1, -1, -(2**31), 2**31 - 1]),
    6: lambda chance: chance.choice([0, 1, 2**53 + 1, 2**64 - 1]),
    7: lambda chance: chance.choice([0, 1, 2**32 - 1]),
    8: lambda chance: chance.random() < 0.5,
    9: lambda chance: chance.choice(TEXTS),
    12: lambda chance: chance.randbytes(chance.choice([0, 1, 2, 8, 16])),
    13: lambda chance: chance.choice([0, 1, 127, 128, 2**32 - 1]),
    14: lambda chance: chance.randrange(5),
    16: lambda chance: chance.choice([0, 1, -1, -(2**63), 2**63 - 1]),
    17: lambda chance: chance.choice([0, 1, -1, -(2**31), 2**31 - 1]),
}
SCALARS[4] = SCALARS[6]


def fill(message, chance, depth):
    fields = list(message.DESCRIPTOR.fields) if depth else []
    for field in chance.sample(fields, min(len(fields), 3)):
        for _ in range(1 + field.is_repeated):
            put(message, field, chance, depth)


def put(message, field, chance, depth):
    current = getattr(message, field.name)
    if field.message_type is not None:
        child = current.add() if field.is_repeated else current
        child.SetInParent()
        fill(child, chance, depth - 1)
    elif field.is_repeated:
        current.append(SCALARS[field.type](chance))
    else:
        setattr(message, field.name, SCALARS[field.type](chance))


@pytest.mark.parametrize("signal", list(Signal))
def test_decoding_undoes_encoding(signal):
    chance = random.Random(3)
    for _ in range(100):
        request = any_request(signal, chance)

        decoded = SHAPES[signal].request.FromString(decode(signal, encode(Batch(signal, request=request))))

        assert request == decoded


def test_writes_what_the_specification_says():
    span = {
        "traceId": TRACE_ID.lower(),
        "spanId": SPAN_ID,
        "name": "é",
        "kind": 2,
        "startTimeUnixNano": "1544712660000000000",
        "attributes": [
            {"key": "i", "value": {"intValue": "0"}},
            {"key": "d", "value": {"doubleValue": "-Infinity"}},
            {"key": "b", "value": {"bytesValue": base64.b64encode(b"\xfb\xff").decode()}},
            {"key": "n", "value": {}},
        ],
        "droppedAttributesCount": 1,
        "status": {"code": 2},
    }
    body = a_span(**span)

    assert body == encode(Batch(Signal.TRACES, wire=decode(Signal.TRACES, body)))


def test_zero_values_are_left_out():
    body = a_span(name="", kind=0, startTimeUnixNano="0", traceId="", attributes=[], flags=0)

    assert a_span() == encode(Batch(Signal.TRACES, wire=decode(Signal.TRACES, body)))


# Whatever goes in

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "scopeSpans", "spans", "attributes", "value", "arrayValue", "traceId", "name"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(body=json_values.map(orjson.dumps) | st.binary() | st.text().map(str.encode))
@pytest.mark.parametrize("signal", list(Signal))
def test_whatever_goes_in_only_a_request_or_a_refusal_comes_out(signal, body):
    decodes_or_refuses(signal, body)


@pytest.mark.slow
def test_twenty_thousand_mutations_give_requests_or_refusals():
    chance = random.Random(7)

    refused = sum(not decodes_or_refuses(Signal.TRACES, mutated(SPANS, chance)) for _ in range(20_000))

    assert 5_000 < refused < 20_000


def mutated(body, chance):
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 5)):
        start = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[start] = chance.choice(b'{}[]:,"\\0179-.eE tfnN\xff\x00')
            case 1:
                del changed[start : start + chance.randrange(1, 9)]
            case 2:
                changed[start:start] = changed[start : start + chance.randrange(1, 40)]
            case 3:
                changed[start:start] = chance.choice([b"null", b"1e5", b"{}", b"[]", b'""', b"-1", b"true"])
    return bytes(changed)


def decodes_or_refuses(signal, body):
    try:
        wire = decode(signal, body)
    except BadInput:
        return False
    SHAPES[signal].request.FromString(wire)
    return True
