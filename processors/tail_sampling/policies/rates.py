"""A sample rate for each kind of traffic: the more of a kind there is, the less of it is kept.

The rules are those of Honeycomb's dynsampler-go (EMASampleRate, EMAThroughput): every key is to pass in proportion to
the logarithm of its count, so that rare kinds are seen and frequent ones do not fill everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """How rates follow what comes."""

    first: int
    """The rate of every key before anything is known."""
    interval: float
    """Seconds after which rates are worked out again."""
    weight: float
    """What the last interval counts against all before it, more than 0 and at most 1."""
    age_out: float
    """A key is forgotten when its average is below this."""
    most_keys: int
    """Keys that are counted."""
    burst_multiple: float
    """How much more than the average makes rates be worked out at once; 0 for never."""
    burst_delay: int
    """Intervals before that can happen."""
    overflow: int = 1
    """The rate of keys that are not counted since there are `most_keys` already."""


def share_out(goal: float, averages: Mapping[str, float]) -> dict[str, int]:
    """Return for each key of how many one is kept, such that about `goal` of all are, and at least one of each key.

    What a key does not need of its share goes to those after it, in the order of the keys.
    """
    counts = {key: max(1.0, averages[key]) for key in sorted(averages)}
    total = sum(map(math.log10, counts.values()))
    if not total:
        return dict.fromkeys(counts, 1)
    rates, unused, ratio = {}, 0.0, goal / total
    for left, (key, count) in zip(range(len(counts), 0, -1), counts.items(), strict=True):
        share = unused / left
        unused -= share
        share += max(1.0, math.log10(count) * ratio)
        rates[key] = 1 if count <= share else math.ceil(count / share)
        unused += share - count / rates[key]
    return rates


class Rates:
    """Knows the rate of each key, from how much of it there was in the intervals before.

    Counts are remembered as an average that moves: old intervals count less and less.  An interval in which nothing
    came does not count.  No more than `most_keys` are remembered, those with the highest averages.
    """

    def __init__(self, settings: Settings, goal: Callable[[float], float]) -> None:
        """Args:
        settings: how rates follow what comes.
        goal: from the sum of all averages to what is to be kept of it, in each interval.
        """
        self._settings = settings
        self._goal = goal
        self._counts: dict[str, float] = {}
        self._counted = 0.0
        self._averages: dict[str, float] = {}
        self._rates: dict[str, int] | None = None
        self._burst = math.inf
        self._ends: float | None = None
        self._intervals = 0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._counts.keys() | self._averages.keys())

    def rate(self, key: str, amount: float, now: float) -> int:
        """Count `amount` of a key, and return of how many one is to be kept.

        Keys that were not there in the intervals before are kept.
        """
        self._tick(now)
        is_counted = key in self._counts or len(self._counts) < self._settings.most_keys
        if is_counted:
            self._counts[key] = self._counts.get(key, 0.0) + amount
            self._counted += amount
            if self._counted >= self._burst and self._intervals >= self._settings.burst_delay:
                self._work_out()
                self._ends = now + self._settings.interval
        if self._rates is None:
            return self._settings.first
        return self._rates.get(key, 1 if is_counted else self._settings.overflow)

    def _tick(self, now: float) -> None:
        """Work rates out if an interval has ended; if several have, nothing came in all but the first."""
        if self._ends is None:
            self._ends = now + self._settings.interval
        elif now >= self._ends:
            ended = 1 + math.floor((now - self._ends) / self._settings.interval)
            self._ends += ended * self._settings.interval
            self._intervals += ended
            if self._counts:
                self._work_out()

    def _work_out(self) -> None:
        self._averages = self._moved()
        self._counts, self._counted = {}, 0.0
        total = sum([max(1.0, average) for average in self._averages.values()])
        multiple = self._settings.burst_multiple
        self._burst = total * multiple if total and multiple else math.inf
        self._rates = share_out(self._goal(total), self._averages)

    def _moved(self) -> dict[str, float]:
        weight, counts, before = self._settings.weight, self._counts, self._averages
        moved = {}
        for key in sorted(counts.keys() | before.keys()):
            average = weight * counts.get(key, 0.0) + (1 - weight) * before.get(key, 0.0)
            if average >= self._settings.age_out:
                moved[key] = average
        if len(moved) <= self._settings.most_keys:
            return moved
        highest = sorted(moved, key=lambda key: -moved[key])
        return {key: moved[key] for key in highest[: self._settings.most_keys]}
