"""
One span in OTLP/JSON, to and fro.
"""

from __future__ import annotations

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import Signal
from collector.net.otlp_json import decode

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


def a_span(**fields):
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})


def decode_span(**fields):
    return decode_spans(a_span(**fields)).resource_spans[0].scope_spans[0].spans[0]


def decode_value(value):
    return decode_span(attributes=[{"key": "a", "value": value}]).attributes[0].value
