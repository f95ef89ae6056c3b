"""Step over the fields of a serialised message without parsing what they hold."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


class WireError(ValueError):
    """These bytes are not a protobuf message."""


def fields(wire: bytes, start: int, end: int, *, cut: bool = False) -> Iterator[tuple[int, int, int]]:
    """Yield (tag, start, end) of every field between two offsets; start and end are those of its payload.

    The tag is the number shifted by three, with the wire type in the low bits.  A field's own end is where the next
    one starts, so the bytes between two fields' starts are a message themselves.  With `cut`, the message may go on
    behind `end`: what is there of its last field is yielded too.

    Raises:
        WireError: a field does not end where the message does, or its wire type is unknown.
    """
    while start < end:
        tag = wire[start]
        if tag < 0x80:
            start += 1
        elif start + 1 < end and wire[start + 1] < 0x80:
            tag, start = tag & 0x7F | wire[start + 1] << 7, start + 2
        else:
            tag, start = varint(wire, start, end)
        # the frequent case stands here and not in _payload, since a call costs as much as all of it
        if tag & 7 == BYTES and start < end and wire[start] < 0x80:
            start, stop = start + 1, start + 1 + wire[start]
        else:
            start, stop = _payload(wire, tag & 7, start, end)
        if stop > end:
            if not cut:
                raise WireError("truncated")
            stop = end
        yield tag, start, stop
        start = stop


def _payload(wire: bytes, kind: int, start: int, end: int) -> tuple[int, int]:
    if kind == BYTES:
        length, start = varint(wire, start, end)
        return start, start + length
    if kind == VARINT:
        return start, varint(wire, start, end)[1]
    if kind in _WIDTHS:
        return start, start + _WIDTHS[kind]
    raise WireError(f"wire type {kind}")


def varint(wire: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the number at `start` and the offset behind it.

    Raises:
        WireError: it does not end before `end`, or within ten bytes.
    """
    value = 0
    for index in range(start, min(end, start + _LONGEST_VARINT)):
        byte = wire[index]
        value |= (byte & 0x7F) << (7 * (index - start))
        if byte < 0x80:
            return value, index + 1
    raise WireError("a number does not end")
