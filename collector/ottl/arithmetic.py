"""Numbers of a condition: `+`, `-`, `*`, `/` on 64 bits, as Go calculates."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.ottl.expression import NUMBERS, Expression, Kind, Reader, remembered
from collector.ottl.tokens import ConditionError, Token

_NUMERIC = frozenset({int, float})
_HALF, _ALL = 1 << 63, 1 << 64


def _divide(left: Any, right: Any) -> Any:
    if not right:
        raise ValueError("division by zero")
    if isinstance(left, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}


def _calculate(sign: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    for value in (left, right):
        if type(value) not in _NUMERIC:
            raise ValueError(f"a number is needed to calculate, not {'nil' if value is None else type(value).__name__}")
    if type(left) is not type(right):
        left, right = float(left), float(right)
    result = sign(left, right)
    return (result + _HALF) % _ALL - _HALF if type(result) is int else result


def chain(first: Expression, rest: Sequence[tuple[Token, Expression]]) -> Expression:
    """Return what `first` and the others, each with the sign before it, come to, from left to right.

    Raises:
        ConditionError: one of them is no number.
    """
    if not rest:
        return first
    for each in (first, *(part for _, part in rest)):
        if each.kind not in NUMBERS | {Kind.ANY}:
            raise ConditionError(f"a number is needed to calculate, not {each.kind}", each.token)
    kinds = {first.kind, *(part.kind for _, part in rest)}
    kind = kinds.pop() if len(kinds) == 1 else Kind.ANY if Kind.ANY in kinds else Kind.DOUBLE
    steps = [(_SIGNS[sign.text], part.read) for sign, part in rest]
    expression = Expression(token=first.token, kind=kind, read=_reader(first.read, steps))
    return remembered(expression, [first, *(part for _, part in rest)])


def _reader(first: Reader, steps: Sequence[tuple[Callable[[Any, Any], Any], Reader]]) -> Reader:
    def read(record: Any) -> Any:
        result = first(record)
        for sign, part in steps:
            result = _calculate(sign, result, part(record))
        return result

    return read
