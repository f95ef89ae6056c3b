"""Small, valid OTLP data.  The same call makes the same bytes.

    batch = make_spans({"name": "GET /health", "attributes": {"http.route": "/health"}}, {"name": "GET /"})
    span = make_span(status="error", attributes={"http.route": "/"})

Fields are called as on the records that processors see; what is not given is what an SDK would have sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from opentelemetry.proto.metrics.v1 import metrics_pb2

from collector.batch import SHAPES, Batch, Signal
from collector.records.fields import Body, Children, Field, nanoseconds
from collector.records.mapping import records_of
from collector.records.metrics import Metric, Point
from collector.records.record import Record
from collector.records.views import Event, Link, LogRecord, Resource, Span

Fields = Mapping[str, Any]
R = TypeVar("R", bound=Record | Metric)

START = 1_700_000_000
"""When everything happens that has no time of its own: seconds since the Unix epoch."""


def make_batch(signal: Signal = Signal.TRACES, items: int = 1, **attributes: Any) -> Batch:
    """Build one batch of `items` records, each carrying `attributes`."""
    match signal:
        case Signal.TRACES:
            return make_spans(*({"name": f"span-{i}", "attributes": attributes} for i in range(items)))
        case Signal.METRICS:
            points = [{"value": i, "attributes": attributes} for i in range(items)]
            return make_metrics({"points": points})
        case Signal.LOGS:
            return make_logs(*({"attributes": attributes} for _ in range(items)))
    batch = Batch(signal, request=SHAPES[signal].request())
    scope = batch.request.resource_profiles.add().scope_profiles.add()
    for _ in range(items):
        scope.profiles.add()
    return batch


def make_spans(*spans: Fields, resource: Fields | None = None, scope: str = "") -> Batch:
    """Build a batch of spans, each from its fields; every one is a trace of its own unless it says otherwise.

    Args:
        spans: as the arguments of `make_span`.
        resource: attributes of their resource.
        scope: the name of their instrumentation scope.
    """
    return _batch(Signal.TRACES, [_span(fields, i) for i, fields in enumerate(spans, 1)], resource, scope)


def make_logs(*logs: Fields, resource: Fields | None = None, scope: str = "") -> Batch:
    """Build a batch of log records; see `make_spans`."""
    return _batch(Signal.LOGS, [_log(fields, i) for i, fields in enumerate(logs, 1)], resource, scope)


def make_metrics(*metrics: Fields, resource: Fields | None = None, scope: str = "") -> Batch:
    """Build a batch of metrics; see `make_spans`."""
    return _batch(Signal.METRICS, [_metric(fields) for fields in metrics], resource, scope)


def make_span(*, resource: Fields | None = None, scope: str = "", **fields: Any) -> Span:
    """Build one span, as a function with `@span_processor` is given it.

    Args:
        resource: attributes of its resource.
        scope: the name of its instrumentation scope.
        fields: those of a `Span`, `attributes`, `duration` in seconds; `events` and `links` as dicts of theirs.

    Raises:
        TypeError: there is no such field.
    """
    span: Span = records_of(make_spans(fields, resource=resource, scope=scope))[0]
    return span


def make_log(*, resource: Fields | None = None, scope: str = "", **fields: Any) -> LogRecord:
    """Build one log record; see `make_span`."""
    log: LogRecord = records_of(make_logs(fields, resource=resource, scope=scope))[0]
    return log


def make_metric(*, resource: Fields | None = None, scope: str = "", **fields: Any) -> Metric:
    """Build one metric; see `make_span`.

    Args:
        resource: attributes of its resource.
        scope: the name of its instrumentation scope.
        fields: `name`, `unit`, `description`, `kind` (gauge unless given), `points` as dicts of `value`, `attributes`
            and the fields of an OTLP data point, and for the kinds that have them `temporality` and `is_monotonic`.

    Raises:
        TypeError: there is no such field.
    """
    metric: Metric = records_of(make_metrics(fields, resource=resource, scope=scope))[0]
    return metric


def _batch(signal: Signal, records: Sequence[bytes], resource: Fields | None, scope: str) -> Batch:
    resources, scopes, leaves, *_ = SHAPES[signal].path
    batch = Batch(signal, request=SHAPES[signal].request())
    resource_node = resources(batch.request).add()
    resource_node.resource.MergeFromString(_fill(Resource(), {"attributes": resource or {}}))
    scope_node = scopes(resource_node).add()
    scope_node.scope.name = scope
    for record in records:
        leaves(scope_node).add().MergeFromString(record)
    return batch


def _span(fields: Fields, serial: int) -> bytes:
    start = fields.get("start_time_unix_nano", nanoseconds(fields.get("start_time", START)))
    defaults = {
        "name": "span",
        "kind": "internal",
        "trace_id": f"{serial:032x}",
        "span_id": f"{serial:016x}",
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + nanoseconds(fields.get("duration", 0.1)),
    }
    return _fill(Span(), {**defaults, **{key: value for key, value in fields.items() if key != "duration"}})


def _log(fields: Fields, serial: int) -> bytes:
    defaults = {"time": START, "observed_time": START, "severity_number": 9, "severity_text": "INFO"}
    return _fill(LogRecord(), {**defaults, "body": f"message {serial}", **fields})


def _metric(fields: Fields) -> bytes:
    fields = {"name": "metric", **fields}
    kind = fields.pop("kind", "gauge")
    if kind not in _POINTS:
        raise TypeError(f"there is no metric of kind {kind!r}, only {', '.join(_POINTS)}")
    metric = metrics_pb2.Metric()
    data = getattr(metric, kind)
    data.SetInParent()
    if kind in _TEMPORAL:
        data.aggregation_temporality = _TEMPORALITIES[fields.pop("temporality", "cumulative")]
    if kind == "sum":
        data.is_monotonic = fields.pop("is_monotonic", True)
    for point in fields.pop("points", [{"value": 1}]):
        data.data_points.append(_point(kind, point))
    return _fill(Metric(metric.SerializeToString()), fields)


_POINTS: Mapping[str, Any] = {
    "gauge": metrics_pb2.NumberDataPoint,
    "sum": metrics_pb2.NumberDataPoint,
    "histogram": metrics_pb2.HistogramDataPoint,
    "exponential_histogram": metrics_pb2.ExponentialHistogramDataPoint,
    "summary": metrics_pb2.SummaryDataPoint,
}
_TEMPORAL = {"sum", "histogram", "exponential_histogram"}
_TEMPORALITIES = {"unspecified": 0, "delta": 1, "cumulative": 2}


def _point(kind: str, fields: Fields) -> Any:
    rest = {"time_unix_nano": START * 1_000_000_000, **fields}
    point = Point(kind, b"")
    point.update(rest.pop("attributes", {}))
    if "value" in rest:
        point.value = rest.pop("value")
    message = _POINTS[kind].FromString(point.wire)
    try:
        message.MergeFrom(_POINTS[kind](**rest))
    except ValueError as error:
        raise TypeError(f"a {kind} point has no such field: {error}") from None
    return message


def _fill(record: Record | Metric, fields: Fields) -> bytes:
    kind: Any = type(record)  # mypy takes a class for as unhashable as its objects
    for name, value in fields.items():
        if name == "attributes" and isinstance(record, Record):
            record.update(value)
        elif name in _CHILDREN:
            setattr(record, name, [_filled(_CHILDREN[name](), child) for child in value])
        elif name in _names(kind):
            setattr(record, name, value)
        else:
            raise TypeError(f"a {kind.__name__} has no {name}, only {', '.join(_names(kind))}")
    return record.wire or b""


_CHILDREN: Mapping[str, type[Record]] = {"events": Event, "links": Link}


def _filled(record: R, fields: Fields) -> R:
    _fill(record, fields)
    return record


@cache
def _names(kind: type[Any]) -> list[str]:
    return [name for name, member in vars(kind).items() if isinstance(member, Field | Body | Children)]
