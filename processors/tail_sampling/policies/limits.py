"""Policies that keep so much each second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processors.tail_sampling.policies.config import BytesLimitingConfig, RateLimitingConfig
from processors.tail_sampling.policy import NOT_SAMPLED, SAMPLED, Verdict
from processors.tail_sampling.trace import Trace


class TokenBucket:
    """Lets `rate` pass each second, and at most `capacity` at once: in t seconds no more than capacity + t * rate."""

    def __init__(self, rate: float, capacity: float) -> None:
        self._rate = rate
        self._capacity = self._tokens = capacity
        self._filled = float("-inf")

    def has(self, amount: float, now: float) -> bool:
        """Say whether `amount` may pass now."""
        return amount <= self._fill(now)

    def is_full(self, now: float) -> bool:
        """Say whether nothing has passed for long enough."""
        return self._fill(now) >= self._capacity

    def take(self, amount: float) -> None:
        """Have `amount` pass; more than there is makes a debt that has to be filled first."""
        self._tokens -= amount

    def _fill(self, now: float) -> float:
        if self._rate and now > self._filled:
            self._tokens = min(self._capacity, self._tokens + self._rate * (now - self._filled))
            self._filled = now
        return self._tokens


class Limit:
    """Keeps traces as long as the rate allows.

    One that is larger than the burst passes when the bucket is full, and those that follow pay for it: so it is not
    starved for ever, and over time the rate is kept.
    """

    def __init__(self, setting: str, rate: int, burst: int, *, of_bytes: bool) -> None:
        self._setting, self._rate, self._of_bytes = setting, rate, of_bytes
        self._bucket = TokenBucket(rate, (burst or 2 * rate) if rate else 0)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        amount = trace.size if self._of_bytes else trace.span_count
        if not self._rate or not (self._bucket.has(amount, now) or self._bucket.is_full(now)):
            return NOT_SAMPLED
        self._bucket.take(amount)
        return SAMPLED

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {self._setting: self._rate, "is_used_up": not verdict.is_sampled}


def rate_limiting(config: RateLimitingConfig) -> Limit:
    """Limit spans."""
    return Limit("spans_per_second", config.spans_per_second, config.burst_capacity, of_bytes=False)


def bytes_limiting(config: BytesLimitingConfig) -> Limit:
    """Limit bytes."""
    return Limit("bytes_per_second", config.bytes_per_second, config.burst_capacity, of_bytes=True)
