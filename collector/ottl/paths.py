"""What the paths of a condition mean, for each context.

A path is looked up in the table of what it is about; `resource.`, `scope.`, `span.` and `metric.` lead from a record to
what it stands in.  What the views of records leave out is read from the bytes, at the cost of parsing them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.ottl.context import Context
from collector.ottl.expression import Kind, Reader
from collector.records.text import as_text
from collector.wire.projection import VALUE, project

_METRIC_KINDS = ("", "gauge", "sum", "histogram", "exponential_histogram", "summary")
_SPAN_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


_HALF = 1 << 63


class Path(NamedTuple):
    """A field of a record: what it holds, and how to read it."""

    kind: Kind
    read: Reader
    is_verbatim: bool = False
    is_attributes: bool = False
    """Whether keys of it are attributes of the record itself."""


def _text(name: str) -> Path:
    get = attrgetter(name)
    return Path(Kind.STRING, lambda record: get(record.message).decode(), is_verbatim=True)


def _number(name: str) -> Path:
    get = attrgetter(name)
    return Path(Kind.INT, lambda record: get(record.message))


def _unsigned(name: str) -> Path:
    get = attrgetter(name)
    return Path(Kind.INT, lambda record: _signed(get(record.message)))


def _signed(number: int) -> int:
    """Return 64 bits as the Collector reads them, which has integers with a sign only."""
    return number if number < _HALF else number - 2 * _HALF


def _id(name: str, size: int) -> dict[str, Path]:
    """An id; one that is not there is all zeros, as in the Collector."""
    get, none = attrgetter(name), bytes(size)
    return {
        name: Path(Kind.BYTES, lambda record: get(record.message) or none),
        f"{name}.string": Path(Kind.STRING, lambda record: (get(record.message) or none).hex()),
    }


def _left_out(message: Any, *names: str) -> dict[str, Path]:
    """Fields that views do not have."""

    def field(name: str) -> Path:
        parse, get = project(message, {name: VALUE}).FromString, attrgetter(name)
        return Path(Kind.INT, lambda record: get(parse(record.message.SerializeToString())))

    return {name: field(name) for name in names}


def _kind_name(record: Any) -> str:
    kind = record.message.kind
    return _SPAN_KINDS[kind] if 0 <= kind < len(_SPAN_KINDS) else ""


def _kind_enumerator(record: Any) -> str:
    name = _kind_name(record)
    return f"SPAN_KIND_{name.upper()}" if name else ""


def _member(state: bytes, key: str) -> str:
    """Return a member of a W3C trace state; empty if it has none, as in the Collector."""
    for member in state.split(b","):
        name, _, value = member.strip().partition(b"=")
        if name == key.encode():
            return value.decode()
    return ""


def trace_state_member(key: str) -> Reader:
    """Return how to read one member of a span's trace state."""
    return lambda span: _member(span.message.trace_state, key)


def _temporality(metric: Any) -> int | None:
    data = getattr(metric.message, metric.kind or "gauge")
    return getattr(data, "aggregation_temporality", None)


def _is_monotonic(metric: Any) -> bool | None:
    return metric.is_monotonic if metric.kind == "sum" else None


def _if_there(name: str) -> Reader:
    """Read a field that points of some kinds do not have; then it is nil."""

    def read(point: Any) -> Any:
        value = getattr(point.message, name, None)
        return _signed(value) if isinstance(value, int) else value

    return read


_EXPONENTIAL = project(metrics_pb2.ExponentialHistogramDataPoint, {"scale": VALUE, "zero_count": VALUE})


def _if_exponential(name: str) -> Reader:
    def read(point: Any) -> Any:
        if point.kind != "exponential_histogram":
            return None
        return _signed(getattr(_EXPONENTIAL.FromString(point.message.SerializeToString()), name))

    return read


def _point_flags(point: Any) -> int:
    flags: int = _FLAGS[point.kind].FromString(point.message.SerializeToString()).flags
    return flags


_FLAGS: Mapping[str, Any] = {
    "gauge": project(metrics_pb2.NumberDataPoint, {"flags": VALUE}),
    "sum": project(metrics_pb2.NumberDataPoint, {"flags": VALUE}),
    "histogram": project(metrics_pb2.HistogramDataPoint, {"flags": VALUE}),
    "exponential_histogram": project(metrics_pb2.ExponentialHistogramDataPoint, {"flags": VALUE}),
    "summary": project(metrics_pb2.SummaryDataPoint, {"flags": VALUE}),
}


def _all_attributes() -> Reader:
    """Read them once for all conditions on a record: there may be 100,000 of them, and as many conditions."""
    last: tuple[Any, dict[str, Any]] = (None, {})

    def read(record: Any) -> dict[str, Any]:
        nonlocal last
        known, found = last
        if known is not record:
            found = dict(record.items())
            last = record, found
        return found

    return read


_ATTRIBUTES = {"attributes": Path(Kind.MAP, _all_attributes(), is_attributes=True)}

