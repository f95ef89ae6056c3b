"""The processor's own counters, under the names that dashboards for the Collector know.

What happens to every trace is tallied here, and written to the counters when it is time to `settle`: before anybody who
may look at them has a turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby

from collector.api import ComponentTelemetry, Counter, Settings
from processors.tail_sampling.evaluation import Outcome
from processors.tail_sampling.held import Held
from processors.tail_sampling.policy import Vote

PREFIX = "otelcol_processor_tail_sampling_"
_AGES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds up to which ages are counted together."""
_LATENCIES = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
"""The same of milliseconds."""
_MOST_TALLIES = 1000


class Measures:
    """Counts what happens to traces.  What happens often is an attribute, so that counting takes no look-up."""

    def __init__(self, telemetry: ComponentTelemetry, policies: Sequence[str]) -> None:
        """Args:
        telemetry: where it is seen.
        policies: names, in the order in which they vote.
        """
        self._telemetry = telemetry
        self._policies = policies
        self.new_traces = self._counter("new_trace_id_received", "Traces that began.")
        self.too_large = self._counter("traces_dropped_too_large", "Traces of more than `maximum_trace_size_bytes`.")
        self.too_early = self._counter(
            "sampling_trace_dropped_too_early", "Traces decided on before their time, to make room; none is lost."
        )
        self.removal_age = Histogram(
            telemetry, "sampling_trace_removal_age", "Seconds from the first span to the decision.", _AGES
        )
        self.late_age = Histogram(
            telemetry, "sampling_late_span_age", "Seconds from the decision to late spans.", _AGES
        )
        self.timer_latency = Histogram(
            telemetry, "sampling_decision_timer_latency", "Milliseconds that a round of decisions took.", _LATENCIES
        )
        self._tallies: dict[Outcome, _Tally] = {}
        self._of_votes: dict[tuple[str, Vote], tuple[Counter, Counter]] = {}
        self._late = {
            kept: self._counter(
                "early_releases_from_cache_decision",
                "Spans of traces that were decided on before.",
                sampled=_text(kept),
            )
            for kept in (False, True)
        }

    def decided(self, outcome: Outcome, traces: int, spans: int) -> None:
        """Count traces, and their spans."""
        tally = self._tallies.get(outcome)
        if tally is None:
            tally = self._tallies[outcome] = _Tally(self._counters_of(outcome))
        tally.traces += traces
        tally.spans += spans

    def removed(self, traces: Iterable[Held], now: float) -> None:
        """Count how old traces are on which is decided.  All that began in one request are of the same age."""
        for since, alike in groupby([held.since for held in traces]):
            self.removal_age.observe(now - since, len(list(alike)))

    def late(self, kept: bool, spans: int) -> None:
        """Count spans that follow a decision."""
        self._late[kept].add(spans)

    def settle(self) -> None:
        """Have everything seen that was counted until now."""
        for tally in self._tallies.values():
            if tally.traces:
                tally.settle()
        if len(self._tallies) > _MOST_TALLIES:
            self._tallies.clear()
        for histogram in (self.removal_age, self.late_age, self.timer_latency):
            histogram.settle()

    def _counters_of(self, outcome: Outcome) -> _Counters:
        labels = {"sampled": _text(outcome.kept), "decision": outcome.decision}
        traces = [self._counter("global_count_traces_sampled", "Traces decided on.", **labels)]
        spans = []
        for policy, vote in zip(self._policies, outcome.votes, strict=False):
            if vote is not None:
                of_traces, of_spans = self._of_votes.get((policy, vote)) or self._counters_of_vote(policy, vote)
                traces.append(of_traces)
                spans.append(of_spans)
        return traces, spans

    def _counters_of_vote(self, policy: str, vote: Vote) -> tuple[Counter, Counter]:
        word = "dropped" if vote is Vote.DROPPED else _WORDS[vote.is_sampled]
        labels = {"policy": policy, "sampled": _text(vote.is_sampled), "decision": word}
        found = self._of_votes[policy, vote] = (
            self._counter("count_traces_sampled", "Traces on which a policy voted.", **labels),
            self._counter("count_spans_sampled", "Spans of these traces.", **labels),
        )
        return found

    def _counter(self, name: str, help: str, **labels: str) -> Counter:
        return self._telemetry.counter(PREFIX + name, help, **labels)


_WORDS = {True: "sampled", False: "not_sampled"}
_Counters = tuple[list[Counter], list[Counter]]
"""Those that count traces, and those that count their spans."""


class _Tally:
    """Traces on which the same was decided with the same votes."""

    __slots__ = ("_counters", "spans", "traces")

    def __init__(self, counters: _Counters) -> None:
        self._counters = counters
        self.traces = self.spans = 0

    def settle(self) -> None:
        of_traces, of_spans = self._counters
        for counter in of_traces:
            counter.add(self.traces)
        for counter in of_spans:
            counter.add(self.spans)
        self.traces = self.spans = 0


class Histogram:
    """Counts values by size, as Prometheus does: each bucket has those of the smaller ones too."""

    def __init__(self, telemetry: ComponentTelemetry, name: str, help: str, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        names = [f"{bound:g}" for bound in bounds]
        self._buckets = [telemetry.counter(f"{PREFIX}{name}_bucket", help, le=most) for most in (*names, "+Inf")]
        self._sum = telemetry.counter(f"{PREFIX}{name}_sum", help)
        self._count = telemetry.counter(f"{PREFIX}{name}_count", help)
        self._new = [0] * len(self._buckets)
        self._new_sum = 0.0
        self._new_count = 0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, which is seen after `settle`."""
        self._new[bisect_left(self._bounds, value)] += times
        self._new_sum += value * times
        self._new_count += times

    def settle(self) -> None:
        """Have everything seen that was counted until now."""
        if not self._new_count:
            return
        total = 0
        for bucket, new in zip(self._buckets, self._new, strict=True):
            total += new
            bucket.add(total)
        self._sum.add(self._new_sum)
        self._count.add(total)
        self._new = [0] * len(self._buckets)
        self._new_sum = 0.0
        self._new_count = 0


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


class PolicyTimes:
    """Counts how often each policy voted, and the microseconds that it took."""

    def __init__(self, settings: Settings) -> None:
        self._telemetry = settings.telemetry
        self._counters: dict[str, tuple[Counter, Counter]] = {}

    def __call__(self, policy: str, seconds: float, traces: int) -> None:
        counters = self._counters.get(policy)
        if counters is None:
            counters = self._counters[policy] = (
                self._telemetry.counter(
                    PREFIX + "sampling_policy_execution_time_sum", "Microseconds that a policy took.", policy=policy
                ),
                self._telemetry.counter(
                    PREFIX + "sampling_policy_execution_count", "Traces on which a policy was asked.", policy=policy
                ),
            )
        time, count = counters
        time.add(seconds * 1_000_000)
        count.add(traces)


def _text(value: bool) -> str:
    return "true" if value else "false"
