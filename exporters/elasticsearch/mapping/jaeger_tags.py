"""Jaeger's tags: attributes with the names of their types, as nested objects or as fields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from collector.records.text import as_text
from collector.records.values import read_pair
from exporters.elasticsearch.document_config import TagsAsFieldsConfig
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.origins import is_instruction

_BINARY = "binary"


class Tag(NamedTuple):
    key: str
    type: str
    json: str
    """The value."""
    member: str
    """The whole tag as an object."""


def tag(key: str, value: Any) -> Tag:
    """Return an attribute as a tag; what Jaeger has no type for is text, and bytes are hexadecimal digits."""
    match value:
        case bool():
            type = "bool"
        case int():
            type = "int64"
        case float() if math.isfinite(value):
            type = "float64"
        case bytes():
            type, value = _BINARY, value.hex()
        case _:
            type, value = "string", as_text(value)
    json = dumps(value)
    return Tag(key, type, json, f'{{"key":{dumps(key)},"type":"{type}","value":{json}}}')


class Tags:
    """Writes tags, remembering those of attributes."""

    def __init__(self, config: TagsAsFieldsConfig) -> None:
        self._config = config
        self._tag = Memory(_of_pair, 32_768)
        self._moves = config.all or bool(config.include)

    def of(self, pairs: Iterable[bytes]) -> Sequence[Tag]:
        """Return the tags of attributes; of those with the same key, the last one."""
        tags = {found.key: found for found in map(self._tag.__getitem__, pairs) if found is not None}
        return list(tags.values())

    def list(self, tags: Iterable[Tag]) -> str:
        """Return tags as a list of nested objects."""
        return f"[{','.join([tag.member for tag in tags])}]"

    def members(self, tags: Sequence[Tag]) -> str:
        """Return the members `tags`, null if there are none, and `tag`, if some are fields."""
        moved = [tag for tag in tags if self._is_field(tag)] if self._moves else []
        kept = [tag for tag in tags if not self._is_field(tag)] if moved else tags
        written = f'"tags":{self.list(kept) if kept else "null"}'
        if not moved:
            return written
        fields = {tag.key.replace(".", self._config.dot_replacement): tag.json for tag in moved}
        return f'{written},"tag":{{{",".join([f"{dumps(key)}:{json}" for key, json in fields.items()])}}}'

    def _is_field(self, tag: Tag) -> bool:
        return tag.type != _BINARY and (self._config.all or tag.key in self._config.include)


def _of_pair(pair: bytes) -> Tag | None:
    key, value = read_pair(pair)
    return None if is_instruction(key) else tag(key, value)
