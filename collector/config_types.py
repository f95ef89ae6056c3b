"""Types of settings that several components share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

DURATION_EXAMPLES = ["200ms", "1m30s"]

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration(value: Any) -> Any:
    """Read `200ms` or `1m30s` as seconds; leave numbers as they are.

    Raises:
        ValueError: a text that is not made of numbers with units.
    """
    if not isinstance(value, str):
        return value
    parts = _PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration: write 200ms, 1m30s or a number of seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0, allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}], "examples": DURATION_EXAMPLES}),
]
"""Seconds; written as the Collector does (`200ms`, `1m30s`) or as a number of seconds."""


def or_defaults(value: Any) -> Any:
    """For a `BeforeValidator`: a key without a value means the defaults of its model."""
    return {} if value is None else value
