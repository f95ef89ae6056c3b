"""Changes to single keys made ready for the bytes of one kind of record, and what their attributes look like there."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from collector.actions.layout import begin
from collector.actions.pairs import KEY, SHORT, VALUE, is_value
from collector.actions.steps import KeyEdit
from collector.patterns import compile_pattern

_REMEMBERED = 256
_NOWHERE = (-1, -1)


class Edit(NamedTuple):
    """A KeyEdit for one kind of record."""

    given: KeyEdit
    needle: bytes
    """Length and bytes of the key, as they are wherever it is, unless its length is longer than it has to be."""
    heads: list[bytes]
    """What a usual attribute of each length begins with."""
    argument: int
    """Where that which is rewritten starts, from the needle on."""
    rewrite: Callable[[bytes], bytes] | None
    """Returns the field that comes instead; None if that is always `piece`."""
    piece: bytes
    absent: bytes
    """The field that a record gets that has no such key."""


@lru_cache(_REMEMBERED)
def _heads(key: bytes, tag: int) -> list[bytes]:
    """Return what a usual attribute of each length begins with, up to the length of the value."""
    shortest = len(key) + 4
    begins = b"%c%%c\x0a%c%b\x12%%c" % (tag, len(key), key.replace(b"%", b"%%"))
    return [
        begins % (size, size - shortest) if shortest <= size < SHORT else b"%c%c" % (tag, ~size & 0xFF)  # is nowhere
        for size in range(0x100)
    ]


@lru_cache(_REMEMBERED)
def _heads_of_texts(key: bytes, tag: int) -> list[bytes]:
    """Return the same for values that are texts of at least a byte, up to these."""
    shortest = len(key) + 7
    return [
        b"%b\x0a%c" % (head, head[-1] - 2) if shortest <= size < SHORT else b"%c%c" % (tag, ~size & 0xFF)
        for size, head in enumerate(_heads(key, tag))
    ]


@lru_cache(_REMEMBERED)
def longer_lengths(keys: frozenset[bytes]) -> Any:
    """Return what finds keys whose length ends with a zero, since it takes more bytes than it needs."""
    texts = ["".join(f"\\x{{{ord(character):x}}}" for character in key.decode()) for key in sorted(keys)]
    return compile_pattern(rf"\x00(?:{'|'.join(texts)})")


@lru_cache(_REMEMBERED)
def edit_of(given: KeyEdit, tag: int) -> Edit:
    key, absent = given.key, field_of(given.absent, tag)
    needle = bytes((len(key),)) + key
    if given.of_text is not None:
        rewrite = given.of_text(partial(begin, tag))
        return Edit(given, needle, _heads_of_texts(key, tag), len(needle) + 4, rewrite, b"", absent)
    heads = _heads(key, tag)
    if given.constant is not None:
        return Edit(given, needle, heads, -1, None, field_of(given.constant, tag), absent)
    return Edit(given, needle, heads, -1, lambda pair: field_of(given.rewrite(pair), tag), b"", absent)


def field_of(pair: bytes, tag: int) -> bytes:
    return begin(tag, len(pair)) + pair if pair else b""


def find_unusual(wire: bytes, key: int, size: int, tag: int) -> tuple[int, int]:
    """Return where an attribute begins and ends that is not as usual, if it is so by its length alone.

    Args:
        wire: bytes in which it is.
        key: the offset of the length of its key.
        size: bytes of that and of the key.
        tag: what it has to begin with.

    Returns:
        Two offsets; the first one is negative if it is odd in any other way.
    """
    pair, value = key - 1, key + size
    try:
        if wire[pair] != KEY or wire[value] != VALUE:
            return _NOWHERE
        if wire[pair - 2] == tag and wire[pair - 1] < SHORT:
            field, last = pair - 2, pair + wire[pair - 1]
        elif wire[pair - 3] == tag and wire[pair - 2] >= SHORT and 0 < wire[pair - 1] < SHORT:
            field, last = pair - 3, pair + (wire[pair - 2] & 0x7F | wire[pair - 1] << 7)
        else:
            return _NOWHERE
    except IndexError:
        return _NOWHERE
    return (field, last) if last <= len(wire) and is_value(wire, value, last) else _NOWHERE
