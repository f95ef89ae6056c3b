"""The streams of one batch, while it is translated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from collector.errors import DropReason
from exporters.prometheus_remote_write.labels import Labels
from exporters.prometheus_remote_write.series import (
    Exemplar,
    LabelSet,
    Metadata,
    NativeHistogram,
    Sample,
    Series,
    Stream,
)


class Streams:
    """Collects what points become.

    Two samples of one series at the same time cannot both be sent: the first one is, as receivers do it, and a data
    point of which nothing is left is counted as dropped.
    """

    def __init__(self, labels: Labels) -> None:
        self.by_identity: dict[int, Stream] = {}
        self.dropped: Counter[DropReason] = Counter()
        self._labels = labels
        self._grown: set[int] = set()
        """Of streams that have more than one point."""

    def number(self, metadata: Metadata, labels: LabelSet, timestamp: int, sample: Sample) -> Series | None:
        """Take the only sample of a point; return its series, None if there was another one at that time."""
        stream = self._stream(labels.identity)
        series = self._series(stream, metadata, labels)
        is_new = self._put(series, timestamp, sample)
        self._settle(stream, is_new=is_new)
        return series if is_new else None

    def many(
        self,
        metadata: Metadata,
        identity: int,
        timestamp: int,
        samples: Iterable[tuple[LabelSet, Sample]],
        items: int = 1,
    ) -> Stream:
        """Take all samples of one point, and return the stream in which they are.

        Args:
            metadata: of the family.
            identity: the one that the label sets have in common.
            timestamp: of all samples, in milliseconds since the Unix epoch.
            samples: one for each series.
            items: 0 for what is no data point.
        """
        stream = self._stream(identity)
        every, is_new = stream.series, False
        for labels, sample in samples:
            series = every.get(labels.key)
            if series is None:
                every[labels.key] = Series(labels, metadata, {timestamp: sample})
                is_new = True
            elif self._put(series, timestamp, sample):
                is_new = True
        self._settle(stream, is_new=is_new, items=items)
        return stream

    def histogram(
        self, metadata: Metadata, labels: LabelSet, timestamp: int, histogram: NativeHistogram
    ) -> Series | None:
        """Take the native histogram of a point; return its series, None if there was another one at that time."""
        stream = self._stream(labels.identity)
        series = self._series(stream, metadata, labels)
        is_new = timestamp not in series.histograms
        if is_new:
            series.histograms = {**series.histograms, timestamp: histogram}
        else:
            self._warn(series)
        self._settle(stream, is_new=is_new)
        return series if is_new else None

    def finish(self) -> Sequence[Stream]:
        """Put everything in the order of time, and return what is to be sent."""
        for identity in self._grown:
            for series in self.by_identity[identity].series.values():
                _sort(series)
        return [stream for stream in self.by_identity.values() if stream.single or stream.series]

    def _stream(self, identity: int) -> Stream:
        stream = self.by_identity.get(identity)
        if stream is None:
            stream = self.by_identity[identity] = Stream(identity, {}, 0)
        else:
            self._grown.add(identity)
        return stream

    def _series(self, stream: Stream, metadata: Metadata, labels: LabelSet) -> Series:
        series = stream.series.get(labels.key)
        if series is None:
            series = stream.series[labels.key] = Series(labels, metadata)
        return series

    def _put(self, series: Series, timestamp: int, sample: Sample) -> bool:
        if timestamp in series.samples:
            self._warn(series)
            return False
        series.samples[timestamp] = sample
        return True

    def _settle(self, stream: Stream, *, is_new: bool, items: int = 1) -> None:
        if is_new:
            stream.items += items
        elif items:
            self.dropped[DropReason.OUT_OF_ORDER] += items

    def _warn(self, series: Series) -> None:
        self._labels.warn("%s: several data points have the same labels and time; one is sent", series.metadata.family)


def _sort(series: Series) -> None:
    if len(series.samples) > 1:
        series.samples = dict(sorted(series.samples.items()))
    if len(series.histograms) > 1:
        series.histograms = dict(sorted(series.histograms.items()))
    if len(series.exemplars) > 1:
        series.exemplars = sorted(series.exemplars, key=_time_of)


def _time_of(exemplar: Exemplar) -> int:
    return exemplar.timestamp
