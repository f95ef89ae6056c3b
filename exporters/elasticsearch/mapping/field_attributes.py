"""Attributes as fields of a document: maps flattened, names translated, instructions taken out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from collector.records.values import read_pair
from exporters.elasticsearch.fragments import Fragment, Fragments, Memory
from exporters.elasticsearch.json_values import dumps, field_name, value_json
from exporters.elasticsearch.mapping.context import NO_INSTRUCTIONS
from exporters.elasticsearch.mapping.layout import flattened
from exporters.elasticsearch.origins import is_instruction, read_attributes
from exporters.elasticsearch.text_pairs import text_pair

Fields: TypeAlias = dict[str, str]
"""JSON values by dotted name."""
_UNUSUAL: Fragment = "", ""


class FieldAttributes:
    """Writes attributes as fields.

    Args:
        name: from the key of an attribute to the dotted name of its field.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._field = Fragments(self._fragment).__getitem__
        self._names = Memory(self._of_key)

    def of(self, pairs: Iterable[bytes]) -> tuple[Fields, Mapping[str, str]]:
        """Return the fields, and the attributes that are instructions."""
        fields = dict(map(self._field, pairs))
        if "" not in fields:
            return fields, NO_INSTRUCTIONS
        attributes = read_attributes(pairs)
        return self.fields(attributes.plain), attributes.instructions

    def fields(self, attributes: Mapping[str, Any]) -> Fields:
        """Return the fields of plain attributes."""
        return {
            name: value_json(leaf)
            for key, value in attributes.items()
            for name, leaf in flattened(self._name(key), value)
        }

    def _fragment(self, pair: bytes) -> Fragment:
        if found := text_pair(pair):
            name = self._names[found[0]]
            return (name, dumps(found[1].decode())) if name else _UNUSUAL
        key, value = read_pair(pair)
        name = "" if isinstance(value, dict) else self._names[key.encode()]
        return (name, value_json(value)) if name else _UNUSUAL

    def _of_key(self, key: bytes) -> str:
        text = key.decode()
        return "" if is_instruction(text) else sys.intern(field_name(self._name(text)))
