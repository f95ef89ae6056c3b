"""Delta temporality: what was added since the last point becomes what there is in all.

Prometheus knows totals only.  OpenTelemetry specification, "Metrics Data Model", "Sums: Delta-to-Cumulative".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import takewhile
from math import ceil, log2
from typing import Any, Generic, TypeVar

from collector.api import Clock
from exporters.prometheus_remote_write.native_histograms import COARSEST, FINEST, MOST_COUNTED, Buckets, Exponential
from exporters.prometheus_remote_write.rules import DeltaRules

T = TypeVar("T")

MOST_BUCKETS = 160
"""Of each sign; a total that has more is made coarser.  SDKs make no more either."""


class OutOfOrderError(ValueError):
    """A point is about a time that is in the total already: it came late, or somebody else sends the same stream."""


@dataclass(slots=True)
class Total(Generic[T]):
    """What was added up of one stream."""

    start: int
    """Nanoseconds since the Unix epoch; 0 if not known."""
    time: int
    value: T
    used: float
    """When it was last added to, by a clock that never jumps."""


class Totals:
    """Adds up streams; of those that are not fed any more it remembers a bounded number, for a bounded time.

    A stream that was forgotten begins anew, with the start of its next point, as after a restart of its source.  Where
    points are missing in between, the total goes on: a receiver that does not know of start times would not see that a
    total began anew if it is not smaller than before.
    """

    def __init__(self, rules: DeltaRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._now = clock.monotonic()
        self._totals: dict[Hashable, Total[Any]] = {}
        """The one that was used longest ago comes first."""

    def forget_stale(self) -> None:
        """Forget streams that have had no point for too long.  Called once for each batch."""
        self._now = self._clock.monotonic()
        oldest = self._now - self._rules.max_stale
        stale = [key for key, _ in takewhile(lambda entry: entry[1].used < oldest, self._totals.items())]
        for key in stale:
            del self._totals[key]

    def add(self, key: Hashable, start: int, time: int, value: T, plus: Callable[[T, T], T | None]) -> Total[T]:
        """Return the total with this point in it.

        Args:
            key: of the stream.
            start: of the point, in nanoseconds since the Unix epoch; 0 if not known.
            time: of the point.
            value: what it adds.
            plus: returns the sum of two values, None if they cannot be added: the total begins anew.

        Raises:
            OutOfOrderError: some of what the point is about is in the total already.
        """
        last: Total[T] | None = self._totals.pop(key, None)
        if last is None:
            total = Total(start, time, value, self._now)
            while len(self._totals) >= self._rules.max_streams:
                del self._totals[next(iter(self._totals))]
        elif time <= last.time or 0 < start < last.time:
            self._totals[key] = last
            raise OutOfOrderError(f"a delta from {start} to {time} comes after one up to {last.time}")
        else:
            added = plus(last.value, value)
            if added is None:
                total = Total(start or last.time, time, value, self._now)
            else:
                total = Total(last.start, time, added, self._now)
        self._totals[key] = total
        return total

    def forget(self, key: Hashable) -> None:
        """The stream has ended."""
        self._totals.pop(key, None)

    def __len__(self) -> int:
        return len(self._totals)


@dataclass(frozen=True, slots=True)
class Explicit:
    """What a histogram with explicit bounds says, alone or in all."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    sum: float | None


def plus_explicit(one: Explicit, other: Explicit) -> Explicit | None:
    """Add two histograms; None if their buckets differ."""
    if one.bounds != other.bounds or len(one.counts) != len(other.counts):
        return None
    counts = tuple([a + b for a, b in zip(one.counts, other.counts, strict=True)])
    return Explicit(one.bounds, counts, one.count + other.count, _sum(one, other))


def plus_exponential(one: Exponential, other: Exponential) -> Exponential | None:
    """Add two exponential histograms, at the coarser of their scales or one at which there are not too many buckets.

    None if Prometheus has nothing for what comes of it.
    """
    scale = min(one.scale, other.scale, FINEST)
    positive = _indexed(one.positive, one.scale - scale) + _indexed(other.positive, other.scale - scale)
    negative = _indexed(one.negative, one.scale - scale) + _indexed(other.negative, other.scale - scale)
    while max(_width(positive), _width(negative)) > MOST_BUCKETS:
        positive, negative, scale = _coarser(positive), _coarser(negative), scale - 1
    if scale < COARSEST or one.count + other.count > MOST_COUNTED:
        return None
    zeros, threshold = one.zero_count + other.zero_count, max(one.zero_threshold, other.zero_threshold)
    if one.zero_threshold != other.zero_threshold:
        zeros += _taken_up_to(threshold, scale, positive) + _taken_up_to(threshold, scale, negative)
    return Exponential(
        scale, one.count + other.count, _sum(one, other), zeros, threshold, _listed(positive), _listed(negative)
    )


def _sum(one: Explicit | Exponential, other: Explicit | Exponential) -> float | None:
    """What is empty has no sum, or 0; a sum that was missing once is missing from then on."""
    if not one.count:
        return other.sum
    if not other.count:
        return one.sum
    return None if one.sum is None or other.sum is None else one.sum + other.sum


def _indexed(buckets: Buckets, shift: int) -> Counter[int]:
    offset, counts = buckets
    indexed: Counter[int] = Counter()
    for index, number in enumerate(counts, offset):
        if number:
            indexed[index >> shift] += number
    return indexed


def _coarser(indexed: Counter[int]) -> Counter[int]:
    coarser: Counter[int] = Counter()
    for index, number in indexed.items():
        coarser[index >> 1] += number
    return coarser


def _width(indexed: Counter[int]) -> int:
    return max(indexed) - min(indexed) + 1 if indexed else 0


def _listed(indexed: Counter[int]) -> Buckets:
    if not indexed:
        return 0, ()
    first = min(indexed)
    return first, [indexed[index] for index in range(first, first + _width(indexed))]


def _taken_up_to(threshold: float, scale: int, indexed: Counter[int]) -> int:
    """Take out buckets that are, in part at least, below a threshold; return how many measurements they have."""
    last = ceil(log2(threshold) * 2.0**scale) - 1
    return sum([indexed.pop(index) for index in list(indexed) if index <= last])
