"""What stands beside a candidate: whether it is a number of its own, and which words introduce it."""

from __future__ import annotations

import re
from typing import Any

EDGE = 0xFF
"""Stands before the first and after the last byte of a text; no UTF-8 has it."""
_EDGE = bytes([EDGE])
_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_JOINTS = frozenset(b"-.")
GAP = (
    r"(?:[ .+\x{A0}\x{2007}\x{2009}\x{202F}\x{2010}-\x{2015}-]"
    r"|%(?:20|[Cc]2%[Aa]0|[Ee]2%80%(?:8[79]|9[0-5]|[Aa][Ff]))|\\u(?:00[Aa]0|20(?:0[79]|1[0-5]|2[Ff])))"
)
"""RE2 of what stands between groups of digits: blanks, hyphens and dots, also typographic ones, and as URLs and JSON
encode them."""
_ENCODED = re.compile(rb"%(?:20|2B|C2%A0|E2%80%[89A][0-9A-F])|\\u[0-9A-F]{4}", re.IGNORECASE)
_ESCAPE = re.compile(rb"(?:%[0-9A-Fa-f]{2}|\\[ntr]|\\u00[0-9A-Fa-f]{2})\Z")
_NOT_DIGITS = bytes(set(range(256)) - _DIGITS)


def byte_at(text: bytes, index: int) -> int:
    return text[index] if 0 <= index < len(text) else EDGE


def digits_of(text: bytes) -> bytes:
    """Return the ASCII digits of a number as it is written, without what percent-encoding adds."""
    if b"%" in text or b"\\" in text:
        text = _ENCODED.sub(b" ", text)
    return text.translate(None, _NOT_DIGITS)


def stands_alone(text: bytes, start: int, end: int) -> bool:
    """Say whether a number is one of its own: no part of a word, an id, a longer number, a version or a decimal."""
    return begins(text, start) and _ends(text, end)


def begins(text: bytes, start: int) -> bool:
    """Say whether nothing before belongs to it."""
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


def starts_word(text: bytes, start: int) -> bool:
    r"""Say whether a word starts there: what `\b` says, except that what is encoded before it is no part of it."""
    return byte_at(text, start - 1) not in _WORD or is_escape(text, start)


def is_in_row(text: bytes, start: int, end: int) -> bool:
    """Say whether groups of digits with blanks between are some of a row of numbers, as in access logs and tables."""
    if b" " not in text[start:end]:
        return False
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    return (before[1:] == b" " and (before[0] in _DIGITS or before[0] == ord('"'))) or (
        after[:1] == b" " and after[1:].isdigit()
    )


def is_escape(text: bytes, end: int) -> bool:
    r"""Say whether a percent-encoded byte (`%3D`) or an escape of JSON (`\n`, `\u003c`) ends there."""
    return _ESCAPE.search(text, max(end - 6, 0), end) is not None


def is_introduced(text: bytes, start: int, words: Any, reach: int = 48) -> bool:
    """Say whether `words` (RE2) match in the `reach` bytes before `start`.

    What is masked there ends their reach, as an edge of the text does.
    """
    before = text[max(start - reach, 0) : start].rpartition(_EDGE)[2]
    return words.search(before, before.rfind(b"***") + 3 if b"***" in before else 0) is not None
