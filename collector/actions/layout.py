"""Where the records of a request are on the wire, by its signal, and where each kind has its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.actions.pairs import length_of
from collector.batch import SHAPES, Signal
from collector.wire.projection import OPAQUE, project
from collector.wire.walk import BYTES, WireError, fields

_LOOKED_UP = 4096
_SHORT = 0x80


def _tag(descriptor: Any, field: str) -> int:
    return int(descriptor.fields_by_name[field].number) << 3 | BYTES


class Holder(NamedTuple):
    """One kind of message that has attributes."""

    tag: int
    """The tag of an attribute in it, of one byte."""
    message: type[Message]
    """A projection in which attributes are bytes."""

    @classmethod
    def of(cls, message: type[Message]) -> Holder:
        """Return how a message holds its field `attributes`."""
        return cls(_tag(message.DESCRIPTOR, "attributes"), project(message, {"attributes": OPAQUE}))


class Siblings(NamedTuple):
    """What a message that holds records has: a repeated field of them."""

    tag: int
    holder: Holder


Layout: TypeAlias = "Mapping[int, Layout] | Siblings"
"""The way down to records: what is behind each tag that leads there."""

SPANS, LOGS, NUMBERS = Holder.of(Span), Holder.of(LogRecord), Holder.of(metrics.NumberDataPoint)
POINTS: Mapping[str, Holder] = {
    "gauge": NUMBERS,
    "sum": NUMBERS,
    "histogram": Holder.of(metrics.HistogramDataPoint),
    "exponential_histogram": Holder.of(metrics.ExponentialHistogramDataPoint),
    "summary": Holder.of(metrics.SummaryDataPoint),
}
NAMES: Mapping[Signal, str] = {
    Signal.TRACES: "resource_spans scope_spans spans",
    Signal.LOGS: "resource_logs scope_logs log_records",
    Signal.METRICS: "resource_metrics scope_metrics metrics",
}


def _way(descriptor: Any, names: list[str], signal: Signal) -> Layout:
    name, *rest = names
    tag, inner = _tag(descriptor, name), descriptor.fields_by_name[name].message_type
    if rest:
        return {tag: _way(inner, rest, signal)}
    if signal is not Signal.METRICS:
        return Siblings(tag, SPANS if signal is Signal.TRACES else LOGS)
    data = inner.fields_by_name
    kinds = {
        _tag(inner, kind): Siblings(_tag(data[kind].message_type, "data_points"), holder)
        for kind, holder in POINTS.items()
    }
    return {tag: kinds}


@cache
def layout_of(signal: Signal) -> Layout:
    """Return the way down to the records of a request."""
    return _way(SHAPES[signal].request.DESCRIPTOR, NAMES[signal].split(), signal)


@cache
def _looked_up(tag: int) -> list[bytes]:
    return [bytes((tag,)) + length_of(size) for size in range(_LOOKED_UP)]


def begin(tag: int, size: int) -> bytes:
    """Return what a field of so many bytes begins with: its tag, of one byte, and its length."""
    return _looked_up(tag)[size] if size < _LOOKED_UP else bytes((tag,)) + length_of(size)


def records_in(wire: bytes, at: int, end: int, tag: int) -> Iterator[tuple[int, int, int]]:
    """Yield where each field of this tag begins between two offsets, where its content does, and where both end.

    Raises:
        WireError: there is no message.
    """
    try:
        while at < end:
            start, size = at, wire[at + 1]
            # what is usual stands here, since a call costs as much as all of this
            if wire[at] == tag and size < _SHORT:
                at += 2
            elif wire[at] == tag and wire[at + 2] < _SHORT:
                size, at = size - _SHORT + (wire[at + 2] << 7), at + 3
            else:
                found, at, stop = next(fields(wire, at, end))
                if found != tag:
                    at = stop
                    continue
                size = stop - at
            stop = at + size
            if stop > end:
                raise WireError("truncated")
            yield start, at, stop
            at = stop
    except IndexError:
        raise WireError("truncated") from None
