"""One line for each record, with what one looks for first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.batch import Batch, Signal, data_points
from exporters.debug.text import any_value, duration, pairs, quoted, shortened

_RESOURCE = ("service.name",)
"""What a line says of a record's resource."""


def lines(batch: Batch) -> Iterator[str]:
    """Yield one line for each span, data point, log record or profile."""
    describe = _DESCRIBE[batch.signal]
    resources, scopes, records = batch.shape.path[:3]
    for resource in resources(batch.shape.request.FromString(batch.wire)):
        of_resource = pairs(a for a in resource.resource.attributes if a.key in _RESOURCE)
        for scope in scopes(resource):
            for record in records(scope):
                for words in describe(record, of_resource):
                    yield " ".join(map(shortened, filter(None, words)))


def _span(span: Any, resource: list[str]) -> Iterator[list[str]]:
    status = _name(Status.StatusCode, span.status.code).removeprefix("STATUS_CODE_").lower()
    if span.status.message:
        status += f" ({quoted(span.status.message)})"
    yield [
        "span",
        quoted(span.name),
        f"kind={_name(Span.SpanKind, span.kind).removeprefix('SPAN_KIND_').lower()}" if span.kind else "",
        duration(span.end_time_unix_nano - span.start_time_unix_nano),
        status,
        *_ids(span),
        *resource,
        *pairs(span.attributes),
    ]


def _log(record: Any, resource: list[str]) -> Iterator[list[str]]:
    yield [
        "log",
        quoted(record.severity_text) if record.severity_text else _severity(record.severity_number),
        quoted(record.event_name) if record.event_name else "",
        any_value(record.body) if record.HasField("body") else "",
        *_ids(record),
        *resource,
        *pairs(record.attributes),
    ]


def _severity(number: int) -> str:
    return _name(SeverityNumber, number).removeprefix("SEVERITY_NUMBER_").lower() if number else ""


def _metric(metric: Any, resource: list[str]) -> Iterator[list[str]]:
    points = data_points(metric)
    for point in points:
        yield ["metric", quoted(metric.name), _value(point), _unit(metric), *resource, *pairs(point.attributes)]
    if not points:
        yield ["metric", quoted(metric.name), "without data points", *resource]


def _profile(profile: Any, resource: list[str]) -> Iterator[list[str]]:
    yield ["profile", f"{profile.profile_id.hex()}", f"{len(profile.samples)} samples", *resource]


_DESCRIBE: Mapping[Signal, Callable[[Any, list[str]], Iterator[list[str]]]] = {
    Signal.TRACES: _span,
    Signal.METRICS: _metric,
    Signal.LOGS: _log,
    Signal.PROFILES: _profile,
}


def _ids(record: Any) -> list[str]:
    return [f"{name}={value.hex()}" for name in ("trace_id", "span_id") if (value := getattr(record, name))]


def _unit(metric: Any) -> str:
    return "" if metric.unit in {"", "1"} else quoted(metric.unit)


def _value(point: Any) -> str:
    names = point.DESCRIPTOR.fields_by_name
    if "as_int" in names:
        kind = point.WhichOneof("value")
        return str(getattr(point, kind)) if kind else "no value"
    words = [f"count={point.count}"]
    words += [f"{name}={getattr(point, name):.6g}" for name in ("sum", "min", "max") if _has(point, name)]
    words += [f"p{100 * q.quantile:g}={q.value:.6g}" for q in getattr(point, "quantile_values", ())]
    return " ".join(words)


def _has(point: Any, name: str) -> bool:
    field = point.DESCRIPTOR.fields_by_name.get(name)
    return field is not None and (not field.has_presence or point.HasField(name))


def _name(enum: Any, number: int) -> str:
    """Return the name of an enum's value; one that is not known yet is a number."""
    return str(enum.Name(number)) if number in enum.values() else str(number)
