"""Policies that look for attributes, of any span or resource of a trace."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from collector.patterns import compile_pattern
from processors.tail_sampling.policies.config import (
    BooleanAttributeConfig,
    NumericAttributeConfig,
    StringAttributeConfig,
)
from processors.tail_sampling.policy import NOT_SAMPLED, Verdict, Vote
from processors.tail_sampling.trace import Trace

_FEW = 8
"""Texts that are searched for one by one before anything is decoded."""
_INVERTED = Verdict(Vote.INVERT_SAMPLED)


class _Test(Protocol):
    """Finds what a policy looks for."""

    @abstractmethod
    def find(self, trace: Trace) -> Any:
        """Return the value that matches; None for nothing."""


class AttributePolicy:
    """Votes by whether something is found, the other way round if inverted."""

    def __init__(self, key: str, test: _Test, *, is_inverted: bool) -> None:
        self._key = key
        self._find = test.find
        self._nothing = _INVERTED if is_inverted else NOT_SAMPLED
        self._something = Vote.INVERT_NOT_SAMPLED if is_inverted else Vote.SAMPLED

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        value = self._find(trace)
        return self._nothing if value is None else Verdict(self._something, value)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"key": self._key} if verdict.value is None else {"key": self._key, "value": verdict.value}


class _Texts:
    def __init__(self, key: str, values: Iterable[str]) -> None:
        self._key = key
        self._values = frozenset(values)
        needles = [value.encode(errors="surrogatepass") for value in self._values]
        self._needles = needles if len(needles) <= _FEW else [b""]
        self._only = needles[0] if len(needles) == 1 else b""

    def find(self, trace: Trace) -> Any:
        if not self._may_be_in(trace):
            return None
        found = (v for v in trace.values(self._key, self._only) if type(v) is str and v in self._values)
        return next(found, None)

    def _may_be_in(self, trace: Trace) -> bool:
        """The bytes of a text stand in those of its span as they are, however the rest is encoded."""
        places = [trace.text, *[part.origin.resource for part in trace.parts]]
        return any(needle in place for needle in self._needles for place in places)


class _Patterns:
    def __init__(self, key: str, config: StringAttributeConfig) -> None:
        self._key = key
        pattern = compile_pattern("|".join(f"(?:{value})" for value in config.values))
        match = pattern.fullmatch if config.anchored else pattern.search
        self._matches = lru_cache(config.cache_max_size)(lambda text: match(text.encode()) is not None)

    def find(self, trace: Trace) -> Any:
        return next((v for v in trace.values(self._key) if type(v) is str and self._matches(v)), None)


class _Numbers:
    def __init__(self, config: NumericAttributeConfig) -> None:
        self._key, self._least, self._most = config.key, config.min_value, config.max_value

    def find(self, trace: Trace) -> Any:
        return next((v for v in trace.values(self._key) if type(v) in {int, float} and self._matches(v)), None)

    def _matches(self, value: float) -> bool:
        is_number = value == value  # noqa: PLR0124  NaN is not
        return is_number and not (
            (self._least is not None and value < self._least) or (self._most is not None and value > self._most)
        )


class _Booleans:
    def __init__(self, config: BooleanAttributeConfig) -> None:
        self._key, self._value = config.key, config.value

    def find(self, trace: Trace) -> Any:
        return next((v for v in trace.values(self._key) if v is self._value), None)


def string_attribute(config: StringAttributeConfig) -> AttributePolicy:
    """Look for texts, or for what patterns match."""
    test: Any = _Patterns(config.key, config) if config.enabled_regex_matching else _Texts(config.key, config.values)
    return AttributePolicy(config.key, test, is_inverted=config.invert_match)


def numeric_attribute(config: NumericAttributeConfig) -> AttributePolicy:
    """Look for numbers, whole ones or not, within bounds."""
    return AttributePolicy(config.key, _Numbers(config), is_inverted=config.invert_match)


def boolean_attribute(config: BooleanAttributeConfig) -> AttributePolicy:
    """Look for true or false."""
    return AttributePolicy(config.key, _Booleans(config), is_inverted=config.invert_match)
