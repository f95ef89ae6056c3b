"""Serialised KeyValues: reading their keys without messages, where encoders write them as they all do.

A KeyValue that is exactly one key and one value, each with the shortest tag and length, is called plain. Whatever
else means the same (another order of fields, a field twice, fields of tomorrow) is left to the official parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector.wire.walk import WireError, varint

KEY, VALUE = 0x0A, 0x12
"""Tags of the two fields of a KeyValue."""
TEXT = 0x0A
"""Tag of the text in a value."""
SHORT = 0x80
"""Lengths below need one byte."""
_TWO_BYTES = 1 << 14
_LOOKED_UP = 4096
_LENGTHS = [bytes((size,)) for size in range(SHORT)]


def length_of(size: int) -> bytes:
    """Return a length as a varint."""
    if size < SHORT:
        return _LENGTHS[size]
    if size < _TWO_BYTES:
        return bytes((size & 0x7F | SHORT, size >> 7))
    return bytes((size & 0x7F | SHORT,)) + length_of(size >> 7)


@cache
def begins_of(tag: int) -> list[bytes]:
    """Return what fields of this tag begin with that have up to so many bytes as there are entries."""
    return [bytes((tag,)) + length_of(size) for size in range(_LOOKED_UP)]


def begin(tag: int, size: int) -> bytes:
    """Return what a field of so many bytes begins with: its tag, of one byte, and its length."""
    return begins_of(tag)[size] if size < _LOOKED_UP else bytes((tag,)) + length_of(size)


def fields_of(pairs: Sequence[bytes], tag: int) -> list[bytes]:
    """Return the fields of KeyValues; nothing of none."""
    begins = begins_of(tag)
    try:
        return [begins[len(pair)] + pair if pair else b"" for pair in pairs]
    except IndexError:
        return [begin(tag, len(pair)) + pair if pair else b"" for pair in pairs]


def head_of(key: bytes) -> bytes:
    """Return how a plain KeyValue of this key begins: all up to the length of its value."""
    return b"\x0a%b%b\x12" % (length_of(len(key)), key)


def key_of(pair: bytes) -> bytes:
    """Return the key of a serialised KeyValue, as the official parser reads it.

    Raises:
        google.protobuf.message.DecodeError: it is none.
    """
    try:
        end = pair[1] + 2
        # a call costs as much as all of this, so the length of nearly all values is looked at here
        begins_as_usual = pair[0] == KEY and end < SHORT + 2 and pair[end] == VALUE
        if begins_as_usual and (pair[end + 1] + end + 2 == len(pair) or is_value(pair, end, len(pair))):
            return pair[2:end]
    except IndexError:
        pass
    key: str = KeyValue.FromString(pair).key
    return key.encode()


def is_value(wire: bytes, at: int, end: int) -> bool:
    """Whether the field at this offset, by its length, is all that is left up to the end."""
    if at + 1 < end and wire[at + 1] < SHORT:
        return at + 2 + wire[at + 1] == end
    try:
        size, start = varint(wire, at + 1, end)
    except WireError:
        return False
    return start + size == end


def renamed(pair: bytes, old: bytes, head: bytes) -> bytes:
    """Return the KeyValue with another key.

    Args:
        pair: the KeyValue.
        old: `head_of` its key.
        head: `head_of` the new one.
    """
    if pair.startswith(old) and is_value(pair, len(old) - 1, len(pair)):
        return head + pair[len(old) :]
    value = KeyValue.FromString(pair).value.SerializeToString()
    return b"%b%b%b" % (head, length_of(len(value)), value)
