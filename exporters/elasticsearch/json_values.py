"""Attribute values and keys as JSON that Elasticsearch takes.

What JSON cannot hold is text: NaN and the infinities, bytes in base64.  Where a key is given twice, the last one
counts, as in every OTLP map that is read into a dictionary.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from collector.records.text import json_text, number

DEEPEST = 16
"""How many objects may be in each other; Elasticsearch's `index.mapping.depth.limit` is 20.  The rest is JSON text."""


def dumps(value: Any) -> str:
    """Return what `orjson` takes as JSON."""
    return orjson.dumps(value).decode()


def value_json(value: Any) -> str:
    """Return a plain value (`collector.records.values`) as JSON."""
    return orjson.dumps(bounded(value)).decode()


def bounded(value: Any, depth: int = 0) -> Any:
    """Return a plain value as what JSON can hold, no deeper than Elasticsearch takes and with such names."""
    match value:
        case str() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else number(value)
        case bytes():
            return b64encode(value).decode()
    if depth >= DEEPEST:
        return json_text(value)
    if isinstance(value, list):
        return [bounded(item, depth + 1) for item in value]
    return members({field_name(key): bounded(item, depth + 1) for key, item in value.items()})


def members(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with names that can stand beside each other."""
    renamed = renames(fields.keys())
    return {renamed.get(key, key): value for key, value in fields.items()} if renamed else dict(fields)


def field_name(key: str) -> str:
    """Return a key as a name that Elasticsearch takes: between its dots there is something, and there are not too many.

    Elasticsearch reads dots as objects, and refuses a document in which one has an empty or blank name.  It also needs
    `@timestamp` to be a time, so nothing may be in it.
    """
    if key.startswith("@timestamp."):
        key = key.replace(".", "_", 1)
    parts = key.replace("\0", "_").split(".")
    if len(parts) > DEEPEST:
        parts = [*parts[: DEEPEST - 1], "_".join(parts[DEEPEST - 1 :])]
    return ".".join([part if part.strip() else "_" for part in parts])


def renames(names: Collection[str]) -> dict[str, str]:
    """Return new names for fields that would be an object and a value at once.

    Of `a` and `a.b`, `a` becomes `a.value`; and `a.value_` if there is such a one, too.
    """
    prefixes = {name[:end] for name in names for end in _dots(name)}
    new: dict[str, str] = {}
    for name in names:
        if name in prefixes:
            candidate = f"{name}.value"
            while candidate in prefixes or candidate in names:
                candidate += "_"
            new[name] = candidate
    return new


def _dots(name: str) -> list[int]:
    return [index for index, character in enumerate(name) if character == "."] if "." in name else []
