"""Models whose numbers are numbers and whose booleans are booleans, as the Collector has it.

Pydantic takes `true` for 1 and `"5"` for 5 otherwise, and 1 for `true`.  Substitutions are not concerned: what
`${env:PORT}` stands for is a number before any model sees it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

_OPAQUE = frozenset({"default", "metadata", "serialization", "keys_schema"})
"""What is no schema, or is one of keys, which are always texts."""
_NAMED = frozenset({"fields", "choices"})
"""Schemas by names that somebody chose, `default` for one."""
_NUMERALS = frozenset("0123456789+-.eE")


def _number(value: Any) -> Any:
    """
    Raises:
        ValueError: it is something that pydantic would make a number of.
    """
    if misuse := _misuse(value):
        raise ValueError(f"must be a number, not {misuse}")
    return value


def _misuse(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() if _is_a_number(value):
            number = value.strip()
            return f"a text: write {number} without quotes" if _NUMERALS.issuperset(number) else f"the text {value!r}"
    return ""


def _is_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _exact(schema: Any) -> Any:
    """Return a schema of which all numbers and booleans, however deep, are exact."""
    match schema:
        case {"type": "int" | "float"}:
            schema = no_info_before_validator_function(_number, schema)
        case {"type": "bool"}:
            schema = {**schema, "strict": True}
        case {"type": "function-before", "function": {"function": function}} if function is _number:
            pass  # of a model that was made before
        case dict():
            schema = {key: _exact_part(key, inner) for key, inner in schema.items()}
        case list() | tuple():
            schema = type(schema)(map(_exact, schema))
    return schema


def _exact_part(key: str, inner: Any) -> Any:
    if key in _OPAQUE:
        return inner
    if key in _NAMED and isinstance(inner, dict):
        return {name: _exact(each) for name, each in inner.items()}
    return _exact(inner)


class ExactModel(BaseModel):
    """Holds for whatever its fields hold too, such as lists of other models."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /) -> CoreSchema:
        exact: CoreSchema = _exact(handler(source))
        return exact
