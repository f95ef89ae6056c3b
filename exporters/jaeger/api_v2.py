"""The format of Jaeger's own gRPC service: jaeger-idl, model.proto and collector.proto."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collector.wire.declaration import declare
from collector.wire.projection import OPAQUE, project
from exporters.jaeger.model import JaegerSpan, Tag, TagValue

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

_Log: Any = MESSAGES["Log"]
_Process: Any = MESSAGES["Process"]
_Span: Any = MESSAGES["Span"]
# What was written before is bytes here
_Logs: Any = project(MESSAGES["Span"], {"logs": OPAQUE})
_Request: Any = project(MESSAGES["PostSpansRequest"], {"batch": {"spans": OPAQUE, "process": OPAQUE}})

# model.proto, ValueType: by the Python type of a value
_TYPES: dict[type, tuple[int, str]] = {
    str: (0, "v_str"),
    bool: (1, "v_bool"),
    int: (2, "v_int64"),
    float: (3, "v_float64"),
    bytes: (4, "v_binary"),
}


class ApiV2:
    """Implements `model.Format`.

    Two messages of a type, one behind the other, are one that has the fields of both.  So a tag is written as a span
    that has nothing else, and put behind what the span has itself.
    """

    def tag(self, key: str, value: TagValue) -> bytes:
        return bytes(_Span(tags=[_key_value(key, value)]).SerializeToString())

    def field(self, key: str, value: TagValue) -> bytes:
        return bytes(_Log(fields=[_key_value(key, value)]).SerializeToString())

    def log(self, time: int, fields: Sequence[bytes]) -> bytes:
        log = _Log()
        _set_time(log.timestamp, time)
        return bytes(_Logs(logs=[b"".join([log.SerializeToString(), *fields])]).SerializeToString())

    def process(self, service: str, tags: Sequence[Tag]) -> bytes:
        process = _Process(service_name=service, tags=[_key_value(*tag) for tag in tags])
        return bytes(process.SerializeToString())

    def span(self, span: JaegerSpan) -> bytes:
        message = _Span(
            trace_id=span.trace_id, span_id=span.span_id, operation_name=span.name.decode(), flags=span.flags
        )
        for trace_id, span_id, ref_type in span.references:
            message.references.add(trace_id=trace_id, span_id=span_id, ref_type=ref_type)
        _set_time(message.start_time, span.start)
        _set_time(message.duration, span.duration)
        return b"".join([message.SerializeToString(), *span.tags, *span.logs])

    def batch(self, process: bytes, spans: Sequence[bytes]) -> bytes:
        return bytes(_Request(batch={"spans": spans, "process": process}).SerializeToString())


def _key_value(key: str, value: TagValue) -> dict[str, Any]:
    kind, field = _TYPES[type(value)]
    return {"key": key, "v_type": kind, field: value}


def _set_time(into: Any, nanoseconds: int) -> None:
    into.seconds, into.nanos = divmod(nanoseconds, _BILLION)
