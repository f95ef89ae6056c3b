"""The policy that keeps a part of all traces, the same ones wherever and whenever it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collector import sampling
from processors.tail_sampling.policies.config import ProbabilisticConfig
from processors.tail_sampling.policy import Verdict, Vote
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces

# FNV-1a of 64 bits: draft-eastlake-fnv, "FNV Constants"
_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3
_MOST = (1 << 64) - 1
_RANDOM = 7
"""Bytes at the end of a trace id that are its randomness (`collector.sampling`)."""
_EXPLICIT = b"rv:"
"""What a trace state has in it that says which randomness decides."""


def fnv1a(data: bytes, start: int = _OFFSET) -> int:
    """Return the 64-bit FNV-1a hash of `data`, or go on from the hash of what stands before it."""
    for byte in data:
        start = (start ^ byte) * _PRIME & _MOST
    return start


def randomness_of(trace: Trace) -> int:
    """Return the 56 bits that decide on a trace: `rv` of a trace state, the least if spans disagree, or of its id."""
    if not trace.glance.trace_state:
        return sampling.randomness(trace.trace_id)
    states = map(sampling.TraceState.parse, trace.trace_states(b"ot="))
    explicit = [state.explicit for state in states if state.explicit is not None]
    return min(explicit) if explicit else sampling.randomness(trace.trace_id)


class Probabilistic:
    """Keeps a percentage of traces by their randomness (`collector.sampling`)."""

    def __init__(self, config: ProbabilisticConfig) -> None:
        self._config = config
        self._threshold = sampling.threshold(config.sampling_percentage / 100)
        # numbers of seven bytes are in the same order as their bytes, and nothing is as large as what no id reaches
        reachable = self._threshold < sampling.NEVER
        self._least = self._threshold.to_bytes(_RANDOM, "big") if reachable else b"\xff" * (_RANDOM + 1)
        self._sampled = Verdict(Vote.SAMPLED, threshold=min(self._threshold, sampling.NEVER - 1))
        self._not_sampled = Verdict(Vote.NOT_SAMPLED)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return self._sampled if randomness_of(trace) >= self._threshold else self._not_sampled

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        if any(_EXPLICIT in state for state in traces.trace_states):
            return [self.evaluate(trace, now) for trace in traces]
        sampled, not_sampled, least = self._sampled, self._not_sampled, self._least
        return [sampled if trace.trace_id[-_RANDOM:] >= least else not_sampled for trace in traces]

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"sampling_percentage": self._config.sampling_percentage}


class Hashed:
    """Keeps the percentage of traces that the Collector keeps with the same `hash_salt`.

    What was compared with the threshold is then not the trace's own randomness: it is told in the verdict, the hash
    from its other end, since small ones are kept.  Of 2**56 traces one may lie on the bound, where `th` is left out.
    """

    def __init__(self, config: ProbabilisticConfig) -> None:
        self._config = config
        self._salted = fnv1a(config.hash_salt.encode(errors="surrogatepass"))
        ratio = min(config.sampling_percentage / 100, 1.0).as_integer_ratio()
        self._most = _MOST * ratio[0] // ratio[1]
        self._threshold = min(sampling.threshold(ratio[0] / ratio[1]), sampling.NEVER - 1)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        found = fnv1a(trace.trace_id, self._salted)
        if found > self._most:
            return Verdict(Vote.NOT_SAMPLED)
        return Verdict(Vote.SAMPLED, None, self._threshold, (_MOST - found) >> 8)

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        return [self.evaluate(trace, now) for trace in traces]

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"sampling_percentage": self._config.sampling_percentage, "hash_salt": self._config.hash_salt}


def probabilistic(config: ProbabilisticConfig) -> Probabilistic | Hashed:
    """Decide by a hash if there is a salt, by the trace's randomness if not."""
    return Hashed(config) if config.hash_salt else Probabilistic(config)
