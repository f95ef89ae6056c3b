"""The processor's own counters, under the names that dashboards for the Collector know."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from collector.api import ComponentTelemetry, Counter, Settings
from processors.tail_sampling.policy import Verdict, Vote

PREFIX = "otelcol_processor_tail_sampling_"
_AGES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds up to which late spans are counted together."""


class Measures:
    """Counts what happens to traces.  What happens often is an attribute, so that counting takes no look-up."""

    def __init__(self, telemetry: ComponentTelemetry) -> None:
        self._telemetry = telemetry
        self.new_traces = self._counter("new_trace_id_received", "Traces that began.")
        self.too_large = self._counter("traces_dropped_too_large", "Traces of more than `maximum_trace_size_bytes`.")
        self.too_early = self._counter(
            "sampling_trace_dropped_too_early", "Traces decided on before their time, to make room; none is lost."
        )
        self._decisions: dict[tuple[str, bool], Counter] = {}
        self._by_vote: dict[tuple[str, Vote], tuple[Counter, Counter]] = {}
        self._late = {
            kept: self._counter(
                "early_releases_from_cache_decision",
                "Spans of traces that were decided on before.",
                sampled=_text(kept),
            )
            for kept in (False, True)
        }
        self._ages = [
            self._counter("sampling_late_span_age_bucket", "Seconds from the decision to a late span.", le=str(most))
            for most in (*_AGES, "+Inf")
        ]
        self._age_sum = self._counter("sampling_late_span_age_sum", "Sum of the seconds.")
        self._age_count = self._counter("sampling_late_span_age_count", "Number of times.")

    def decided(self, decision: str, kept: bool) -> None:
        """Count one trace: `decision` is sampled, not_sampled or dropped."""
        counter = self._decisions.get((decision, kept))
        if counter is None:
            counter = self._counter(
                "global_count_traces_sampled", "Traces decided on.", sampled=_text(kept), decision=decision
            )
            self._decisions[decision, kept] = counter
        counter.add(1)

    def voted(self, policies: Sequence[str], votes: Sequence[Verdict | None], spans: int) -> None:
        """Count a trace and its spans for each policy that was asked, by what it said."""
        for policy, verdict in zip(policies, votes, strict=False):
            if verdict is not None:
                counters = self._by_vote.get((policy, verdict.vote)) or self._counters_of(policy, verdict)
                counters[0].add(1)
                counters[1].add(spans)

    def _counters_of(self, policy: str, verdict: Verdict) -> tuple[Counter, Counter]:
        decision = "dropped" if verdict.vote is Vote.DROPPED else "sampled" if verdict.is_sampled else "not_sampled"
        labels = {"policy": policy, "sampled": _text(verdict.is_sampled), "decision": decision}
        counters = (
            self._counter("count_traces_sampled", "Traces on which a policy voted.", **labels),
            self._counter("count_spans_sampled", "Spans of these traces.", **labels),
        )
        self._by_vote[policy, verdict.vote] = counters
        return counters

    def late(self, kept: bool, spans: int) -> None:
        """Count spans that follow a decision."""
        self._late[kept].add(spans)

    def late_age(self, seconds: float) -> None:
        """Count how old a remembered decision was.  Buckets are cumulative, as in every Prometheus histogram."""
        for bucket in self._ages[bisect_left(_AGES, seconds) :]:
            bucket.add(1)
        self._age_sum.add(seconds)
        self._age_count.add(1)

    def _counter(self, name: str, help: str, **labels: str) -> Counter:
        return self._telemetry.counter(PREFIX + name, help, **labels)


class PolicyErrors:
    """Counts errors of policies, and says the first of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counters: dict[str, Counter] = {}

    def __call__(self, policy: str, error: Exception) -> None:
        counter = self._counters.get(policy)
        if counter is None:
            counter = self._counters[policy] = self._settings.telemetry.counter(
                PREFIX + "sampling_policy_evaluation_error", "Traces on which a policy had an error.", policy=policy
            )
            self._settings.logger.error(
                "%s: policy %s has an error and no vote; further ones are only counted",
                self._settings.id,
                policy,
                exc_info=error,
            )
        counter.add(1)


def _text(value: bool) -> str:
    return "true" if value else "false"
