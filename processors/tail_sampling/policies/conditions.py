"""The policy that asks conditions of OTTL of every span and span event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from collector.api import Span
from collector.ottl.condition import Context, EventOf, Parsed, parsed
from processors.tail_sampling.policies.config import OttlConditionConfig
from processors.tail_sampling.policy import NOT_SAMPLED, Verdict, Vote
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces


class Found(NamedTuple):
    """What conditions found: the value of a verdict."""

    condition: str
    """The one that was true; empty for none."""
    error: str = ""
    """The first one of those that were ignored on the way."""


class _Asked(NamedTuple):
    text: str
    parsed: Parsed
    sampled: Verdict


class Conditions:
    """Keeps traces with a span, or a span event, of which one of the conditions is true."""

    def __init__(self, config: OttlConditionConfig) -> None:
        self._mode = config.error_mode
        self._of_spans = _asked(config.span, Context.SPAN)
        self._of_events = _asked(config.spanevent, Context.SPANEVENT)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        # A span's bytes are in the text of its trace, and those of an event in its span's: what has to be there is
        # looked for from the outside in.
        of_spans, of_events = _possible(self._of_spans, trace.text), _possible(self._of_events, trace.text)
        if not of_spans and not of_events:
            return NOT_SAMPLED
        both, errors = (*of_spans, *of_events), _Errors(self._mode)
        for span in trace.spans(lambda raw: any(asked.parsed.may_hold(raw) for asked in both)):
            true = _first_true(of_spans, span, errors) or _first_true_of_events(of_events, span, errors)
            if true is not None:
                return true.sampled if not errors.first else Verdict(Vote.SAMPLED, Found(true.text, errors.first))
        return Verdict(Vote.NOT_SAMPLED, Found("", errors.first)) if errors.first else NOT_SAMPLED

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        if _possible(self._of_spans, traces.text) or _possible(self._of_events, traces.text):
            return [self.evaluate(trace, now) for trace in traces]
        return [NOT_SAMPLED] * len(traces)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        found: Any = verdict.value or Found("")
        told = {"condition": found.condition or None}
        return {**told, "ignored_error": found.error} if found.error else told


_LONGEST_ERROR = 1000
"""Characters of an error that are remembered with a decision: it quotes what it is about."""


class _Errors:
    """What could not be asked, of one trace."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.first = ""

    def add(self, condition: str, error: ValueError) -> None:
        """Note an error that shall be ignored; raise any other."""
        message = f"{condition}: {error}"
        if self._mode == "propagate":
            raise ValueError(message) from error
        if self._mode == "ignore" and not self.first:
            self.first = message[:_LONGEST_ERROR]


def _asked(conditions: Iterable[str], context: Context) -> Sequence[_Asked]:
    return [_Asked(text, parsed(text, context), Verdict(Vote.SAMPLED, Found(text))) for text in conditions]


def _possible(conditions: Sequence[_Asked], text: bytes) -> Sequence[_Asked]:
    return [asked for asked in conditions if asked.parsed.may_hold(text)]


def _first_true(conditions: Sequence[_Asked], record: Any, errors: _Errors) -> _Asked | None:
    for asked in conditions:
        try:
            if asked.parsed.ask(record):
                return asked
        except ValueError as error:
            errors.add(asked.text, error)
    return None


def _first_true_of_events(conditions: Sequence[_Asked], span: Span, errors: _Errors) -> _Asked | None:
    if not conditions:
        return None
    found = (_first_true(conditions, EventOf(event, span), errors) for event in span.events)
    return next(filter(None, found), None)
