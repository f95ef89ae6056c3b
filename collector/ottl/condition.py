"""Conditions: parsed once, when the configuration is read; asked of every record."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from collector.ottl.context import Context, EventOf, PointOf, ScopeOf
from collector.ottl.expression import Needles
from collector.ottl.parser import parse
from collector.ottl.paths import PREFIXES
from collector.ottl.tokens import ConditionError, Word, tokenise

__all__ = [
    "Condition",
    "ConditionError",
    "Context",
    "EventOf",
    "Parsed",
    "PointOf",
    "ScopeOf",
    "context_of",
    "parse_condition",
    "parsed",
]

Condition: TypeAlias = Callable[[Any], bool]
"""Says whether a record has what a condition asks for.

It is asked of a Resource, Span, Metric or LogRecord, or of a ScopeOf, EventOf or PointOf, which say where those stand.
What was read of these surroundings is remembered until others come, and all attributes of a record together until
another one comes, so they must not change between two questions.

Raises:
    ValueError: the record holds something that the condition cannot be asked of.
"""

_MOST_SPECIFIC_FIRST = (
    Context.LOG,
    Context.DATAPOINT,
    Context.METRIC,
    Context.SPANEVENT,
    Context.SPAN,
    Context.SCOPE,
    Context.RESOURCE,
)


class Parsed(NamedTuple):
    """A condition, and how to tell cheaply that it is false."""

    ask: Condition
    needles: Needles | None
    """If the bytes of the record have none of these, the condition is false; None if that cannot be told."""

    def may_hold(self, wire: bytes) -> bool:
        """Say whether the condition can be true of a record with these bytes, or of one of many in them."""
        if self.needles is None:
            return True
        for needle in self.needles:
            for part in needle:  # a generator costs more than what it asks
                if part not in wire:
                    break
            else:
                return True
        return False


def parse_condition(text: str, context: Context) -> Condition:
    """Read a condition such as `attributes["http.route"] == "/health"`.

    Raises:
        ConditionError: a ValueError that says in one line where the mistake is, and what.
    """
    return parse(text, context).read


def parsed(text: str, context: Context) -> Parsed:
    """As `parse_condition`, with what is known of records that it is false of."""
    expression = parse(text, context)
    return Parsed(expression.read, expression.needles)


def context_of(text: str, candidates: Collection[Context]) -> Context | None:
    """Return the context that a condition is about, by the prefixes of its paths; None if none of them has one.

    Raises:
        ConditionError: the text is not made of words, or a prefix is of another signal.
    """
    found = set()
    tokens = list(tokenise(text))
    for place, (token, after) in enumerate(pairwise(tokens)):
        if token.word is not Word.NAME or after.text != "." or (place and tokens[place - 1].text == "."):
            continue
        name = "scope" if token.text == "instrumentation_scope" else token.text
        if token.text in PREFIXES:
            if name not in candidates:
                raise ConditionError(f"paths start with {', '.join(sorted(candidates))} here", token)
            found.add(Context(name))
    return next((context for context in _MOST_SPECIFIC_FIRST if context in found), None)
