"""Exponential histograms as Prometheus's native ones.

OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", exponential histograms.  Both have buckets that
grow by the same factor; OTLP numbers one by its lower bound, Prometheus by its upper one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from exporters.prometheus_remote_write.series import STALE, NativeHistogram, raw, varint
from exporters.prometheus_remote_write.write_v1 import field

Buckets: TypeAlias = tuple[int, Sequence[int]]
"""The index of the first one, and how many measurements each has."""
Spans: TypeAlias = list[tuple[int, int]]
"""Runs of buckets: how far behind the last one it begins (the first one: at which index), and how many."""

COARSEST, FINEST = -4, 8
"""Schemas that every receiver takes."""
ZERO_THRESHOLD = 1e-128
"""Of points that have none."""
MOST_COUNTED = (1 << 63) - 1
_LONGEST_GAP = 2
"""Empty buckets that are written as such; more of them begin a new span, which takes less room."""
_LAST_INDEX = (1 << 31) - 1


class UnsupportedError(ValueError):
    """The format cannot hold this point.  `str()` says why."""


@dataclass(frozen=True, slots=True)
class Exponential:
    """What a point, or several that were added up, says; the fields are those of OTLP."""

    scale: int
    count: int
    sum: float | None
    zero_count: int
    zero_threshold: float
    positive: Buckets
    negative: Buckets


def read(point: Any) -> Exponential:
    """Take an OTLP data point apart."""
    return Exponential(
        scale=point.scale,
        count=point.count,
        sum=point.sum if point.HasField("sum") else None,
        zero_count=point.zero_count,
        zero_threshold=point.zero_threshold,
        positive=(point.positive.offset, list(point.positive.bucket_counts)),
        negative=(point.negative.offset, list(point.negative.bucket_counts)),
    )


def native(histogram: Exponential, timestamp: int, start: int) -> NativeHistogram:
    """Return a native histogram; timestamps in milliseconds since the Unix epoch.

    Raises:
        UnsupportedError: its scale is too coarse, it has no sum, or receivers would refuse it, and with it, in protocol
            1.0, the whole request.
    """
    check(histogram)
    shift = max(0, histogram.scale - FINEST)
    negative, positive = layout(histogram.negative, shift), layout(histogram.positive, shift)
    parts = (
        b"\x08" + varint(histogram.count),
        b"\x19" + raw(histogram.sum or 0.0),
        b"\x20" + varint(_zigzag(histogram.scale - shift)),
        b"\x29" + raw(histogram.zero_threshold or ZERO_THRESHOLD),
        b"\x30" + varint(histogram.zero_count),
        _buckets(b"\x42", b"\x4a", *negative),
        _buckets(b"\x5a", b"\x62", *positive),
        b"\x78" + varint(timestamp),
    )
    return NativeHistogram(b"".join(parts), start)


def check(histogram: Exponential) -> None:
    """
    Raises:
        UnsupportedError: as `native`.
    """
    if histogram.scale < COARSEST:
        raise UnsupportedError(f"an exponential histogram has the scale {histogram.scale}; the coarsest is {COARSEST}")
    if histogram.sum is None and histogram.count:
        raise UnsupportedError("an exponential histogram has no sum")
    if not 0 <= histogram.zero_threshold < math.inf:
        raise UnsupportedError(f"an exponential histogram has the zero threshold {histogram.zero_threshold}")
    if histogram.count > MOST_COUNTED:
        raise UnsupportedError(f"an exponential histogram has the count {histogram.count}")
    in_buckets = histogram.zero_count + sum(histogram.positive[1]) + sum(histogram.negative[1])
    # measurements that are no numbers are in no bucket, and make the sum one
    if in_buckets > histogram.count or (in_buckets < histogram.count and not math.isnan(histogram.sum or 0.0)):
        raise UnsupportedError(f"an exponential histogram of {histogram.count} has {in_buckets} in its buckets")
    shift = max(0, histogram.scale - FINEST)
    last = max(offset + len(counts) for offset, counts in (histogram.positive, histogram.negative)) - 1
    if (last >> shift) + 1 > _LAST_INDEX:
        raise UnsupportedError(f"a bucket has the index {last}")


def stale(timestamp: int) -> NativeHistogram:
    """Return the end of a series of native histograms: readers look at the sum."""
    return NativeHistogram(b"\x08\x00\x19" + STALE + b"\x30\x00\x78" + varint(timestamp))


def layout(buckets: Buckets, shift: int) -> tuple[Spans, list[int]]:
    """Return spans, and the difference of each bucket's count to the one before.

    Args:
        buckets: as in OTLP.
        shift: by how much the scale goes down; each step makes one bucket of two.
    """
    offset, counts = buckets
    merged: Counter[int] = Counter()
    for index, number in enumerate(counts, offset):
        if number:
            merged[(index >> shift) + 1] += number
    spans, deltas, last = [], [], 0
    end: int | None = None
    for index, number in merged.items():  # in order, since the indexes were
        gap = index if end is None else index - end
        if end is None or gap > _LONGEST_GAP:
            spans.append((gap, 1))
        else:
            spans[-1] = (spans[-1][0], spans[-1][1] + gap + 1)
            deltas += [-last, 0][:gap]
            last = 0 if gap else last
        deltas.append(number - last)
        last, end = number, index + 1
    return spans, deltas


def _buckets(span_tag: bytes, delta_tag: bytes, spans: Spans, deltas: Iterable[int]) -> bytes:
    written = [field(span_tag, b"\x08" + varint(_zigzag(gap)) + b"\x10" + varint(length)) for gap, length in spans]
    if written:
        written.append(field(delta_tag, b"".join([varint(_zigzag(delta)) for delta in deltas])))
    return b"".join(written)


def _zigzag(number: int) -> int:
    return number << 1 ^ number >> 63
