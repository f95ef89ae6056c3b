"""Parts of documents in mode otel that all signals have: attributes, resource, scope, times and ids."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from collector.records.values import read_pair
from exporters.elasticsearch.fragments import Fragment, Fragments, Memory
from exporters.elasticsearch.json_values import dumps, field_name, renames, value_json
from exporters.elasticsearch.mapping.context import NO_INSTRUCTIONS
from exporters.elasticsearch.origins import Origin, is_instruction, read_attributes
from exporters.elasticsearch.text_pairs import text_pair

_UNUSUAL: Fragment = "", ""
"""For an attribute that cannot be written without looking at the others; no field has this name."""
_LATITUDE, _LONGITUDE = "geo.location.lat", "geo.location.lon"


class OtelAttributes:
    """Writes attributes as the members of one flat object, with dots in their keys.

    Args:
        resolves_conflicts: whether `a` and `a.b` cannot both be there, as where dots are read as objects.
    """

    def __init__(self, *, resolves_conflicts: bool) -> None:
        self.field = Fragments(_fragment).__getitem__
        """The member of one attribute by its bytes, and under which name; none if others have to be looked at."""
        self._renames = Memory(renames, 4096) if resolves_conflicts else None

    def of(self, pairs: Iterable[bytes]) -> tuple[str, Mapping[str, str]]:
        """Return the members without braces, and the attributes that are instructions."""
        fields = dict(map(self.field, pairs))  # as `Fragments.of`, without a call
        instructions = NO_INSTRUCTIONS
        if "" in fields:
            attributes = read_attributes(pairs)
            fields, instructions = members_of(attributes.plain), attributes.instructions
        if self._renames is not None and (new := self._renames[tuple(fields)]):
            return ",".join([_renamed(name, text, new) for name, text in fields.items()]), instructions
        return ",".join(fields.values()), instructions

    def text(self, attributes: Mapping[str, Any]) -> str:
        """Return plain attributes as members without braces."""
        fields = members_of(attributes)
        new = renames(fields) if self._renames is not None else {}
        return ",".join([_renamed(name, text, new) for name, text in fields.items()])


def _fragment(pair: bytes) -> Fragment:
    if found := text_pair(pair):
        name, before = _names[found[0]]
        return (name, before + dumps(found[1].decode())) if name else _UNUSUAL
    key, value = read_pair(pair)
    name, before = _names[key.encode()]
    return (name, before + value_json(value)) if name else _UNUSUAL


def _name(key: bytes) -> Fragment:
    text = key.decode()
    if is_instruction(text) or text.endswith((_LATITUDE, _LONGITUDE)):
        return _UNUSUAL
    name = sys.intern(field_name(text))
    return name, f"{dumps(name)}:"


_names = Memory(_name)
"""Name and beginning of the member, by key."""


def members_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return attributes as members of an object, with each pair of coordinates made one geo_point."""
    attributes = _with_points(attributes)
    return {(name := field_name(key)): f"{dumps(name)}:{value_json(value)}" for key, value in attributes.items()}


def _with_points(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    merged: dict[str, Any] = dict(attributes)
    for key, latitude in attributes.items():
        if key == _LATITUDE or key.endswith("." + _LATITUDE):
            point = key.removesuffix(".lat")
            longitude = attributes.get(point + ".lon")
            if isinstance(latitude, float) and isinstance(longitude, float):
                del merged[key], merged[point + ".lon"]
                merged[point] = [longitude, latitude]
    return merged


def _renamed(name: str, text: str, new: Mapping[str, str]) -> str:
    return dumps(new[name]) + text[len(dumps(name)) :] if name in new else text


def origin_json(origin: Origin, attributes: str) -> str:
    """Return a resource or a scope as an object without its empty fields."""
    members = [
        f'"{name}":{dumps(value)}'
        for name, value in (
            ("name", origin.name),
            ("version", origin.version),
            ("schema_url", origin.schema_url),
            ("dropped_attributes_count", origin.dropped_attributes_count),
        )
        if value
    ]
    if attributes:
        members.append(f'"attributes":{{{attributes}}}')
    return f"{{{','.join(members)}}}"


def timestamp(nanoseconds: int) -> str:
    """Return milliseconds since the Unix epoch with the rest behind the point: `1705314600123.456789`."""
    digits = str(nanoseconds)
    if nanoseconds < 1_000_000:
        digits = digits.zfill(7)
    rest = digits[-6:]
    return f"{digits[:-6]}.{rest}" if rest != "000000" else f"{digits[:-6]}.0"


def optional(name: str, value: int) -> str:
    """Return a number as a member followed by a comma; nothing for 0."""
    return f'"{name}":{value},' if value else ""


def id_members(trace_id: str, span_id: str) -> str:
    """Return the ids that are there as members, each followed by a comma."""
    if trace_id and span_id:
        return f'"trace_id":"{trace_id}","span_id":"{span_id}",'
    trace = f'"trace_id":"{trace_id}",' if trace_id else ""
    return f'{trace}"span_id":"{span_id}",' if span_id else trace


def attribute_member(attributes: str) -> str:
    """Return attributes as a member followed by a comma; nothing if there are none."""
    return f'"attributes":{{{attributes}}},' if attributes else ""
