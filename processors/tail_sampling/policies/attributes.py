"""Policies that look for attributes, of any span or resource of a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from collector.api import Span
from collector.patterns import compile_pattern
from processors.tail_sampling.policies.config import (
    BooleanAttributeConfig,
    NumericAttributeConfig,
    StringAttributeConfig,
)
from processors.tail_sampling.policy import NOT_SAMPLED, Verdict, Vote
from processors.tail_sampling.trace import Trace, read_resource
from processors.tail_sampling.traces import Traces

_FEW = 8
"""Texts that are searched for one by one before anything is decoded."""
_RESOURCES = 64
"""Resources about which answers are remembered: spans of many traces have the same."""
_LONGEST_REMEMBERED = 4096
"""Bytes of a resource, and characters of a text, about which answers are remembered at most."""
_LONGEST_TOLD = 256
"""Characters of a value that are remembered with a decision."""
_INVERTED = Verdict(Vote.INVERT_SAMPLED)

Matches = Callable[[Any], bool]


class AttributePolicy:
    """Votes by whether an attribute with a value that matches is found, the other way round if inverted."""

    def __init__(self, key: str, matches: Matches, *, is_inverted: bool, texts: Sequence[bytes] = ()) -> None:
        """Args:
        key: of the attribute.
        matches: says of a value whether it is looked for.
        is_inverted: whether to find it is a veto.
        texts: what must stand in the bytes of a value that is looked for, one of these; empty if that is not known.
        """
        self._key = key
        self._matches = matches
        self._nothing = _INVERTED if is_inverted else NOT_SAMPLED
        self._something = Vote.INVERT_NOT_SAMPLED if is_inverted else Vote.SAMPLED
        self._needle = key.encode(errors="surrogatepass")
        self._texts = texts or [self._needle]
        self._in_resource = lru_cache(_RESOURCES)(self._find_in_resource)

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        value = self._find_in_spans(trace)
        if value is None:
            value = self._find_in_resources(trace)
        return self._nothing if value is None else Verdict(self._something, _told(value))

    def evaluate_all(self, traces: Traces, now: float) -> Sequence[Verdict]:
        if any(self._value_in(origin.resource) is not None for origin in traces.origins):
            return [self.evaluate(trace, now) for trace in traces]
        verdicts = [self._nothing] * len(traces)
        for place in {place for text in self._texts for place in traces.mentioning(text)}:
            verdicts[place] = self.evaluate(traces[place], now)
        return verdicts

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"key": self._key} if verdict.value is None else {"key": self._key, "value": verdict.value}

    def _find_in_spans(self, trace: Trace) -> Any:
        for raw in trace.raws:
            if self._may_match(raw):
                value = Span(raw).get(self._key)
                if value is not None and self._matches(value):
                    return value
        return None

    def _find_in_resources(self, trace: Trace) -> Any:
        for origin in trace.origins:
            value = self._value_in(origin.resource)
            if value is not None:
                return value
        return None

    def _value_in(self, resource: bytes) -> Any:
        is_short = len(resource) <= _LONGEST_REMEMBERED
        return self._in_resource(resource) if is_short else self._find_in_resource(resource)

    def _find_in_resource(self, resource: bytes) -> Any:
        if self._may_match(resource):
            value = read_resource(resource).get(self._key)
            if value is not None and self._matches(value):
                return value
        return None

    def _may_match(self, record: bytes) -> bool:
        """The bytes of a text stand in those of its record as they are, however the rest is encoded."""
        for needle in self._texts:  # a generator costs more than what it asks
            if record.find(needle) >= 0:  # `in` asks first whether the needle is a number, at thrice the cost
                return record.find(self._needle) >= 0
        return False


def _told(value: Any) -> Any:
    """Return what is remembered of a value: as much of a long text as somebody who asks wants to read."""
    return value if type(value) is not str or len(value) <= _LONGEST_TOLD else f"{value[: _LONGEST_TOLD - 1]}…"


def string_attribute(config: StringAttributeConfig) -> AttributePolicy:
    """Look for texts, or for what patterns match."""
    if config.enabled_regex_matching:
        return AttributePolicy(config.key, _patterns(config), is_inverted=config.invert_match)
    values = frozenset(config.values)
    texts = [value.encode(errors="surrogatepass") for value in values] if len(values) <= _FEW else []
    return AttributePolicy(
        config.key, lambda v: type(v) is str and v in values, is_inverted=config.invert_match, texts=texts
    )


def _patterns(config: StringAttributeConfig) -> Matches:
    pattern = compile_pattern("|".join(f"(?:{value})" for value in config.values))
    match = pattern.fullmatch if config.anchored else pattern.search

    def matches(text: str) -> bool:
        return match(text.encode()) is not None

    remembered = lru_cache(config.cache_max_size)(matches)
    return lambda v: type(v) is str and (remembered(v) if len(v) <= _LONGEST_REMEMBERED else matches(v))


def numeric_attribute(config: NumericAttributeConfig) -> AttributePolicy:
    """Look for numbers, whole ones or not, within bounds."""
    least = -math.inf if config.min_value is None else config.min_value
    most = math.inf if config.max_value is None else config.max_value
    # NaN is in no bounds
    return AttributePolicy(
        config.key, lambda v: type(v) in {int, float} and least <= v <= most, is_inverted=config.invert_match
    )


def boolean_attribute(config: BooleanAttributeConfig) -> AttributePolicy:
    """Look for true or false."""
    return AttributePolicy(config.key, lambda v: v is config.value, is_inverted=config.invert_match)
