"""Data points as they stand on the wire."""

from __future__ import annotations

import struct
from typing import Any

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

from collector.wire.projection import OPAQUE, VALUE, project
from exporters.prometheus_remote_write.series import raw

_TEMPORAL = {"data_points": OPAQUE, "aggregation_temporality": VALUE}
REQUEST = project(
    metrics_service_pb2.ExportMetricsServiceRequest,
    {
        "resource_metrics": {
            "resource": OPAQUE,
            "scope_metrics": {
                "scope": OPAQUE,
                "schema_url": VALUE,
                "metrics": {
                    "name": VALUE,
                    "description": VALUE,
                    "unit": VALUE,
                    "metadata": OPAQUE,
                    "gauge": {"data_points": OPAQUE},
                    "sum": {**_TEMPORAL, "is_monotonic": VALUE},
                    "histogram": _TEMPORAL,
                    "exponential_histogram": _TEMPORAL,
                    "summary": {"data_points": OPAQUE},
                },
            },
        }
    },
)
_POINT = {"attributes": OPAQUE, "start_time_unix_nano": VALUE, "time_unix_nano": VALUE, "flags": VALUE}
_EXEMPLARS = {"exemplars": OPAQUE}
_TOTALS = {"count": VALUE, "sum": VALUE}
NUMBER = project(metrics_pb2.NumberDataPoint, {**_POINT, **_EXEMPLARS, "as_double": VALUE, "as_int": VALUE})
HISTOGRAM = project(
    metrics_pb2.HistogramDataPoint,
    {**_POINT, **_EXEMPLARS, **_TOTALS, "bucket_counts": VALUE, "explicit_bounds": VALUE},
)
_SIDE = {"offset": VALUE, "bucket_counts": VALUE}
EXPONENTIAL = project(
    metrics_pb2.ExponentialHistogramDataPoint,
    {
        **_POINT,
        **_EXEMPLARS,
        **_TOTALS,
        "scale": VALUE,
        "zero_count": VALUE,
        "zero_threshold": VALUE,
        "positive": _SIDE,
        "negative": _SIDE,
    },
)
SUMMARY = project(
    metrics_pb2.SummaryDataPoint, {**_POINT, **_TOTALS, "quantile_values": {"quantile": VALUE, "value": VALUE}}
)
EXEMPLAR = project(
    metrics_pb2.Exemplar,
    {
        "filtered_attributes": OPAQUE,
        "time_unix_nano": VALUE,
        "as_double": VALUE,
        "as_int": VALUE,
        "span_id": VALUE,
        "trace_id": VALUE,
    },
)
UNSPECIFIED, DELTA, CUMULATIVE = range(3)
MILLISECOND = 1_000_000
"""Nanoseconds."""


_with_start, _without_start = struct.Struct("<xQBQB8s").unpack_from, struct.Struct("<xQB8s").unpack_from
_START, _TIME, _DOUBLE, _INT = 0x11, 0x19, 0x21, 0x31
_from_int = struct.Struct("<q").unpack


def quick(wire: bytes) -> tuple[int, int, bytes, bytes] | None:
    """Cut up a point of a gauge or sum without parsing it.

    Returns:
        Start and time in nanoseconds, the value as the eight bytes of a double, and all that stands behind it:
        attributes, and what is rare.  None if the fields are not in the order of their numbers, in which every SDK
        writes them.
    """
    try:
        first = wire[0]
        if first == _TIME:
            start, (time, tag, value), rest = 0, _without_start(wire), wire[18:]
        else:
            start, first_but_one, time, tag, value = _with_start(wire)
            if first != _START or first_but_one != _TIME:
                return None
            rest = wire[27:]
    except (struct.error, IndexError):  # too short to have a time and a value
        return None
    if tag == _INT:
        return start, time, raw(float(_from_int(value)[0])), rest
    return (start, time, value, rest) if tag == _DOUBLE else None


def value_of(point: Any) -> bytes | None:
    """Return the number of a point or exemplar as a double, None if it has none."""
    if point.HasField("as_int"):
        return raw(float(point.as_int))
    return raw(point.as_double) if point.HasField("as_double") else None


def is_stale(point: Any) -> bool:
    """Say whether a point tells that there is nothing to tell (OTLP, DataPointFlags NO_RECORDED_VALUE)."""
    return bool(point.flags & 1)


def milliseconds(point: Any) -> int:
    """Return the time of a point, or of an exemplar."""
    return int(point.time_unix_nano // MILLISECOND)
