"""One data point after another, of any kind, as series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import add
from typing import Any

from exporters.prometheus_remote_write import exemplars, native_histograms
from exporters.prometheus_remote_write.distributions import Buckets, Quantiles
from exporters.prometheus_remote_write.families import Family, FamilyMemory, Form
from exporters.prometheus_remote_write.labels import Labels, texts
from exporters.prometheus_remote_write.native_histograms import UnsupportedError
from exporters.prometheus_remote_write.points import (
    EXPONENTIAL,
    HISTOGRAM,
    MILLISECOND,
    NUMBER,
    SUMMARY,
    is_stale,
    milliseconds,
    value_of,
)
from exporters.prometheus_remote_write.series import STALE, LabelSet, Sample, Series, raw
from exporters.prometheus_remote_write.streams import Streams
from exporters.prometheus_remote_write.temporality import Explicit, Totals, plus_explicit, plus_exponential


@dataclass(frozen=True, slots=True)
class Metric:
    """What is the same for all data points that stand in one place."""

    family: Family
    form: Form
    is_delta: bool
    streams: Streams
    """Where they go."""


class Conversion:
    """Turns data points into series, and keeps what is needed for the next ones.

    All methods take a point as it stands on the wire, and return its time in milliseconds since the Unix epoch.

    Raises:
        UnsupportedError: Prometheus has nothing for it.
        NamelessError: nothing is left of the key of one of its attributes.
        OutOfOrderError: it is a delta that comes too late to be added.
    """

    def __init__(self, labels: Labels, memory: FamilyMemory, totals: Totals) -> None:
        self._labels = labels
        self._memory = memory
        self._totals = totals

    def number(self, metric: Metric, wire: bytes) -> int:
        """Convert a point of a gauge or sum."""
        point, timestamp = _read(NUMBER, wire)
        labels = self._label_set(metric, point)
        sample = self._sample(metric, labels, point)
        series = metric.streams.number(metric.family.metadata, labels, timestamp, sample)
        if metric.form is Form.COUNTER:
            self._add_exemplars(series, point, timestamp)
        return timestamp

    def _sample(self, metric: Metric, labels: LabelSet, point: Any) -> Sample:
        if is_stale(point):
            self._totals.forget((metric.form, labels.key))
            return (STALE, 0)
        value = value_of(point)
        if value is None:
            raise UnsupportedError("a data point has no value")
        if not metric.is_delta:
            return (value, point.start_time_unix_nano // MILLISECOND)
        delta = point.as_int if point.HasField("as_int") else point.as_double
        key = (metric.form, labels.key)
        total = self._totals.add(key, point.start_time_unix_nano, point.time_unix_nano, delta, add)
        return (raw(float(total.value)), total.start // MILLISECOND)

    def histogram(self, metric: Metric, wire: bytes) -> int:
        """Convert a point of a histogram with explicit bounds."""
        point, timestamp = _read(HISTOGRAM, wire)
        buckets: Buckets = self._answer(metric, point, self._buckets)
        key = (metric.form, buckets.count.key)
        streams, metadata = metric.streams, metric.family.metadata
        if is_stale(point):
            self._totals.forget(key)
            streams.many(metadata, buckets.identity, timestamp, buckets.stale())
            return timestamp
        histogram, start = _explicit(point), point.start_time_unix_nano
        if metric.is_delta:
            total = self._totals.add(key, start, point.time_unix_nano, histogram, plus_explicit)
            histogram, start = total.value, total.start
        samples = buckets.samples(histogram, start // MILLISECOND)
        stream = streams.many(metadata, buckets.identity, timestamp, samples)
        for exemplar in exemplars.read(point.exemplars, timestamp, self._labels) if point.exemplars else ():
            series = stream.series[buckets.bucket_of(exemplar).key]
            series.exemplars = [*series.exemplars, exemplar]
        return timestamp

    def exponential(self, metric: Metric, wire: bytes) -> int:
        """Convert a point of an exponential histogram."""
        point, timestamp = _read(EXPONENTIAL, wire)
        labels = self._label_set(metric, point)
        key = (metric.form, labels.key)
        if is_stale(point):
            self._totals.forget(key)
            made = native_histograms.stale(timestamp)
        else:
            histogram, start = native_histograms.read(point), point.start_time_unix_nano
            if metric.is_delta:
                native_histograms.check(histogram)
                total = self._totals.add(key, start, point.time_unix_nano, histogram, plus_exponential)
                histogram, start = total.value, total.start
            made = native_histograms.native(histogram, timestamp, start // MILLISECOND)
        series = metric.streams.histogram(metric.family.metadata, labels, timestamp, made)
        self._add_exemplars(series, point, timestamp)
        return timestamp

    def summary(self, metric: Metric, wire: bytes) -> int:
        """Convert a point of a summary."""
        point, timestamp = _read(SUMMARY, wire)
        quantiles: Quantiles = self._answer(metric, point, self._quantiles)
        if is_stale(point):
            samples = quantiles.stale()
        else:
            values = [(each.quantile, each.value) for each in point.quantile_values]
            samples = quantiles.samples(point.count, point.sum, values, point.start_time_unix_nano // MILLISECOND)
        metric.streams.many(metric.family.metadata, quantiles.identity, timestamp, samples)
        return timestamp

    def _add_exemplars(self, series: Series | None, point: Any, timestamp: int) -> None:
        if series is not None and point.exemplars:
            series.exemplars = [*series.exemplars, *exemplars.read(point.exemplars, timestamp, self._labels)]

    def _label_set(self, metric: Metric, point: Any) -> LabelSet:
        labels: LabelSet = self._answer(metric, point, label_set)
        return labels

    def _buckets(self, family: Family, attributes: Iterable[bytes]) -> Buckets:
        return Buckets(family.labels(texts(attributes)), self._memory.grow)

    def _quantiles(self, family: Family, attributes: Iterable[bytes]) -> Quantiles:
        return Quantiles(family.labels(texts(attributes)), self._memory.grow)

    def _answer(self, metric: Metric, point: Any, find: Any) -> Any:
        key = tuple(point.attributes)
        return metric.family.answers.get(key) or self._memory.answer(metric.family, key, find)


def label_set(family: Family, attributes: Iterable[bytes]) -> LabelSet:
    """Return the labels of a point with these attributes.

    Raises:
        NamelessError: nothing is left of the key of one.
    """
    return LabelSet(family.labels(texts(attributes)))


def _explicit(point: Any) -> Explicit:
    counts = tuple(point.bucket_counts)
    return Explicit(
        bounds=tuple(point.explicit_bounds)[: len(counts)],
        counts=counts,
        count=point.count,
        sum=point.sum if point.HasField("sum") else None,
    )


def _read(message: Any, wire: bytes) -> tuple[Any, int]:
    point = message.FromString(wire)
    if not point.time_unix_nano:
        raise UnsupportedError("a data point has no time")
    return point, milliseconds(point)
