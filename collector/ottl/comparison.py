"""How values compare.  OpenTelemetry Transformation Language, "Comparison Rules".

Numbers compare as numbers, values of different types are not equal and have no order, and nil equals nil only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from collector.ottl.expression import NUMBERS, Expression, Kind, Reader, remembered
from collector.ottl.numbers import written_number
from collector.ottl.tokens import ConditionError, Token

_NUMERIC = frozenset({int, float})
_UNORDERED = frozenset({list, dict})
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equal(left: Any, right: Any) -> bool:
    """Say whether two plain values are equal."""
    kind, other = type(left), type(right)
    if kind is other:
        return _same(left, right) if kind in _UNORDERED else bool(left == right)
    return kind in _NUMERIC and other in _NUMERIC and float(left) == float(right)


def _same(left: Any, right: Any) -> bool:
    """Say whether two values are equal to the last level, where 1 and 1.0 are not."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def _ordered(order: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    kind, other = type(left), type(right)
    if kind is other:
        if left is None:
            return order is operator.le or order is operator.ge
        return kind not in _UNORDERED and order(left, right)
    return kind in _NUMERIC and other in _NUMERIC and order(float(left), float(right))


def compare(left: Expression, sign: Token, right: Expression) -> Expression:
    """Return the comparison of two expressions.

    Raises:
        ConditionError: it could never be true.
    """
    _refuse_what_never_compares(left, sign, right)
    keys = (*left.keys, *right.keys) if _is_false_for_nil(left, sign.text, right) else ()
    can_fail = left.can_fail or right.can_fail
    values: tuple[bytes, ...] = ()
    if sign.text == "==" and not can_fail:
        values = _written(left, right) or _written(right, left)
    expression = Expression(
        token=left.token,
        kind=Kind.BOOL,
        read=_reader(left, sign.text, right),
        can_fail=can_fail,
        needles=tuple([(*keys, value) for value in values]) if values else (keys,) if keys else None,
    )
    return remembered(expression, [left, right])


def _is_false_for_nil(left: Expression, sign: str, right: Expression) -> bool:
    """Say whether a comparison is false if one of its sides, that is not constant, is nil."""
    if left.is_constant == right.is_constant:
        return False
    constant = left if left.is_constant else right
    return (sign == "!=") if constant.kind is Kind.NIL else (sign != "!=")


def _written(constant: Expression, other: Expression) -> tuple[bytes, ...]:
    """Return how a value can stand in the bytes of a record: one of these is there; nothing if that is not known."""
    if not (constant.is_constant and other.is_verbatim):
        return ()
    value = constant.read(None)
    if constant.kind is Kind.STRING:
        return (value.encode(),) if value else ()
    return written_number(value) if constant.kind in NUMBERS and other.kind is Kind.ANY else ()


def _refuse_what_never_compares(left: Expression, sign: Token, right: Expression) -> None:
    kinds = {left.kind, right.kind}
    if Kind.NIL in kinds:
        if sign.text not in {"==", "!="} and kinds != {Kind.NIL}:
            raise ConditionError("nil can be compared with == and != only", sign)
        return
    if sign.text in _ORDERS and kinds & {Kind.LIST, Kind.MAP}:
        raise ConditionError("lists and maps have no order: they can be compared with == and != only", sign)
    if Kind.ANY not in kinds and len(kinds) > 1 and not kinds <= NUMBERS:
        hint = "; its .string is a string" if kinds == {Kind.BYTES, Kind.STRING} else ""
        raise ConditionError(f"{left.kind} and {right.kind} can never be compared{hint}", sign)


def _reader(left: Expression, sign: str, right: Expression) -> Reader:
    if right.is_constant and sign in {"==", "!="}:
        is_equal = _equal_to(left.read, right.read(None))
        return is_equal if sign == "==" else lambda record: not is_equal(record)
    if left.is_constant and sign in {"==", "!="} and not right.is_constant:
        return _reader(right, sign, left)
    one, other = left.read, right.read
    if sign == "==":
        return lambda record: equal(one(record), other(record))
    if sign == "!=":
        return lambda record: not equal(one(record), other(record))
    order = _ORDERS[sign]
    return lambda record: _ordered(order, one(record), other(record))


def _equal_to(read: Reader, value: Any) -> Reader:
    if value is None:
        return lambda record: read(record) is None
    if isinstance(value, str | bytes):  # nothing else is equal to one
        return lambda record: read(record) == value
    return lambda record: equal(read(record), value)
