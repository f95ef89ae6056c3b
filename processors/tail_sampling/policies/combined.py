"""Policies made of policies.  What `invert_match` says is only sampled or not sampled in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from processors.tail_sampling.policies.config import CompositeConfig
from processors.tail_sampling.policies.limits import TokenBucket
from processors.tail_sampling.policy import AtOnce, Choice, Policy, Verdict, Vote, at_once
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces


class NamedPolicy(NamedTuple):
    """A policy and what the user calls it."""

    name: str
    policy: Policy
    is_drop: bool = False
    """Asked before all others."""


class All:
    """Votes one way if every sub-policy samples, another if not; asks up to the first that does not."""

    def __init__(self, policies: Sequence[NamedPolicy], yes: Vote = Vote.SAMPLED) -> None:
        self._policies = policies
        self._yes = yes
        self.evaluate_all: AtOnce | None = None
        votes = [at_once(each.policy) for each in policies]
        if None not in votes:
            self._votes = [vote for vote in votes if vote is not None]
            self.evaluate_all = self._evaluate_all

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return self._verdict(each.policy.evaluate(trace, now) for each in self._policies)

    def _evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        return list(map(self._verdict, zip(*[vote(traces, now) for vote in self._votes], strict=True)))

    def _verdict(self, each: Iterable[Verdict]) -> Verdict:
        verdicts: list[Verdict] = []
        for verdict in each:
            verdicts.append(verdict)
            if not verdict.is_sampled:
                return Verdict(Vote.NOT_SAMPLED, tuple(verdicts))
        rarest = max(verdicts, key=_threshold)
        return Verdict(self._yes, tuple(verdicts), rarest.threshold, rarest.randomness)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        verdicts: Any = verdict.value
        pairs = zip(self._policies, verdicts, strict=False)  # what was not asked has nothing to say
        return {name: dict(policy.explain(inner)) for (name, policy, _), inner in pairs}


class Not:
    """Samples what a sub-policy does not sample.  A part kept by chance has no threshold that could be written."""

    def __init__(self, policy: NamedPolicy) -> None:
        self._policy = policy
        vote = at_once(policy.policy)
        self.evaluate_all: AtOnce | None = (
            None if vote is None else lambda traces, now: list(map(_reversed, vote(traces, now)))
        )

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return _reversed(self._policy.policy.evaluate(trace, now))

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        inner: Any = verdict.value
        return {self._policy.name: dict(self._policy.policy.explain(inner))}


class _Share(NamedTuple):
    policy: NamedPolicy
    bucket: TokenBucket


class Composite:
    """Keeps a trace by the first sub-policy that samples it and has enough left, of its share and of the total.

    In t seconds no more than (1 + t) * rate spans pass, of each share and of the total. A trace of more spans than one
    second allows does not.
    """

    def __init__(self, config: CompositeConfig, policies: Sequence[NamedPolicy]) -> None:
        total = config.max_total_spans_per_second
        percents = {rate.policy: rate.percent for rate in config.rate_allocation}
        order = {name: i for i, name in reversed([*enumerate(config.policy_order)])}
        self._shares = []
        for policy in sorted(policies, key=lambda policy: order.get(policy.name, len(order))):
            rate = total * percents.get(policy.name, 100 / len(policies)) / 100
            self._shares.append(_Share(policy, TokenBucket(rate, rate)))
        self._total = TokenBucket(total, total)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        full: tuple[str, ...] = ()
        spans = trace.span_count
        for (name, policy, _), bucket in self._shares:
            verdict = policy.evaluate(trace, now)
            if not verdict.is_sampled:
                continue
            if bucket.has(spans, now) and self._total.has(spans, now):
                bucket.take(spans)
                self._total.take(spans)
                return Verdict(Vote.SAMPLED, Choice(name, full), verdict.threshold, verdict.randomness)
            full = (*full, name)
        return Verdict(Vote.NOT_SAMPLED, Choice("", full))

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        choice: Any = verdict.value
        return {"composite_sub_policy": choice.policy or None, "used_up": list(choice.full)}


def _reversed(inner: Verdict) -> Verdict:
    return Verdict(Vote.NOT_SAMPLED if inner.is_sampled else Vote.SAMPLED, inner)


def _threshold(verdict: Verdict) -> int:
    return verdict.threshold
