"""Policies that keep a part of each kind of trace, a smaller one of what there is much of.

How large the part is depends on what came before; which traces are in it does not: as with every policy of chance the
randomness of a trace decides (`collector.sampling`), so whoever knows the same rates decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collector import sampling
from processors.tail_sampling.policies.chance import randomness_of
from processors.tail_sampling.policies.config import DynamicConfig, EmaThroughputConfig
from processors.tail_sampling.policies.keys import Keys
from processors.tail_sampling.policies.rates import Rates, Settings
from processors.tail_sampling.policy import Verdict, Vote
from processors.tail_sampling.trace import Trace


class Rated(NamedTuple):
    """What a policy with rates found: the value of its verdict."""

    key: str
    rate: int
    """Of how many traces of this key one is kept."""


class PerKey:
    """Keeps one of so many traces, by the rate that is learnt for the key of each."""

    def __init__(self, keys: Keys, rates: Rates) -> None:
        self._keys = keys
        self.rates = rates

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        key = self._keys.of(trace)
        rated = Rated(key, self.rates.rate(key, trace.span_count, now))
        threshold = sampling.threshold(1 / rated.rate)
        if randomness_of(trace) < threshold:
            return Verdict(Vote.NOT_SAMPLED, rated)
        return Verdict(Vote.SAMPLED, rated, threshold)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        rated: Any = verdict.value
        return {"key": rated.key, "sample_rate": rated.rate}


def dynamic(config: DynamicConfig) -> PerKey:
    """Keep one of so many spans on average."""
    goal = config.goal_sample_rate
    return PerKey(_keys(config), Rates(_settings(config, goal), lambda total: total / goal))


def ema_throughput(config: EmaThroughputConfig) -> PerKey:
    """Keep so many spans each second."""
    goal = config.goal_throughput_per_sec * config.adjustment_interval
    return PerKey(_keys(config), Rates(_settings(config, config.initial_sample_rate), lambda _: goal))


def _keys(config: DynamicConfig | EmaThroughputConfig) -> Keys:
    return Keys(config.fields, with_length=config.use_trace_length)


def _settings(config: DynamicConfig | EmaThroughputConfig, first: int) -> Settings:
    return Settings(
        first=first,
        interval=config.adjustment_interval,
        weight=config.weight,
        age_out=config.weight if config.age_out_value is None else config.age_out_value,
        most_keys=config.max_keys,
        burst_multiple=config.burst_multiple,
        burst_delay=config.burst_detection_delay,
        overflow=config.overflow_sample_rate,
    )
