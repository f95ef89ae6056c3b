"""The records of each signal, and what they stand in."""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.records.fields import Body, Children, choice, hex_id, number, seconds, text
from collector.records.record import Record
from collector.wire.projection import OPAQUE, VALUE, project

RESOURCE = {"attributes": OPAQUE}
SCOPE = {"name": VALUE, "version": VALUE, "attributes": OPAQUE}
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


class Resource(Record):
    """What produced the telemetry.  All records of the resource share it: a change is seen by all that follow."""

    __slots__ = ()
    _room = 96
    message_type = project(resource_pb2.Resource, RESOURCE)


class Scope(Record):
    """The instrumentation that produced the telemetry, shared as a resource is."""

    __slots__ = ()
    _room = 95
    message_type = project(InstrumentationScope, SCOPE)

    name = text("name")
    version = text("version")


class Event(Record):
    """Something that happened at one moment of a span, such as an exception."""

    __slots__ = ()
    _room = 94
    message_type = project(trace_pb2.Span.Event, {"time_unix_nano": VALUE, "name": VALUE, "attributes": OPAQUE})

    name = text("name")
    time = seconds("time_unix_nano", "Seconds since the Unix epoch.")
    time_unix_nano = number("time_unix_nano")


class Link(Record):
    """A span's pointer to another one."""

    __slots__ = ()
    _room = 94
    message_type = project(
        trace_pb2.Span.Link, {"trace_id": VALUE, "span_id": VALUE, "trace_state": VALUE, "attributes": OPAQUE}
    )

    trace_id = hex_id("trace_id", 16)
    span_id = hex_id("span_id", 8)
    trace_state = text("trace_state")


class Span(Record):
    """One operation of a trace."""

    __slots__ = ("resource", "scope")
    message_type = project(
        trace_pb2.Span,
        {
            "trace_id": VALUE,
            "span_id": VALUE,
            "parent_span_id": VALUE,
            "trace_state": VALUE,
            "name": VALUE,
            "kind": VALUE,
            "start_time_unix_nano": VALUE,
            "end_time_unix_nano": VALUE,
            "attributes": OPAQUE,
            "events": OPAQUE,
            "links": OPAQUE,
            "status": {"code": VALUE, "message": VALUE},
        },
    )

    resource: Resource
    scope: Scope
    name = text("name")
    kind = choice("kind", _KINDS, f"One of {', '.join(_KINDS)}.")
    status = choice("status.code", _STATUSES, f"One of {', '.join(_STATUSES)}.")
    status_message = text("status.message")
    trace_id = hex_id("trace_id", 16, "32 hexadecimal digits.")
    span_id = hex_id("span_id", 8, "16 hexadecimal digits.")
    parent_span_id = hex_id("parent_span_id", 8, "16 hexadecimal digits; empty for a root span.")
    trace_state = text("trace_state")
    start_time = seconds("start_time_unix_nano", "Seconds since the Unix epoch.")
    start_time_unix_nano = number("start_time_unix_nano")
    end_time = seconds("end_time_unix_nano", "Seconds since the Unix epoch.")
    end_time_unix_nano = number("end_time_unix_nano")
    events = Children(Event, "What happened meanwhile; an ordinary list.")
    links = Children(Link, "Pointers to other spans; an ordinary list.")

    @property
    def duration(self) -> float:
        """Seconds from start to end; negative if the clock was set back between them."""
        return (self.end_time_unix_nano - self.start_time_unix_nano) / 1e9


class LogRecord(Record):
    """One log record."""

    __slots__ = ("resource", "scope")
    message_type = project(
        logs_pb2.LogRecord,
        {
            "time_unix_nano": VALUE,
            "observed_time_unix_nano": VALUE,
            "severity_number": VALUE,
            "severity_text": VALUE,
            "event_name": VALUE,
            "trace_id": VALUE,
            "span_id": VALUE,
            # not OPAQUE: a field that comes twice is merged, and what is merged has to be seen
            "body": {},
            "attributes": OPAQUE,
        },
    )

    resource: Resource
    scope: Scope
    body = Body()
    severity_number = number("severity_number", "1 to 4 trace, 5 debug, 9 info, 13 warn, 17 error, 21 to 24 fatal.")
    severity_text = text("severity_text")
    event_name = text("event_name")
    time = seconds("time_unix_nano", "When it happened, in seconds since the Unix epoch; 0 if not known.")
    time_unix_nano = number("time_unix_nano")
    observed_time = seconds("observed_time_unix_nano", "When it was collected, in seconds since the Unix epoch.")
    observed_time_unix_nano = number("observed_time_unix_nano")
    trace_id = hex_id("trace_id", 16, "32 hexadecimal digits; empty for none.")
    span_id = hex_id("span_id", 8, "16 hexadecimal digits; empty for none.")
