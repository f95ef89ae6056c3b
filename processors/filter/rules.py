"""Conditions and matchers of one signal, ready to be asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from google.protobuf.message import DecodeError

from collector.api import Counter, DropReason, PermanentError, Settings, Signal
from collector.matching.matcher import Matcher, matcher
from collector.ottl.condition import Context
from collector.ottl.expression import Needles
from processors.filter.config import CONTEXTS, OLD_KEYS, Condition, ErrorMode, FilterConfig, SignalConfig

_ERRORS = "pyotelcol_processor_filter_condition_errors"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One condition: what meets it is dropped."""

    context: Context
    may_hold: Callable[[bytes], bool]
    """Whether it can be true of a record with these bytes, or of one of many in them."""
    holds: Callable[[Any], bool]
    """Raises PermanentError if it has an error and those are not ignored."""
    needles: Needles | None


def suspects(rules: Sequence[Rule], wires: Sequence[bytes]) -> Mapping[int, Sequence[Rule]]:
    """Return the places of records that some rule may be true of, with these rules in their order."""
    if not rules:
        return {}
    records = Joined(wires) if any(rule.needles is not None for rule in rules) else None
    if len(rules) == 1:
        return dict.fromkeys(_suspects_of(rules[0], records, len(wires)), rules)
    by_place: dict[int, list[Rule]] = {}
    for rule in rules:
        for place in _suspects_of(rule, records, len(wires)):
            by_place.setdefault(place, []).append(rule)
    return by_place


def _suspects_of(rule: Rule, records: Joined | None, count: int) -> Iterable[int]:
    if records is None or rule.needles is None:
        return range(count)
    if len(rule.needles) == 1:
        return records.with_all(rule.needles[0])
    return {place for needle in rule.needles for place in records.with_all(needle)}


class Joined:
    """The records of one scope, to be searched for texts: one long search costs a fifth of one in each of them."""

    def __init__(self, wires: Sequence[bytes]) -> None:
        self.wires = wires
        self._wire = b"".join(wires)
        self._ends = list(accumulate(map(len, wires)))

    def with_all(self, needle: Sequence[bytes]) -> list[int]:
        """Return the places, in order, of records that have all these texts.

        The last one is looked for first, since values are rarer than keys.
        """
        *others, last = needle
        found = self._with(last)
        for part in others:
            found = [place for place in found if part in self.wires[place]]
        return found

    def _with(self, text: bytes) -> list[int]:
        wire, ends, found = self._wire, self._ends, []
        start = wire.find(text)
        while start >= 0:
            place = bisect_right(ends, start)
            if start + len(text) <= ends[place]:  # else it is of two records, and none of both has it here
                found.append(place)
            start = wire.find(text, ends[place])
        return found


class Rules:
    """All that one signal's records are asked."""

    def __init__(self, config: FilterConfig, settings: Settings, signal: Signal) -> None:
        errors = _Errors(settings)
        self.rules = [
            _rule(condition, mode, errors)
            for condition, mode in sorted(
                _conditions(config, signal), key=lambda each: CONTEXTS[signal].index(each[0].context)
            )
        ]
        self.matchers = list(_matchers(config, signal))
        """What does not match all of these is dropped."""


def _conditions(config: FilterConfig, signal: Signal) -> Iterator[tuple[Condition, ErrorMode]]:
    for group in config.groups(signal):
        for condition in group.conditions:
            yield condition, group.error_mode or config.error_mode
    old: SignalConfig = getattr(config, str(signal))
    for key in OLD_KEYS:
        for condition in getattr(old, key, ()):
            yield condition, config.error_mode


def _matchers(config: FilterConfig, signal: Signal) -> Iterator[Matcher]:
    pairs = []
    match signal:
        case Signal.TRACES:
            pairs = [(config.spans.include, config.spans.exclude)]
        case Signal.LOGS:
            include, exclude = config.logs.include, config.logs.exclude
            pairs = [(include.properties() if include else None, exclude.properties() if exclude else None)]
        case Signal.METRICS:
            only, never = config.metrics.include, config.metrics.exclude
            pairs = [(only.of_both() if only else None, None)]
            pairs += [(None, properties) for properties in never.of_each()] if never else []
    for included, excluded in pairs:
        if found := matcher(included, excluded, signal):
            yield found


def _rule(condition: Condition, mode: ErrorMode, errors: _Errors) -> Rule:
    says = condition.parsed
    ask, failed = says.ask, errors.of(condition, mode)

    def holds(record: Any) -> bool:
        try:
            return ask(record)
        except (ValueError, DecodeError) as error:  # the latter of a record that no receiver has checked
            failed(error)
            return False

    return Rule(condition.context, says.may_hold, holds, says.needles)


class _Errors:
    """Counts errors of conditions, and says the first of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, text: str, mode: ErrorMode) -> Callable[[Exception], None]:
        """Return what to do with an error of a condition.  Raises PermanentError if it costs the batch."""
        counter: Counter | None = None

        def failed(error: Exception) -> None:
            nonlocal counter
            is_first = counter is None
            if counter is None:
                counter = self._settings.telemetry.counter(
                    _ERRORS, "Number of times that a condition could not be asked.", condition=text
                )
            counter.add(1)
            if mode is ErrorMode.PROPAGATE:
                raise PermanentError(f"condition {text}: {error}", reason=DropReason.PLUGIN_ERROR) from None
            if is_first and mode is ErrorMode.IGNORE:
                self._settings.logger.warning(
                    "%s: condition %s cannot be asked of a record, which counts as not met; further errors are only "
                    "counted: %s",
                    self._settings.id,
                    text,
                    error,
                )

        return failed