_OWN: Mapping[Context, Mapping[str, Path]] = {
    Context.RESOURCE: {**_ATTRIBUTES, **_left_out(Resource, "dropped_attributes_count")},
    Context.SCOPE: {
        **_ATTRIBUTES,
        "name": _text("name"),
        "version": _text("version"),
        **_left_out(InstrumentationScope, "dropped_attributes_count"),
    },
    Context.SPAN: {
        **_ATTRIBUTES,
        **_id("trace_id", 16),
        **_id("span_id", 8),
        **_id("parent_span_id", 8),
        "name": _text("name"),
        "trace_state": _text("trace_state"),
        "kind": _number("kind"),
        "kind.string": Path(Kind.STRING, _kind_name),
        "kind.deprecated_string": Path(Kind.STRING, _kind_enumerator),
        "status.code": _number("status.code"),
        "status.message": _text("status.message"),
        "start_time_unix_nano": _unsigned("start_time_unix_nano"),
        "end_time_unix_nano": _unsigned("end_time_unix_nano"),
        **_left_out(Span, "dropped_attributes_count", "dropped_events_count", "dropped_links_count", "flags"),
    },
    Context.SPANEVENT: {
        **_ATTRIBUTES,
        "name": _text("name"),
        "time_unix_nano": _unsigned("time_unix_nano"),
        **_left_out(Span.Event, "dropped_attributes_count"),
    },
    Context.METRIC: {
        "name": _text("name"),
        "description": _text("description"),
        "unit": _text("unit"),
        "type": Path(Kind.INT, lambda metric: _METRIC_KINDS.index(metric.kind)),
        "aggregation_temporality": Path(Kind.INT, _temporality),
        "is_monotonic": Path(Kind.ANY, _is_monotonic),
    },
    Context.DATAPOINT: {
        **_ATTRIBUTES,
        "time_unix_nano": _unsigned("time_unix_nano"),
        "start_time_unix_nano": _unsigned("start_time_unix_nano"),
        "value_int": Path(Kind.INT, _if_there("as_int")),
        "value_double": Path(Kind.DOUBLE, _if_there("as_double")),
        "count": Path(Kind.INT, _if_there("count")),
        "sum": Path(Kind.DOUBLE, _if_there("sum")),
        "scale": Path(Kind.INT, _if_exponential("scale")),
        "zero_count": Path(Kind.INT, _if_exponential("zero_count")),
        "bucket_counts": Path(Kind.LIST, lambda point: point.bucket_counts),
        "explicit_bounds": Path(Kind.LIST, lambda point: point.explicit_bounds),
        "flags": Path(Kind.INT, _point_flags),
    },
    Context.LOG: {
        **_ATTRIBUTES,
        **_id("trace_id", 16),
        **_id("span_id", 8),
        "body": Path(Kind.ANY, lambda log: log.body, is_verbatim=True),
        "body.string": Path(Kind.STRING, lambda log: as_text(log.body)),
        "severity_number": _number("severity_number"),
        "severity_text": _text("severity_text"),
        "event_name": _text("event_name"),
        "time_unix_nano": _unsigned("time_unix_nano"),
        "observed_time_unix_nano": _unsigned("observed_time_unix_nano"),
        **_left_out(LogRecord, "dropped_attributes_count", "flags"),
    },
}
_RESOURCE_AND_SCOPE = {"resource": "resource", "scope": "scope", "instrumentation_scope": "scope"}
_ROUTES: Mapping[Context, Mapping[str, str]] = {
    Context.RESOURCE: {"resource": ""},
    Context.SCOPE: {"scope": "scope", "instrumentation_scope": "scope", "resource": "resource"},
    Context.SPAN: {"span": "", **_RESOURCE_AND_SCOPE},
    Context.SPANEVENT: {
        "spanevent": "spanevent",
        "span": "span",
        **{prefix: f"span.{name}" for prefix, name in _RESOURCE_AND_SCOPE.items()},
    },
    Context.METRIC: {"metric": "", **_RESOURCE_AND_SCOPE},
    Context.DATAPOINT: {
        "datapoint": "datapoint",
        "metric": "metric",
        **{prefix: f"metric.{name}" for prefix, name in _RESOURCE_AND_SCOPE.items()},
    },
    Context.LOG: {"log": "", **_RESOURCE_AND_SCOPE},
}
_ABOUT: Mapping[str, Context] = {**{str(each): each for each in Context}, "instrumentation_scope": Context.SCOPE}


class Place(NamedTuple):
    """What a path is about: the table of its fields, and the way there from what a condition is asked of."""

    about: Context
    fields: Mapping[str, Path]
    way: Callable[[Any], Any] | None
    """None if a condition is asked of that itself."""
    is_own: bool
    """Whether it is the record that the condition is about."""
    outside: str
    """The way there if it is around the record, such as `span.resource`; empty if it is the record."""


def place_of(prefix: str, context: Context) -> Place | None:
    """Return what a prefix means in a context, the empty one too; None for nothing."""
    prefix = prefix or str(context)
    route = _ROUTES[context].get(prefix)
    if route is None:
        return None
    about = _ABOUT[prefix]
    fields = _OWN[about]
    is_own = about is context
    return Place(about, fields, attrgetter(route) if route else None, is_own, "" if is_own else route)


def prefixes(context: Context) -> list[str]:
    """Return the prefixes that paths may have in a context."""
    return sorted(_ROUTES[context])


PREFIXES = frozenset(_ABOUT)
ENUMERATORS: Mapping[str, int] = {
    **dict(Span.SpanKind.items()),
    **{f"STATUS_CODE_{name}": number for number, name in enumerate(("UNSET", "OK", "ERROR"))},
    **dict(metrics_pb2.AggregationTemporality.items()),
    **{f"METRIC_DATA_TYPE_{name.upper() or 'NONE'}": number for number, name in enumerate(_METRIC_KINDS)},
    "SEVERITY_NUMBER_UNSPECIFIED": 0,
    **{
        f"SEVERITY_NUMBER_{name}{step if step > 1 else ''}": 4 * place + step
        for place, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
        for step in range(1, 5)
    },
    "FLAG_NONE": 0,
    "FLAG_NO_RECORDED_VALUE": 1,
}
