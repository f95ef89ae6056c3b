"""The format of Jaeger's own gRPC service: jaeger-idl, model.proto and collector.proto."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collector.wire.declaration import declare
from collector.wire.projection import OPAQUE, VALUE, project
from exporters.jaeger.model import JaegerSpan, Reference, TagValue

POST_SPANS = "/jaeger.api_v2.CollectorService/PostSpans"
_BILLION = 1_000_000_000

MESSAGES = declare(
    "jaeger.api_v2",
    """
    message Timestamp { int64 seconds = 1; int32 nanos = 2; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }
    message KeyValue {
      string key = 1; int32 v_type = 2; string v_str = 3; bool v_bool = 4; int64 v_int64 = 5; double v_float64 = 6;
      bytes v_binary = 7;
    }
    message Log { Timestamp timestamp = 1; repeated KeyValue fields = 2; }
    message SpanRef { bytes trace_id = 1; bytes span_id = 2; int32 ref_type = 3; }
    message Process { string service_name = 1; repeated KeyValue tags = 2; }
    message Span {
      bytes trace_id = 1; bytes span_id = 2; string operation_name = 3; repeated SpanRef references = 4;
      uint32 flags = 5; Timestamp start_time = 6; Duration duration = 7; repeated KeyValue tags = 8;
      repeated Log logs = 9; Process process = 10; string process_id = 11; repeated string warnings = 12;
    }
    message Batch { repeated Span spans = 1; Process process = 2; }
    message PostSpansRequest { Batch batch = 1; }
    """,
)
"""Timestamp and Duration are google.protobuf's."""

# What is written apart is bytes here.  What is empty is left out by hand: these classes write what was set
_KeyValue: Any = MESSAGES["KeyValue"]
_SpanRef: Any = MESSAGES["SpanRef"]
_TIME = {"seconds": VALUE, "nanos": VALUE}
_Log: Any = project(MESSAGES["Log"], {"timestamp": _TIME, "fields": OPAQUE})
_Process: Any = project(MESSAGES["Process"], {"service_name": VALUE, "tags": OPAQUE})
_Request: Any = project(MESSAGES["PostSpansRequest"], {"batch": {"spans": OPAQUE, "process": OPAQUE}})
_Span: Any = project(
    MESSAGES["Span"],
    {
        "trace_id": VALUE,
        "span_id": VALUE,
        "operation_name": VALUE,
        "references": OPAQUE,
        "flags": VALUE,
        "start_time": _TIME,
        "duration": _TIME,
        "tags": OPAQUE,
        "logs": OPAQUE,
    },
)

# model.proto, ValueType: by the Python type of a value
_TYPES: dict[type, tuple[int, str]] = {
    str: (0, "v_str"),
    bool: (1, "v_bool"),
    int: (2, "v_int64"),
    float: (3, "v_float64"),
    bytes: (4, "v_binary"),
}


class ApiV2:
    """Implements `model.Format`."""

    def tag(self, key: str, value: TagValue) -> bytes:
        kind, field = _TYPES[type(value)]
        return bytes(_KeyValue(key=key, v_type=kind, **{field: value}).SerializeToString())

    def log(self, time: int, fields: Sequence[bytes]) -> bytes:
        log = _Log(fields=fields)
        _set_time(log.timestamp, time)
        return bytes(log.SerializeToString())

    def process(self, service: str, tags: Sequence[bytes]) -> bytes:
        process = _Process(tags=tags)
        if service:
            process.service_name = service.encode()
        return bytes(process.SerializeToString())

    def span(self, span: JaegerSpan) -> bytes:
        message = _Span(trace_id=span.trace_id, span_id=span.span_id, tags=span.tags, logs=span.logs)
        if span.name:
            message.operation_name = span.name
        if span.references:
            message.references.extend(map(_reference, span.references))
        if span.flags:
            message.flags = span.flags
        _set_time(message.start_time, span.start)
        _set_time(message.duration, span.duration)
        return bytes(message.SerializeToString())

    def batch(self, process: bytes, spans: Sequence[bytes]) -> bytes:
        return bytes(_Request(batch={"spans": spans, "process": process}).SerializeToString())


def _set_time(into: Any, nanoseconds: int) -> None:
    seconds, nanos = divmod(nanoseconds, _BILLION)
    into.SetInParent()
    if seconds:
        into.seconds = seconds
    if nanos:
        into.nanos = nanos


def _reference(reference: Reference) -> bytes:
    trace_id, span_id, ref_type = reference
    return bytes(_SpanRef(trace_id=trace_id, span_id=span_id, ref_type=ref_type).SerializeToString())
