"""Reading and writing an attribute that holds a text, as encoders write it, without a message.

Anything else that means the same (another order of fields, a field twice) is left to the official parser.
"""

from __future__ import annotations

from typing import NamedTuple

from collector.wire.walk import WireError, varint

_TEXT, _VALUE = 0x0A, 0x12
"""Tags of the first and second field, both with a length: KeyValue.key and AnyValue.string_value, KeyValue.value."""


class TextPair(NamedTuple):
    key: bytes
    text: bytes


def read(pair: bytes) -> TextPair | None:
    """Return key and text of a serialised KeyValue; None if it is not exactly one key and one text."""
    try:
        key_end = _end(pair, 0, _TEXT)
        value = _start(pair, key_end, _VALUE)
        if value + _length_at(pair, key_end) != len(pair):
            return None
        text = _start(pair, value, _TEXT)
        if text + _length_at(pair, value) != len(pair):
            return None
    except (WireError, IndexError):
        return None
    return TextPair(pair[_start(pair, 0, _TEXT) : key_end], pair[text:])


def write(key: bytes, text: bytes) -> bytes:
    """Return the serialised KeyValue of a key and a text, both not empty."""
    value = b"\x0a%b%b" % (_varint(len(text)), text)
    return b"\x0a%b%b\x12%b%b" % (_varint(len(key)), key, _varint(len(value)), value)


def _length_at(pair: bytes, tag: int) -> int:
    length = pair[tag + 1]
    return length if length < 0x80 else varint(pair, tag + 1, len(pair))[0]


def _start(pair: bytes, at: int, tag: int) -> int:
    if pair[at] != tag:
        raise WireError("another field")
    return at + 2 if pair[at + 1] < 0x80 else varint(pair, at + 1, len(pair))[1]


def _end(pair: bytes, at: int, tag: int) -> int:
    return _start(pair, at, tag) + _length_at(pair, at)


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
