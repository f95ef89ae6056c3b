"""How a number that a condition compares with stands in the bytes of an attribute's value.

Protocol Buffers, "Encoding": the tag of the field, then a varint of 7 bits a byte, the lowest first, or 8 bytes of a
double.  A sender may write a varint longer than it has to be, the tag too, with more bytes behind it, the last one 0.
So of an integer only what comes before its last byte is certain, and of its tag only that the last byte is one of two.
"""

from __future__ import annotations

import struct

_INTEGER_TAGS = (b"\x18", b"\0")
"""The last byte of the tag of `int_value`, as it has to be written, and of one that is too long."""
_EXACT = 1 << 53
"""Integers below are doubles, too, and each is another one."""
_MORE = 0x80


def written_number(value: float) -> tuple[bytes, ...]:
    """Return texts of which one is in every value, integer or double, that equals a number; nothing if not known."""
    if value != value or abs(value) >= _EXACT:  # noqa: PLR0124  NaN
        return ()
    doubles = {struct.pack("<d", each) for each in ((0.0, -0.0) if value == 0 else (value,))}
    integers = [tag + start for start in _starts(int(value)) for tag in _INTEGER_TAGS] if value == int(value) else []
    return (*integers, *sorted(doubles))


def _starts(value: int) -> list[bytes]:
    """Return how a varint can begin, however long it is written."""
    bits = value & (1 << 64) - 1
    if bits < _MORE:
        return [bytes([bits]), bytes([bits | _MORE])]
    start = bytearray()
    while bits >= _MORE:
        start.append(bits & _MORE - 1 | _MORE)
        bits >>= 7
    return [bytes(start)]
