"""The values of data points as Elasticsearch's numeric, histogram and summary fields hold them.

Histograms are counts of values, of which each stands for the middle of its bucket.  Cumulative ones are not written: a
field of type histogram adds up what several documents count, so they would be counted again and again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.origins import MAPPING_HINTS

_NO_RECORDED_VALUE = 1
_CUMULATIVE = 2
_LARGEST_LONG = 2**63 - 1
_LARGEST = sys.float_info.max
_STEEPEST = 512
"""From here on, every bucket but the two around 1 is beyond what a float can hold, and the exponent is still one."""
_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")

AGGREGATE, DOC_COUNT, RAW = "aggregate_metric_double", "_doc_count", "histogram_raw"


class UnsupportedError(ValueError):
    """No field can hold this data point; `str()` says why, without naming it."""


class Value(NamedTuple):
    """One data point as a field."""

    json: str
    template: str
    """The dynamic template of Elasticsearch's own index templates that tells its type."""
    measurements: int
    """How many measurements it stands for."""


class Series(NamedTuple):
    """The data points of a metric and how to write them."""

    points: Sequence[Any]
    value: Callable[[Any, Any, Collection[str]], Value]
    data: Any
    """The gauge, sum, ... that they stand in."""


def series(metric: Any) -> Series | None:
    """Return the data points of a metric; None for one without data."""
    for kind in _KINDS:
        if metric.HasField(kind):
            data = getattr(metric, kind)
            return Series(data.data_points, _WRITERS[kind], data)
    return None


def hints(instructions: Mapping[str, str]) -> Collection[str]:
    """Return what the attribute `elasticsearch.mapping.hints` asks for."""
    asked = instructions.get(MAPPING_HINTS, "")
    if not asked.startswith("["):
        return {asked}
    try:
        return {hint for hint in orjson.loads(asked) if isinstance(hint, str)}
    except orjson.JSONDecodeError:  # a text, not a list
        return {asked}


def _gauge(data: Any, point: Any, asked: Collection[str]) -> Value:
    return _number(point, "gauge")


def _sum(data: Any, point: Any, asked: Collection[str]) -> Value:
    is_counter = data.is_monotonic and data.aggregation_temporality == _CUMULATIVE
    return _number(point, "counter" if is_counter else "gauge")


def _number(point: Any, template: str) -> Value:
    _refuse_unrecorded(point)
    if point.HasField("as_int"):
        return Value(str(point.as_int), f"{template}_long", 1)
    if not point.HasField("as_double"):
        raise UnsupportedError("a data point has no value")
    return Value(dumps(_finite(point.as_double)), f"{template}_double", 1)


def _summary(data: Any, point: Any, asked: Collection[str]) -> Value:
    _refuse_unrecorded(point)
    return _aggregate(point, "summary")


def _aggregate(point: Any, template: str) -> Value:
    count = _long(point.count)
    return Value(f'{{"sum":{dumps(_finite(point.sum))},"value_count":{count}}}', template, count)


def _histogram(data: Any, point: Any, asked: Collection[str]) -> Value:
    _refuse_sums_of_sums(data, point)
    if AGGREGATE in asked:
        return _aggregate(point, "summary")
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    if not bounds:
        return _distribution([(point.sum / point.count, point.count)] if point.count else [])
    if len(counts) != len(bounds) + 1:
        raise UnsupportedError("a histogram has not one bucket more than bounds")
    if bounds != sorted(bounds):
        raise UnsupportedError("the bounds of a histogram do not ascend")
    values = [*bounds, bounds[-1]] if RAW in asked else _middles(bounds)
    return _distribution(zip(values, counts, strict=True))


def _middles(bounds: Sequence[float]) -> list[float]:
    first = bounds[0] / 2 if bounds[0] > 0 else bounds[0]
    inner = [low + (high - low) / 2 for low, high in pairwise(bounds)]
    return [first, *inner, bounds[-1]]


def _exponential(data: Any, point: Any, asked: Collection[str]) -> Value:
    _refuse_sums_of_sums(data, point)
    if AGGREGATE in asked:
        return _aggregate(point, "summary")
    negative = [(-value, count) for value, count in _buckets(point.negative, point.scale)]
    positive = _buckets(point.positive, point.scale)
    return _distribution([*reversed(negative), (0.0, point.zero_count), *positive])


def _buckets(buckets: Any, scale: int) -> Iterator[tuple[float, int]]:
    for index, count in enumerate(buckets.bucket_counts, buckets.offset):
        if count:
            low, high = _boundary(index, scale), _boundary(index + 1, scale)
            yield low + (high - low) / 2, count


def _boundary(index: int, scale: int) -> float:
    """Return the lower boundary of a bucket: `base ** index`, where base is `2 ** (2 ** -scale)`."""
    exponent = math.ldexp(index, min(-scale, _STEEPEST))
    if exponent >= sys.float_info.max_exp:
        return _LARGEST
    return 2.0**exponent if exponent > -1100 else 0.0


def _distribution(values: Iterable[tuple[float, int]]) -> Value:
    there = [(_finite(value), _long(count)) for value, count in values if count]
    counts = [count for _, count in there]
    text = f'{{"counts":{dumps(counts)},"values":{dumps([float(value) for value, _ in there])}}}'
    return Value(text, "histogram", _long(sum(counts)))


def _refuse_unrecorded(point: Any) -> None:
    if point.flags & _NO_RECORDED_VALUE:
        raise UnsupportedError("a data point only says that there is no value any more")


def _refuse_sums_of_sums(data: Any, point: Any) -> None:
    _refuse_unrecorded(point)
    if data.aggregation_temporality == _CUMULATIVE:
        raise UnsupportedError("a histogram is cumulative; only delta histograms can be added up")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise UnsupportedError("a value is not a finite number")
    return value


def _long(count: int) -> int:
    return min(count, _LARGEST_LONG)


_WRITERS: Mapping[str, Callable[[Any, Any, Collection[str]], Value]] = {
    "gauge": _gauge,
    "sum": _sum,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
