"""Attributes of one key and a short text, side by side: what holds for all of them need not be asked of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

_TEXT, _VALUE = 0x0A, 0x12
"""Tags, each with a length: KeyValue.key and AnyValue.string_value, KeyValue.value."""
_LENGTHS = 4
"""Bytes between a key and a short text: the tag and the length of the value, and those of the text."""
_FEWEST = 4
"""Attributes: fewer are no column."""


class Column(NamedTuple):
    """Serialised attributes of one key, as encoders write them."""

    key: bytes
    attributes: list[bytes]
    texts: list[bytes]
    """What each holds and nothing more."""


def columns(attributes: Sequence[bytes]) -> tuple[list[Column], list[bytes]]:
    """Return the columns among serialised KeyValues, and all that are in none."""
    alike: dict[bytes, list[bytes]] = defaultdict(list)
    others: list[bytes] = []
    for attribute in attributes:
        if len(attribute) > _LENGTHS:
            alike[attribute[: attribute[1] + 2 + _LENGTHS]].append(attribute)
        else:
            others.append(attribute)
    by_key: dict[bytes, Column] = {}
    for head, these in alike.items():
        key = _key(head, these)
        if not key:
            others += these
            continue
        if key not in by_key:
            by_key[key] = Column(key, [], [])
        by_key[key].attributes.extend(these)
        by_key[key].texts.extend([attribute[len(head) :] for attribute in these])
    for key in [key for key, column in by_key.items() if len(column.texts) < _FEWEST]:
        others += by_key.pop(key).attributes
    return list(by_key.values()), others


def _key(head: bytes, attributes: Sequence[bytes]) -> bytes:
    """Return the key of attributes that begin alike; empty if they are not a key and a short text and nothing more."""
    end, length = head[1] + 2, head[-1]
    ends_well = head[end:] == bytes((_VALUE, (length + 2) & 0x7F, _TEXT, length))
    if head[0] != _TEXT or head[1] >= 0x80 or length + 2 >= 0x80 or not ends_well:
        return b""
    return head[2:end] if set(map(len, attributes)) == {len(head) + length} else b""
