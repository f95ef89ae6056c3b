"""Histograms and summaries as the several series that Prometheus has for each."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat

from collector.records.text import without_exponent
from exporters.prometheus_remote_write.series import BOUND, NAME, QUANTILE, STALE, Exemplar, LabelSet, Sample, raw
from exporters.prometheus_remote_write.temporality import Explicit

_REST = math.inf
"""The bound of the bucket that has everything."""


def number_text(value: float) -> str:
    """Return a bound or quantile as Prometheus writes it: the shortest digits, without an exponent or a final `.0`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return without_exponent(value)


class Buckets:
    """The series of histograms with the same labels.

    Remembers the bounds of the last one, since a point that says that the stream has ended has none.
    """

    def __init__(self, labels: Mapping[str, str], grow: Callable[[int], None]) -> None:
        """
        Args:
            labels: of all series, but for what tells them apart.
            grow: called with the weight of label sets that are kept from now on.
        """
        self._labels = labels
        self._grow = grow
        name = labels[NAME]
        self.count = LabelSet({**labels, NAME: f"{name}_count"})
        self.sum = LabelSet({**labels, NAME: f"{name}_sum"})
        self._bounds: tuple[float, ...] = ()
        self._series = self._made(())
        self._has_sum = True

    @property
    def identity(self) -> int:
        """Of all the series."""
        return self.count.identity

    @property
    def weight(self) -> int:
        """What it takes to remember this, in label sets of the usual size."""
        return self.count.weight * (2 + len(self._series))

    def samples(self, histogram: Explicit, start: int) -> Iterator[tuple[LabelSet, Sample]]:
        """Return what a histogram becomes: `_sum` if it has one, `_count`, and buckets that each have what is below.

        Args:
            histogram: what there is in all.
            start: milliseconds since the Unix epoch; 0 if not known.
        """
        self._has_sum = histogram.sum is not None
        if histogram.sum is not None:
            yield self.sum, (raw(histogram.sum), start)
        count = raw(float(histogram.count))
        yield self.count, (count, start)
        series = self.buckets(histogram.bounds)
        values = list(accumulate(histogram.counts[: len(series) - 1]))
        packed = struct.pack(f"<{len(values)}d", *values)
        for index, labels in enumerate(series[: len(values)]):
            yield labels, (packed[8 * index : 8 * index + 8], start)
        yield series[-1], (count, start)

    def stale(self) -> Iterator[tuple[LabelSet, Sample]]:
        """Return the ends of all series that the last histogram became."""
        ended = [self.sum, self.count] if self._has_sum else [self.count]
        return zip([*ended, *self._series], repeat((STALE, 0)))

    def bucket_of(self, exemplar: Exemplar) -> LabelSet:
        """Return the series of the bucket, among those of the last histogram, that a measurement is in."""
        (value,) = struct.unpack("<d", exemplar.value)
        return self._series[-1 if math.isnan(value) else bisect_left(self._bounds, value)]

    def buckets(self, bounds: tuple[float, ...]) -> Sequence[LabelSet]:
        """Return a label set for each bound, and the one of the bucket that has everything."""
        if bounds and bounds[-1] == _REST:
            bounds = bounds[:-1]
        if bounds != self._bounds:
            self._bounds, self._series = bounds, self._made(bounds)
            self._grow(self.weight)
        return self._series

    def _made(self, bounds: tuple[float, ...]) -> list[LabelSet]:
        name = f"{self._labels[NAME]}_bucket"
        return [LabelSet({**self._labels, NAME: name, BOUND: number_text(bound)}) for bound in (*bounds, _REST)]


class Quantiles:
    """The series of summaries with the same labels; remembers the quantiles of the last one."""

    def __init__(self, labels: Mapping[str, str], grow: Callable[[int], None]) -> None:
        """
        Args:
            labels: of all series, but for what tells them apart.
            grow: called with the weight of label sets that are kept from now on.
        """
        self._labels = labels
        self._grow = grow
        name = labels[NAME]
        self.count = LabelSet({**labels, NAME: f"{name}_count"})
        self.sum = LabelSet({**labels, NAME: f"{name}_sum"})
        self._quantiles: tuple[float, ...] = ()
        self._series: list[LabelSet] = []

    @property
    def identity(self) -> int:
        """Of all the series."""
        return self.count.identity

    @property
    def weight(self) -> int:
        """What it takes to remember this, in label sets of the usual size."""
        return self.count.weight * (2 + len(self._series))

    def samples(
        self, count: int, sum_: float, quantiles: Sequence[tuple[float, float]], start: int
    ) -> Iterator[tuple[LabelSet, Sample]]:
        """Return what a summary becomes.

        Args:
            count: of measurements.
            sum_: of measurements.
            quantiles: with the value of each.
            start: milliseconds since the Unix epoch; 0 if not known.
        """
        yield self.sum, (raw(sum_), start)
        yield self.count, (raw(float(count)), start)
        names = tuple([quantile for quantile, _ in quantiles])
        if names != self._quantiles:
            self._quantiles = names
            self._series = [LabelSet({**self._labels, QUANTILE: number_text(name)}) for name in names]
            self._grow(self.weight)
        for labels, (_, value) in zip(self._series, quantiles, strict=True):
            yield labels, (raw(value), start)

    def stale(self) -> Iterator[tuple[LabelSet, Sample]]:
        """Return the ends of all series that the last summary became."""
        return zip([self.sum, self.count, *self._series], repeat((STALE, 0)))
