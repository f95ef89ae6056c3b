"""The functions that conditions may call.

IsMatch, HasPrefix, HasSuffix; IsString, IsInt, IsDouble, IsBool, IsMap, IsList; Len, ContainsValue; ToLowerCase,
ToUpperCase, ConvertCase, Trim, Concat, Split; Int, Double, Bool, String; TraceID, SpanID; IsRootSpan; and on metrics
HasAttrKeyOnDatapoint and HasAttrOnDatapoint.  They do what those of the OpenTelemetry Collector do
(contrib, "OTTL Functions" and "Filter Processor").
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from collector.ottl.comparison import equal
from collector.ottl.context import Context
from collector.ottl.expression import NUMBERS, Kind
from collector.patterns import compile_pattern
from collector.records.text import json_text, without_exponent

_ALL = frozenset(Kind)
_TEXT = frozenset({Kind.STRING})
_CASES = ("lower", "upper")
_LIST = frozenset({Kind.LIST})
_SIZED = frozenset({Kind.STRING, Kind.LIST, Kind.MAP})
_CONVERTIBLE = NUMBERS | {Kind.STRING, Kind.BOOL, Kind.NIL}
_INT64 = 1 << 63
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf(?:inity)?|nan", re.ASCII | re.IGNORECASE)


class Converter(NamedTuple):
    """A function, by what it takes and gives."""

    parameters: Mapping[str, frozenset[Kind]]
    """Name -> what may be given, in their order."""
    gives: Kind
    call: Callable[..., Any]
    """From plain values to one.  Raises ValueError."""
    context: Context | None = None
    """The only context it has a meaning in; it is then called with the record itself first."""
    is_false_for_nil: bool = False
    """Whether it is false, and does not fail, if its first argument is nil."""
    choices: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Parameters that take one of a few texts."""


