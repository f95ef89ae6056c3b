"""Most attributes that have not been seen before are short texts: user ids, addresses, paths.

Reading one of them by its bytes costs a quarter of parsing it, which is most of what a span costs whose attributes
never repeat.
"""

from __future__ import annotations

_KEY, _VALUE, _TEXT = 0x0A, 0x12, 0x0A
"""The first byte of KeyValue.key, of KeyValue.value and of AnyValue.string_value: field number and wire type."""


def text_pair(pair: bytes) -> tuple[bytes, bytes] | None:
    """Return key and value of a serialised `KeyValue` whose value is a text, both shorter than 126 bytes.

    None is for all others, also for those that are written in another way than usual.
    """
    size = len(pair)
    if size < 7 or pair[0] != _KEY:  # an empty key or text is written in another way
        return None
    end = pair[1] + 2
    start = end + 4
    if size < start or size - end > 0x81 or pair[1] > 0x7F:
        return None
    if (
        pair[end] != _VALUE
        or pair[end + 1] != size - end - 2
        or pair[end + 2] != _TEXT
        or pair[end + 3] != size - start
    ):
        return None
    return pair[2:end], pair[start:]
