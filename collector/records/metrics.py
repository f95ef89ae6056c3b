"""Metrics with their data points.

A metric is what an author thinks of: a name, a unit, and points.  The collector counts points, so a metric that is
dropped counts as many as it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.metrics.v1 import metrics_pb2

from collector.records.fields import Children, hex_id, number, seconds, text
from collector.records.record import Record
from collector.records.views import Resource, Scope
from collector.wire.projection import OPAQUE, VALUE, project

_TEMPORALITIES = ("unspecified", "delta", "cumulative")
_TIMES = {"start_time_unix_nano": VALUE, "time_unix_nano": VALUE}
_COMMON = {**_TIMES, "attributes": OPAQUE}
_DISTRIBUTION = {**_COMMON, "count": VALUE, "sum": VALUE, "min": VALUE, "max": VALUE, "exemplars": OPAQUE}
_NUMBER = project(metrics_pb2.NumberDataPoint, {**_COMMON, "as_double": VALUE, "as_int": VALUE, "exemplars": OPAQUE})
_POINTS = {
    "gauge": _NUMBER,
    "sum": _NUMBER,
    "histogram": project(
        metrics_pb2.HistogramDataPoint, {**_DISTRIBUTION, "bucket_counts": VALUE, "explicit_bounds": VALUE}
    ),
    "exponential_histogram": project(metrics_pb2.ExponentialHistogramDataPoint, _DISTRIBUTION),
    "summary": project(metrics_pb2.SummaryDataPoint, {**_COMMON, "count": VALUE, "sum": VALUE}),
}
_DATA: Mapping[str, dict[str, Any]] = {kind: {"data_points": OPAQUE} for kind in _POINTS}
_DATA["sum"].update(aggregation_temporality=VALUE, is_monotonic=VALUE)
_DATA["histogram"].update(aggregation_temporality=VALUE)
_DATA["exponential_histogram"].update(aggregation_temporality=VALUE)


class Exemplar(Record):
    """A measurement that went into a point, with the attributes that the point itself does not have."""

    __slots__ = ()
    _room = 92
    message_type = project(
        metrics_pb2.Exemplar,
        {"filtered_attributes": OPAQUE, "time_unix_nano": VALUE, "trace_id": VALUE, "span_id": VALUE},
    )
    attributes_field = "filtered_attributes"

    time = seconds("time_unix_nano", "Seconds since the Unix epoch.")
    time_unix_nano = number("time_unix_nano")
    trace_id = hex_id("trace_id", 16)
    span_id = hex_id("span_id", 8)


class Point(Record):
    """One data point: a number, or the summary of a distribution."""

    __slots__ = ("kind", "message_type")
    _room = 93

    kind: str
    """That of its metric."""
    time = seconds("time_unix_nano", "Seconds since the Unix epoch.")
    time_unix_nano = number("time_unix_nano")
    start_time = seconds("start_time_unix_nano", "Since when it has been measured, in seconds since the Unix epoch.")
    start_time_unix_nano = number("start_time_unix_nano")
    exemplars = Children(Exemplar, "Single measurements; an ordinary list.  Summaries have none.")

    def __init__(self, kind: str, raw: bytes = b"") -> None:
        super().__init__(raw)
        self.kind = kind
        self.message_type = _POINTS[kind]

    @property
    def value(self) -> float | None:
        """The number of a gauge or sum, int or float as it was measured; None for other kinds."""
        message = self.message
        for field in ("as_int", "as_double"):
            if hasattr(message, field) and message.HasField(field):
                number: float = getattr(message, field)
                return number
        return None

    @value.setter
    def value(self, value: float) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"a value is a number, not {type(value).__name__}")
        message = self.changing()
        message.ClearField("as_double")
        message.ClearField("as_int")
        setattr(message, "as_int" if isinstance(value, int) else "as_double", value)

    @property
    def count(self) -> int | None:
        """How many measurements a distribution is of; None for a gauge or sum."""
        return getattr(self.message, "count", None)

    @property
    def sum(self) -> float | None:
        """What the measurements of a distribution add up to; None if not known, and for a gauge or sum."""
        return self._known("sum")

    @property
    def min(self) -> float | None:
        """The smallest measurement of a distribution, if known."""
        return self._known("min")

    @property
    def max(self) -> float | None:
        """The largest measurement of a distribution, if known."""
        return self._known("max")

    @property
    def bucket_counts(self) -> list[int]:
        """How many measurements are in each bucket of a histogram with explicit bounds."""
        return list(getattr(self.message, "bucket_counts", ()))

    @property
    def explicit_bounds(self) -> list[float]:
        """The upper bound of every bucket but the last."""
        return list(getattr(self.message, "explicit_bounds", ()))

    def _known(self, field: str) -> float | None:
        message = self.message
        return getattr(message, field) if hasattr(message, field) and message.HasField(field) else None


class Metric:
    """A name, a unit, and data points.  Attributes belong to the points."""

    __slots__ = ("_changed", "_message", "_points", "_raw", "resource", "scope")
    message_type = project(metrics_pb2.Metric, {"name": VALUE, "description": VALUE, "unit": VALUE, **_DATA})

    resource: Resource
    scope: Scope
    name = text("name")
    description = text("description")
    unit = text("unit")

    def __init__(self, raw: bytes = b"") -> None:
        self._raw = raw
        self._message: Any = None
        self._points: list[Point] | None = None
        self._changed = False

    @property
    def message(self) -> Any:
        """As `Record.message`."""
        message = self._message
        if message is None:
            message = self._message = self.message_type.FromString(self._raw)
        return message

    def changing(self) -> Any:
        """As `Record.changing`."""
        self._changed = True
        return self.message

    @property
    def kind(self) -> str:
        """One of gauge, sum, histogram, exponential_histogram, summary; empty for a metric without data."""
        return next(self._kinds(), "")

    @property
    def temporality(self) -> str:
        """One of unspecified, delta, cumulative; whether points start anew or go on adding up."""
        number = getattr(self._data(), "aggregation_temporality", 0)
        return _TEMPORALITIES[number] if 0 <= number < len(_TEMPORALITIES) else _TEMPORALITIES[0]

    @property
    def is_monotonic(self) -> bool:
        """Whether a sum only ever grows."""
        return bool(getattr(self._data(), "is_monotonic", False))

    @property
    def points(self) -> list[Point]:
        """The data points; an ordinary list.  A metric that is left without any is dropped."""
        if self._points is None:
            self._points = [
                Point(kind, raw) for kind in self._kinds() for raw in getattr(self.message, kind).data_points
            ]
        return self._points

    @points.setter
    def points(self, points: list[Point]) -> None:
        self._points = list(points)

    @property
    def wire(self) -> bytes | None:
        """As `Record.wire`; None for a metric that has lost all its points.

        Raises:
            TypeError: something else than points of this metric's kind is among its points.
        """
        if self._message is None:
            return self._raw
        if self._points is not None and not self._settle(self._points):
            return None
        return bytes(self.message.SerializeToString()) if self._changed else self._raw

    def _settle(self, points: list[Point]) -> bool:
        """Bring the message up to date, and say whether points are left, or never were."""
        wires: dict[str, list[bytes]] = {kind: [] for kind in self._kinds()}
        for point in points:
            if not isinstance(point, Point) or point.kind not in wires:
                raise TypeError(f"the points of a metric are of its own kind, {self.kind or 'none'}")
            wires[point.kind].append(point.wire)
        before = 0
        for kind, wanted in wires.items():
            field = getattr(self.message, kind).data_points
            before += len(field)
            if list(field) != wanted:
                self._changed = True
                del field[:]
                field.extend(wanted)
        return bool(points) or not before

    def _kinds(self) -> Iterator[str]:
        """Yield what the metric holds: one kind, unless its sender got it wrong."""
        return (kind for kind in _POINTS if self.message.HasField(kind))

    def _data(self) -> Any:
        return getattr(self.message, self.kind, None)
