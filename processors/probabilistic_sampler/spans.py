"""What a span says about sampling, and how a decision is written on it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from collector.api import Span
from collector.sampling import ALWAYS, NEVER, TraceState, with_threshold
from processors.probabilistic_sampler.decisions import Change, Decision, Sampler, Source

PRIORITY = "sampling.priority"
_LONGEST_REMEMBERED = 512


def priority_of(wire: bytes) -> int | None:
    """Return the threshold that a span asks for: NEVER to be dropped, ALWAYS to be kept; None if it asks for nothing.

    OpenTracing semantic conventions, "sampling.priority"; as a text too, since types get lost between formats.
    """
    value: Any = Span(wire).get(PRIORITY)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return NEVER if value == 0 else ALWAYS if value > 0 else None


def _state_of(state: bytes) -> TraceState:
    return _remembered(state) if len(state) <= _LONGEST_REMEMBERED else TraceState.parse(state)


_remembered = lru_cache(1024)(TraceState.parse)  # the spans of a trace have the same one


class Spans:
    """Implements `records.Records`."""

    counter = "otelcol_processor_probabilistic_sampler_count_traces_sampled"
    help = "Count of spans that were sampled or not."
    needles: tuple[bytes, ...] = (PRIORITY.encode(),)
    looks_at_all = False

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def needs_a_look(self, own: Source) -> bool:
        return False

    def decide(self, wire: bytes, own: Source, state: bytes) -> Decision:
        return self._sampler.decide(own, _state_of(state), priority_of(wire))

    def decide_by_head(self, own: Source, state: bytes) -> Decision:
        return self._sampler.decide(own, _state_of(state), None)

    def written(self, wire: bytes, decision: Decision) -> bytes:
        if decision.change is Change.NONE:
            return wire
        if decision.change is Change.CLEAR:
            return with_threshold(wire, ALWAYS)  # which leaves out what the span cannot have passed
        return with_threshold(wire, decision.threshold, decision.explicit)
