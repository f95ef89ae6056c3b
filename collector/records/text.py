"""Attribute values as text, for formats that know nothing else.

OpenTelemetry specification, "Attributes: AnyValue representation for non-OTLP protocols": numbers as JSON writes them,
bytes in base64, arrays and maps as JSON in which bytes and the numbers that JSON lacks are texts.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

_SMALLEST, _LARGEST = 1e-6, 1e21
"""What lies between is written without an exponent (ECMAScript, Number::toString)."""


def as_text(value: Any) -> str:
    """Return a plain value (`collector.records.values`) as text."""
    match value:
        case str():
            return value
        case float():
            return number(value)
        case bytes():
            return b64encode(value).decode()
        case None:
            return ""
    return json_text(value)


def json_text(value: Any) -> str:
    """Return a plain value as JSON."""
    return orjson.dumps(as_json(value)).decode()


def as_json(value: Any) -> Any:
    """Return a plain value as what every JSON writer takes: bytes are base64, NaN and the infinities texts.

    An integer of more than 64 bits cannot be in OTLP.
    """
    match value:
        case float() if not math.isfinite(value):
            return number(value)
        case bytes():
            return b64encode(value).decode()
        case Mapping():
            return {key: as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
    return value


def number(value: float) -> str:
    """Return the shortest digits that read as the same number, as JSON writes them: `1`, `0.5`, `1e-7`, `1e+21`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _SMALLEST <= abs(value) < _LARGEST:
        return without_exponent(value)
    digits, _, exponent = repr(value).partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"


def without_exponent(value: float) -> str:
    """Return the shortest digits that read as the same finite number, never with an exponent: `10000000000000000`."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
