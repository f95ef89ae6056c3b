"""Attributes of one key and a short text, side by side: what holds for all of them need not be asked of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_TEXT, _VALUE = 0x0A, 0x12
"""Tags, each with a length: KeyValue.key and AnyValue.string_value, KeyValue.value."""
_LENGTHS = 4
"""Bytes between a key and a short text: the tag and the length of the value, and those of the text."""
FEWEST = 4
"""Attributes: fewer are no column."""
_MOST_HEADS = 1024
"""Different keys and lengths: where there are more, they are not likely to have much in common."""


class Column(NamedTuple):
    """Serialised attributes of one key, as encoders write them."""

    key: bytes
    attributes: list[bytes]
    texts: list[bytes]
    """What each holds and nothing more."""


def columns(attributes: Sequence[bytes]) -> tuple[list[Column], list[bytes]]:
    """Return the columns among serialised KeyValues, and all that are in none; no columns if keys and lengths vary."""
    by_key: dict[bytes, Column] = {}
    others: list[bytes] = []
    for head, these in _by_head(attributes).items():
        if key := _key(head, these):
            column = by_key.setdefault(key, Column(key, [], []))
            column.attributes.extend(these)
            column.texts.extend([attribute[len(head) :] for attribute in these])
        else:
            others += these
    found = []
    for column in by_key.values():
        if len(column.texts) < FEWEST:
            others += column.attributes
        else:
            found.append(column)
    return found, others


def _by_head(attributes: Sequence[bytes]) -> Mapping[bytes, Sequence[bytes]]:
    """Return attributes that begin alike, as far as to their text; by an empty head, those without one."""
    alike: dict[bytes, list[bytes]] = {}
    for attribute in attributes:
        head = attribute[: attribute[1] + 2 + _LENGTHS] if len(attribute) > _LENGTHS else b""
        if head in alike:
            alike[head].append(attribute)
        elif len(alike) < _MOST_HEADS:
            alike[head] = [attribute]
        else:
            return {b"": attributes}
    return alike


def _key(head: bytes, attributes: Sequence[bytes]) -> bytes:
    """Return the key of attributes that begin alike; empty if they are not a key and a short text and nothing more."""
    if not head:
        return b""
    end, length = head[1] + 2, head[-1]
    ends_well = head[end:] == bytes((_VALUE, (length + 2) & 0x7F, _TEXT, length))
    if head[0] != _TEXT or head[1] >= 0x80 or length + 2 >= 0x80 or not ends_well:
        return b""
    return head[2:end] if set(map(len, attributes)) == {len(head) + length} else b""
