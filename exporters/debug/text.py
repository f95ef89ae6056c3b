"""Values as text that neither moves a terminal's cursor nor forges a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

_PLAIN = re.compile(r"[^\s\"'=,\[\]{}]+")
_NANOS = 1_000_000_000
LONGEST = 256
"""Characters of one value where a record has only one line."""


def printable(text: str) -> str:
    """Escape control characters, and what makes a terminal show another order than there is."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(text: str) -> str:
    """Return a value for `key=value`: as it is if it is one word, in quotes otherwise."""
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def any_value(value: Any) -> str:
    """Return an AnyValue; texts in quotes where they need them."""
    kind = value.WhichOneof("value")
    if kind is None:
        return "empty"
    return _WRITE.get(kind, str)(getattr(value, kind))


_WRITE: dict[str, Callable[[Any], str]] = {
    "string_value": quoted,
    "bytes_value": lambda value: f"0x{value.hex()}",
    "bool_value": lambda value: str(value).lower(),
    "array_value": lambda value: f"[{', '.join(map(any_value, value.values))}]",
    "kvlist_value": lambda value: f"{{{', '.join(pairs(value.values))}}}",
}


def pairs(attributes: Iterable[Any]) -> list[str]:
    return [f"{quoted(attribute.key)}={any_value(attribute.value)}" for attribute in attributes]


def duration(nanos: int) -> str:
    """Return a time span with three digits, in the unit that leaves one to three of them before the point."""
    for unit, size in (("s", _NANOS), ("ms", 1_000_000), ("µs", 1_000)):
        if abs(nanos) >= size:
            number = nanos / size
            return f"{number:.{2 if abs(number) < 10 else 1 if abs(number) < 100 else 0}f}{unit}"
    return f"{nanos}ns"


def timestamp(nanos: int) -> str:
    """RFC 3339, in UTC, to the nanosecond."""
    seconds, rest = divmod(nanos, _NANOS)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