def as_string(value: Any) -> str | None:
    """Return a value as text; nil stays nil."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _double_as_string(value)
        case bytes():
            return value.hex()
    return json_text(value)


def _double_as_string(value: float) -> str:
    if value != value:  # noqa: PLR0124  NaN
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    return without_exponent(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a string is needed, not {_name_of(value)}")  # noqa: TRY004  the contract of conditions
    return value


def _name_of(value: Any) -> str:
    return "nil" if value is None else type(value).__name__


_compiled = lru_cache(256)(compile_pattern)


def _is_match(target: Any, pattern: Any) -> bool:
    text = as_string(target)
    return text is not None and _compiled(_string(pattern)).search(text.encode()) is not None


def is_match_of(pattern: str) -> Callable[[Any], bool]:
    """Return IsMatch with a pattern that is known.

    Raises:
        ValueError: RE2 cannot run it.
    """
    search = compile_pattern(pattern).search

    def is_match(target: Any) -> bool:
        if type(target) is not str:
            target = as_string(target)
            if target is None:
                return False
        return search(target.encode()) is not None

    return is_match


def _length(target: Any) -> int:
    """Count the bytes of a text, or what is in a list or map."""
    if isinstance(target, str):
        return len(target.encode())
    if isinstance(target, list | dict):
        return len(target)
    raise ValueError(f"Len: a string, list or map is needed, not {_name_of(target)}")


def _contains(target: Any, item: Any) -> bool:
    if not isinstance(target, list):
        raise ValueError(f"ContainsValue: a list is needed, not {_name_of(target)}")  # noqa: TRY004
    return any(equal(each, item) for each in target)


def _int(value: Any) -> int | None:
    """Return a whole number; nil for what is none."""
    match value:
        case bool():
            return int(value)
        case int():
            return value
        case float():
            return int(value) if -_INT64 <= value < _INT64 else None
        case str():
            return _int_of_text(value)
    return None


def _int_of_text(text: str) -> int | None:
    sign, digits = (text[0], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if not (digits.isascii() and digits.isdecimal()):
        return None
    digits = digits.lstrip("0") or "0"
    number = int(sign + digits) if len(digits) <= 19 else _INT64  # of 64 bits
    return number if -_INT64 <= number < _INT64 else None


def _double(value: Any) -> float | None:
    """Return a number; nil for what is none, or more than a double can be."""
    if not isinstance(value, str):
        return float(value) if isinstance(value, int | float) else None
    if not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return None if math.isinf(number) and value[-1].isdecimal() else number


def _bool(value: Any) -> bool | None:
    match value:
        case bool():
            return value
        case int() | float():
            return value != 0
        case str() if value in _TRUE or value in _FALSE:
            return value in _TRUE
    return None


_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def _convert_case(target: Any, to_case: Any) -> str:
    if to_case not in _CASES:
        raise ValueError(f"ConvertCase: to_case is {' or '.join(_CASES)}, not {to_case!r}")
    return _string(target).lower() if to_case == "lower" else _string(target).upper()


def _concat(values: Any, delimiter: Any) -> str:
    if not isinstance(values, list):
        raise ValueError(f"Concat: a list is needed, not {_name_of(values)}")  # noqa: TRY004
    texts = [as_string(value) for value in values]
    return _string(delimiter).join(["<nil>" if text is None else text for text in texts])


def _split(target: Any, delimiter: Any) -> list[str]:
    text, between = _string(target), _string(delimiter)
    return text.split(between) if between else list(text)


def _id(size: int) -> Callable[[Any], bytes]:
    def read(value: Any) -> bytes:
        id_ = bytes.fromhex(value) if isinstance(value, str) else value
        if not isinstance(id_, bytes) or len(id_) != size:
            raise ValueError(f"an id of {size} bytes is needed, such as 0x{'00' * size}")
        return id_

    return read


def _is_root(span: Any) -> bool:
    return not any(span.message.parent_span_id)


def _has_key(metric: Any, key: Any) -> bool:
    return any(_string(key) in point for point in metric.points)


def _has_attribute(metric: Any, key: Any, value: Any) -> bool:
    return any(equal(point.get(_string(key)), _string(value)) for point in metric.points)


def _is_a(*types: type) -> Converter:
    return Converter({"value": _ALL}, Kind.BOOL, lambda value: type(value) in types, is_false_for_nil=True)


CONVERTERS: Mapping[str, Converter] = {
    "IsMatch": Converter({"target": _ALL, "pattern": _TEXT}, Kind.BOOL, _is_match),
    "HasPrefix": Converter(
        {"target": _TEXT, "prefix": _TEXT}, Kind.BOOL, lambda text, part: _string(text).startswith(_string(part))
    ),
    "HasSuffix": Converter(
        {"target": _TEXT, "suffix": _TEXT}, Kind.BOOL, lambda text, part: _string(text).endswith(_string(part))
    ),
    "IsString": _is_a(str),
    "IsInt": _is_a(int),
    "IsDouble": _is_a(float),
    "IsBool": _is_a(bool),
    "IsMap": _is_a(dict),
    "IsList": _is_a(list),
    "Len": Converter({"target": _SIZED}, Kind.INT, _length),
    "ContainsValue": Converter({"target": _LIST, "item": _ALL}, Kind.BOOL, _contains),
    "ToLowerCase": Converter({"target": _TEXT}, Kind.STRING, lambda text: _string(text).lower()),
    "ToUpperCase": Converter({"target": _TEXT}, Kind.STRING, lambda text: _string(text).upper()),
    "ConvertCase": Converter(
        {"target": _TEXT, "to_case": _TEXT}, Kind.STRING, _convert_case, choices={"to_case": _CASES}
    ),
    "Trim": Converter(
        {"target": _TEXT, "replacement": _TEXT}, Kind.STRING, lambda text, what: _string(text).strip(_string(what))
    ),
    "Concat": Converter({"values": _LIST, "delimiter": _TEXT}, Kind.STRING, _concat),
    "Split": Converter({"target": _TEXT, "delimiter": _TEXT}, Kind.LIST, _split),
    "Int": Converter({"value": _CONVERTIBLE}, Kind.INT, _int),
    "Double": Converter({"value": _CONVERTIBLE}, Kind.DOUBLE, _double),
    "Bool": Converter({"value": _CONVERTIBLE}, Kind.ANY, _bool),
    "String": Converter({"value": _ALL}, Kind.STRING, as_string),
    "TraceID": Converter({"value": _TEXT | {Kind.BYTES}}, Kind.BYTES, _id(16)),
    "SpanID": Converter({"value": _TEXT | {Kind.BYTES}}, Kind.BYTES, _id(8)),
    "IsRootSpan": Converter({}, Kind.BOOL, _is_root, context=Context.SPAN),
    "HasAttrKeyOnDatapoint": Converter({"key": _TEXT}, Kind.BOOL, _has_key, context=Context.METRIC),
    "HasAttrOnDatapoint": Converter(
        {"key": _TEXT, "expected_val": _TEXT}, Kind.BOOL, _has_attribute, context=Context.METRIC
    ),
}
