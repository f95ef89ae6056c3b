"""Where the records of a request are on the wire, by its signal, and where each kind has its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.batch import SHAPES, Signal
from collector.records.views import RESOURCE, SCOPE
from collector.wire.projection import EVERY, OPAQUE, REQUIRED, VALUE, Merged, Spec, project
from collector.wire.walk import BYTES


class Holder(NamedTuple):
    """One kind of message that has attributes."""

    tag: int
    """The tag of an attribute in it, of one byte."""
    message: type[Message]
    """A projection in which attributes are bytes."""

    @classmethod
    def of(cls, message: type[Message]) -> Holder:
        """Return how a message holds its field `attributes`."""
        tag = int(message.DESCRIPTOR.fields_by_name["attributes"].number) << 3 | BYTES
        return cls(tag, project(message, {"attributes": OPAQUE}))


SPANS, LOGS, NUMBERS, RESOURCES = map(Holder.of, (Span, LogRecord, metrics.NumberDataPoint, Resource))
POINTS: Mapping[str, Holder] = {
    "gauge": NUMBERS,
    "sum": NUMBERS,
    "histogram": Holder.of(metrics.HistogramDataPoint),
    "exponential_histogram": Holder.of(metrics.ExponentialHistogramDataPoint),
    "summary": Holder.of(metrics.SummaryDataPoint),
}
NAMES: Mapping[Signal, tuple[str, str, str]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}
_ATTRIBUTES: Mapping[str, Any] = {
    "names": Merged(key=EVERY, value=OPAQUE),  # what is not declared takes longer to read than what is
    "whether named": {"key": REQUIRED, "value": OPAQUE},
}


@cache
def records_of(signal: Signal) -> type[Message]:
    """Return a projection of a request in which records are bytes, for whoever asks nothing else."""
    return _projection(signal, dict, {"resource": EVERY}, {"scope": EVERY}, OPAQUE)


@cache
def chosen_records_of(signal: Signal) -> type[Message]:
    """Return the same with what tells which records are meant."""
    return _projection(signal, dict, {"resource": RESOURCE}, {"scope": SCOPE}, OPAQUE)


@cache
def resources_of(signal: Signal) -> type[Message]:
    """Return a projection of a request in which its resources are bytes, each in as many parts as it comes in."""
    return project(SHAPES[signal].request, {NAMES[signal][0]: {"resource": EVERY}})


def _projection(signal: Signal, level: type[dict[str, Any]], resource: Spec, scope: Spec, record: Any) -> type[Message]:
    resources, scopes, records = NAMES[signal]
    leaf = record
    if signal is Signal.METRICS:
        leaf = level({"name": VALUE, **{kind: {"data_points": record} for kind in POINTS}})
    return project(SHAPES[signal].request, {resources: level({**resource, scopes: level({**scope, records: leaf})})})


@cache
def _attributes(signal: Signal, part: str, field: str) -> type[Message]:
    """Return a projection in which a request has one record, or resource, with the attributes of all of them."""
    holder = Merged(attributes=_ATTRIBUTES[field])
    if part == "resource":
        return project(SHAPES[signal].request, {NAMES[signal][0]: Merged(resource=holder)})
    return _projection(signal, Merged, {}, {}, holder)


def names_in(wire: bytes, signal: Signal, part: str, *, asks_for_none: bool) -> frozenset[bytes]:
    """Return the keys of all attributes of a request's records or resources.

    Args:
        wire: the request.
        signal: that it is of.
        part: whose attributes are meant: `record` or `resource`.
        asks_for_none: whether an empty key has to be among them if an attribute does not say which key it has.

    Raises:
        google.protobuf.message.DecodeError: it is no request.
    """
    root: Any = _attributes(signal, part, "names").FromString(wire)
    names = frozenset(chain.from_iterable(holder.attributes.key[:] for holder in _holders(root, signal, part)))
    if not asks_for_none or _attributes(signal, part, "whether named").FromString(wire).IsInitialized():
        return names
    return names | {b""}


def _holders(root: Any, signal: Signal, part: str) -> list[Any]:
    resources, scopes, records = NAMES[signal]
    resource = getattr(root, resources)
    if part == "resource":
        return [resource.resource]
    record = getattr(getattr(resource, scopes), records)
    return [getattr(record, kind).data_points for kind in POINTS] if signal is Signal.METRICS else [record]
