"""Policies that look at what every trace has: time, status, size, flags and trace state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collector.api import ComponentConfig
from collector.sampling import ALWAYS
from processors.tail_sampling.policies.config import (
    LatencyConfig,
    SpanCountConfig,
    StatusCodeConfig,
    TraceStateConfig,
)
from processors.tail_sampling.policy import NOT_SAMPLED, SAMPLED, Verdict, Vote, verdict_of
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces

_SAMPLED, _NOT_SAMPLED = Vote.SAMPLED, Vote.NOT_SAMPLED  # looking up a member of an enum costs as much as a vote
_MILLISECOND = 1_000_000
# OTLP, Status.StatusCode
_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}
# W3C Trace Context, "sampled flag"
_SAMPLED_FLAG = 1


class AlwaysSample:
    """Keeps every trace."""

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return SAMPLED

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        return [SAMPLED] * len(traces)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {}


class Latency:
    """Keeps traces that took long enough, and not too long; both bounds belong to it."""

    def __init__(self, config: LatencyConfig) -> None:
        self._config = config
        self._least = config.threshold_ms * _MILLISECOND
        self._most = config.upper_threshold_ms * _MILLISECOND or float("inf")

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        duration = trace.longest_duration()
        if 0 <= duration < self._least:
            return Verdict(_NOT_SAMPLED, duration)
        return self._verdict(trace.duration)

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        least, most = self._least, self._most
        return [
            verdict_of((_SAMPLED if least <= duration <= most else _NOT_SAMPLED, duration, ALWAYS, None))
            for duration in traces.durations
        ]

    def _verdict(self, duration: int) -> Verdict:
        return Verdict(_SAMPLED if self._least <= duration <= self._most else _NOT_SAMPLED, duration)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        duration: Any = verdict.value
        return {"duration_ms": duration / _MILLISECOND, **_given(self._config)}


class StatusCode:
    """Keeps traces with a span that has one of the status codes."""

    def __init__(self, config: StatusCodeConfig) -> None:
        self._verdicts = {_CODES[name]: Verdict(Vote.SAMPLED, name) for name in config.status_codes}

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        for code, verdict in self._verdicts.items():
            if trace.has_status(code):
                return verdict
        return NOT_SAMPLED

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        verdicts = [NOT_SAMPLED] * len(traces)
        for code, verdict in reversed(self._verdicts.items()):
            for place in traces.with_status(code):
                verdicts[place] = verdict
        return verdicts

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        wanted = [sampled.value for sampled in self._verdicts.values()]
        return {"status_codes": wanted} if verdict.value is None else {"status_code": verdict.value}


class SpanCount:
    """Keeps traces of so many spans; both bounds belong to it."""

    def __init__(self, config: SpanCountConfig) -> None:
        self._config = config

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        least, most, spans = self._config.min_spans, self._config.max_spans, trace.span_count
        is_sampled = least <= spans and (not most or spans <= most)
        return Verdict(_SAMPLED if is_sampled else _NOT_SAMPLED, spans)

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        return [self.evaluate(trace, now) for trace in traces]

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"spans": verdict.value, **_given(self._config)}


class TraceFlags:
    """Keeps traces with a span whose W3C flag `sampled` is set."""

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return SAMPLED if any(head.flags & _SAMPLED_FLAG for head in trace.heads) else NOT_SAMPLED

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        return [self.evaluate(trace, now) for trace in traces]

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"sampled_flag": verdict.is_sampled}


class TraceStateMember:
    """Keeps traces with a span whose W3C trace state has one of the values under a key."""

    def __init__(self, config: TraceStateConfig) -> None:
        self._key = config.key
        self._needle = config.key.encode(errors="surrogatepass") + b"="
        self._values = {value.encode(errors="surrogatepass") for value in config.values}

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        for state in trace.trace_states(self._needle):
            for member in state.split(b","):
                key, _, value = member.strip(b" \t").partition(b"=")
                if key == self._needle[:-1] and value in self._values:
                    return Verdict(Vote.SAMPLED, value)
        return NOT_SAMPLED

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        if any(self._needle in state for state in traces.trace_states):
            return [self.evaluate(trace, now) for trace in traces]
        return [NOT_SAMPLED] * len(traces)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        value = verdict.value
        return {"key": self._key, "value": value.decode()} if isinstance(value, bytes) else {"key": self._key}


def _given(config: ComponentConfig) -> Mapping[str, Any]:
    """Return the bounds that a user set; 0 is none."""
    return {key: value for key, value in config.model_dump().items() if value}
