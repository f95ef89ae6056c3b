"""Parts of a condition that have a value."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeAlias

from collector.ottl.tokens import Token

Reader: TypeAlias = Callable[[Any], Any]
"""From what a condition is asked of to a plain value (`collector.records.values`).  Raises ValueError."""
Needles: TypeAlias = tuple[tuple[bytes, ...], ...]
"""What must stand in the bytes of a record: all of one of these."""

MOST_NEEDLES = 64


class Kind(enum.StrEnum):
    """What is known of a value before there is one."""

    ANY = "any value"
    NIL = "nil"
    BOOL = "a boolean"
    INT = "an integer"
    DOUBLE = "a double"
    STRING = "a string"
    BYTES = "bytes"
    LIST = "a list"
    MAP = "a map"


NUMBERS = frozenset({Kind.INT, Kind.DOUBLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A value that can be asked for."""

    token: Token
    """Where it stands in the text."""
    kind: Kind
    read: Reader
    is_constant: bool = False
    can_fail: bool = True
    """Whether reading it may raise ValueError."""
    is_verbatim: bool = False
    """Whether a string that is read stands as it is in the bytes of the record."""
    keys: tuple[bytes, ...] = ()
    """What must stand in the bytes of the record, since the value would be nil otherwise."""
    outside: str = ""
    """The way from a record to the one thing around it that the value is of; empty if of the record or of more."""
    needles: Needles | None = None
    """Of a boolean: if a record has none of these it is false, and reading it does not fail; None if not known."""


def remembered(expression: Expression, parts: Iterable[Expression]) -> Expression:
    """Return an expression that is not calculated anew for the next record with the same things around it.

    A resource may be as large as all its records together, and a span as all its events.  So what is found in it, or
    calculated from that alone, costs what it does once, and not for each of them.

    Args:
        expression: what is made of the parts.
        parts: all that it depends on.
    """
    ways = {part.outside for part in parts if not part.is_constant}
    if len(ways) != 1 or not (outside := ways.pop()):
        return expression
    return replace(expression, read=_remembering(attrgetter(outside), expression.read), outside=outside)


def _remembering(way: Callable[[Any], Any], read: Reader) -> Reader:
    last: tuple[Any, Any] = (None, None)

    def ask(record: Any) -> Any:
        nonlocal last
        holder = way(record)
        known, value = last
        if known is not holder:
            value = read(record)
            last = holder, value
        return value

    return ask


def needles_of_any(parts: list[Expression]) -> Needles | None:
    """Return what a record must have for one of several booleans to be true."""
    if any(part.needles is None for part in parts):
        return None
    together = tuple([needle for part in parts for needle in part.needles or ()])
    if len(together) > MOST_NEEDLES:  # then the first text of each, which is its key, has to do
        together = tuple(dict.fromkeys([needle[:1] for needle in together]))
    return together if len(together) <= MOST_NEEDLES else None


def needles_of_all(parts: list[Expression]) -> Needles | None:
    """Return what a record must have for all of several booleans, asked in this order, to be true."""
    together: Needles | None = None
    for part in parts:
        if part.needles is not None:
            product = tuple([(*one, *other) for one in together or ((),) for other in part.needles])
            together = product if len(product) <= MOST_NEEDLES else together
        if part.can_fail:
            break
    return together
