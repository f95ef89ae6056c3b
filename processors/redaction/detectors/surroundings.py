"""What stands beside a candidate: whether it is a number of its own, and which words introduce it."""

from __future__ import annotations

from typing import Any

EDGE = 0xFF
"""Stands before the first and after the last byte of a text; no UTF-8 has it."""
_EDGE = bytes([EDGE])
_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_HEXADECIMAL = frozenset(b"0123456789ABCDEFabcdef")
_JOINTS = frozenset(b"-.")
GAP = r"(?:[ .+\x{A0}\x{2007}\x{2009}\x{202F}\x{2010}-\x{2015}-]|%20)"
"""RE2 of what stands between groups of digits: blanks, hyphens and dots, also typographic or percent-encoded ones."""
_NOT_DIGITS = bytes(set(range(256)) - _DIGITS)


def byte_at(text: bytes, index: int) -> int:
    return text[index] if 0 <= index < len(text) else EDGE


def digits_of(text: bytes) -> bytes:
    """Return the ASCII digits of a number as it is written, without what percent-encoding adds."""
    return text.replace(b"%20", b" ").translate(None, _NOT_DIGITS)


def stands_alone(text: bytes, start: int, end: int) -> bool:
    """Say whether a number is one of its own: no part of a word, an id, a longer number, a version or a decimal."""
    return _begins(text, start) and _ends(text, end)


def _begins(text: bytes, start: int) -> bool:
    before = byte_at(text, start - 1)
    if before in _WORD:
        return is_escape(text, start)
    if before in _JOINTS:
        further = byte_at(text, start - 2)
        return further not in (_DIGITS if before == ord(".") else _WORD) and not text.endswith(b"***", 0, start - 1)
    return True


def _ends(text: bytes, end: int) -> bool:
    after = byte_at(text, end)
    return after not in _WORD and not (after in _JOINTS and byte_at(text, end + 1) in _WORD)


def is_escape(text: bytes, end: int) -> bool:
    r"""Say whether a percent-encoded byte (`%3D`) or the escape of a blank (`\n`) ends there."""
    if end >= 3 and text[end - 3] == ord("%"):
        return text[end - 1] in _HEXADECIMAL and text[end - 2] in _HEXADECIMAL
    return text[max(end - 2, 0) : end] in {rb"\n", rb"\t", rb"\r"}


def is_introduced(text: bytes, start: int, words: Any, reach: int = 48) -> bool:
    """Say whether `words` (RE2) match in the `reach` bytes before `start`.

    What is masked there ends their reach, as an edge of the text does.
    """
    before = text[max(start - reach, 0) : start].rpartition(_EDGE)[2]
    return words.search(before, before.rfind(b"***") + 3 if b"***" in before else 0) is not None
