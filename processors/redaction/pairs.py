"""Reading and writing an attribute or a value that holds a text, as encoders write it, without a message.

Anything else that means the same (another order of fields, a field twice) is left to the official parser.
"""

from __future__ import annotations

from collector.wire.walk import WireError, varint

_TEXT, _VALUE = 0x0A, 0x12
"""Tags of the first and second field, both with a length: KeyValue.key and AnyValue.string_value, KeyValue.value."""


TextPair = tuple[bytes, bytes]
"""Key and text."""


def read(pair: bytes) -> TextPair | None:
    """Return key and text of a serialised KeyValue; None if it is not exactly one key and one text."""
    try:
        key_end = pair[1] + 2
        value = key_end + 2
        length = pair[key_end + 1]
        if pair[0] == _TEXT == pair[value] and pair[key_end] == _VALUE and key_end < 0x82 and length < 0x80:
            is_one = value + length == len(pair) and pair[value + 1] + 2 == length
            return (pair[2:key_end], pair[value + 2 :]) if is_one else None
        return _read_long(pair)
    except (WireError, IndexError):
        return None


def _read_long(pair: bytes) -> TextPair | None:
    key_end = _end(pair, 0, _TEXT)
    value = _start(pair, key_end, _VALUE)
    if value + _length_at(pair, key_end) != len(pair):
        return None
    text = _start(pair, value, _TEXT)
    if text + _length_at(pair, value) != len(pair):
        return None
    return pair[_start(pair, 0, _TEXT) : key_end], pair[text:]


def write(key: bytes, text: bytes) -> bytes:
    """Return the serialised KeyValue of a key, not empty, and a text."""
    length = len(text)
    if len(key) < 0x80 and length + 2 < 0x80:
        return b"\x0a%c%b\x12%c\x0a%c%b" % (len(key), key, length + 2, length, text)
    value = write_text(text)
    return b"\x0a%b%b\x12%b%b" % (_varint(len(key)), key, _varint(len(value)), value)


def read_text(value: bytes) -> bytes | None:
    """Return the text of a serialised AnyValue; None if it is not exactly one text."""
    try:
        start = _start(value, 0, _TEXT)
        return value[start:] if start + _length_at(value, 0) == len(value) else None
    except (WireError, IndexError):
        return None


def write_text(text: bytes) -> bytes:
    """Return the serialised AnyValue of a text."""
    return b"\x0a%b%b" % (_varint(len(text)), text)


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
