"""Values whose name says that they are secret: `api_key=...`, `"token": "..."`, `--password ...`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import EDGE
from processors.redaction.detectors.tokens import KNOWN, is_known_key

_KINDS_OF_KEYS = "api|app|access|secret|private|encryption|signing|subscription|account|master|auth|license|service"
_WORDS = (
    rf"(?:{_KINDS_OF_KEYS})[_. -]?key|token|secret|password|passwd|passphrase|pwd|[a-z]_pass|credentials?"
    "|x-amz-signature|authkey"
)
_QUOTE = r"\\*[\"'\x1f]"
_TO = r"(?:=>|:=|=+|:|%3[Dd])"
_VALUE = re.compile(rb"""(?:[^\t\n\f\r &;,"'<>`\\\x1f\xff]++|\\[^nrtu"'\t\n\f\r \xff])++""")
_ENCODED_VALUE = compile_pattern(r"""(?:[^\s&;,"'<>`\\\x1f%]|%[013-9A-Fa-f]|%2[0-57-9A-Fa-f])+""")
"""Up to a percent-encoded ampersand."""
_NAME, _SIGN, _QUOTED, _TAG, _FLAG, _KNOWN, _PAIRED = range(1, 8)
"""Groups of the pattern."""
_TAGGED = 16_384
"""Bytes that a value between tags has at most."""
_NOT_SECRET = frozenset(b"null none nil undefined true false".split())
_PROSE = frozenset(
    b"expired invalid missing required revoked not is must was has have cannot could unknown unauthorized rejected "
    b"mismatch failed failure error wrong empty denied forbidden the a an no string str bytes created updated deleted "
    b"rotated accepted verified valid ok".split()
)
"""What follows `token: ` in messages and is none."""
_SCHEMES = frozenset(b"bearer basic token digest".split())


def api_key(names: Sequence[str] = ()) -> Detector:
    """Values that are introduced by the name of a secret, and keys whose prefix says whose they are.

    Names end with a word such as `api_key`, `token`, `secret` or `password`, in any case.  Found is the value only:
    within its quotes, also escaped ones, or up to a blank or one of `&;,<>`.  In brackets the first of two strings may
    be the name.  After `token: ` in a message stands a value unless it is one of the words that are frequent there.

    Args:
        names: further words that names end with, as they stand.
    """
    words = "|".join([_WORDS, *map(_literal, names)])
    name = rf"(?i:{words})(?:_?\d{{1,2}})?"
    pattern = (
        rf"({name})(?:{_QUOTE})?\]?\s{{0,3}}({_TO})\s{{0,3}}({_QUOTE})?"
        rf"|<[\w.:-]{{0,40}}{name}(>)|--[a-z-]{{0,24}}{name}( +)|({KNOWN})"
        rf"|[(\[]b?{_QUOTE}[\w.-]{{0,40}}{name}{_QUOTE},\s?b?({_QUOTE})"
    )
    hint = rf"{name}(?:{_QUOTE})?\]?\s{{0,3}}(?:{_TO}|>)|{name}{_QUOTE},|--[a-z-]{{0,24}}{name} |{KNOWN}"
    return Detector("api_key", b"***", pattern, hint, _value, names=rf"(?i:{words})")


def _literal(name: str) -> str:
    return "".join(letter if letter.isalnum() or ord(letter) >= 0x80 else f"\\{letter}" for letter in name)


def _group(text: bytes, match: Any, group: int) -> bytes:
    start, end = match.span(group)
    return text[start:end] if start >= 0 else b""


def _value(text: bytes, match: Any) -> Span | None:
    # no `groups`: RE2 makes each of them anew, which takes ten times as long
    start = match.end()
    known = match.start(_KNOWN)
    if known >= 0:
        return (known, start) if is_known_key(text, known, start) else None
    if _is_masked(text[start : start + 16]):
        return None
    if quote := _group(text, match, _QUOTED):
        return _quoted(text, start, quote)
    if paired := _group(text, match, _PAIRED):
        return _second(text, start, paired)
    return _tagged(text, start) if match.start(_TAG) >= 0 else _unquoted(text, start, match)


def _quoted(text: bytes, start: int, quote: bytes) -> Span | None:
    """Find the quote that ends a value: as much escaped as the one that began it.  Without one, it was cut off."""
    end = text.find(quote, start)
    while end > start and text[end - 1] == ord("\\"):
        end = text.find(quote, end + 1)
    return _within(text, start, len(text) if end < 0 else end)


def _second(text: bytes, start: int, quote: bytes) -> Span | None:
    """Find the second of two in brackets, as programs print the headers that they have in lists."""
    found = _quoted(text, start, quote)
    end = found[1] + len(quote) if found else 0
    return found if text[end : end + 1] in {b")", b"]"} else None


def _tagged(text: bytes, start: int) -> Span | None:
    end = text.find(b"</", start, start + _TAGGED)
    return _within(text, start, end) if end >= 0 else None


def _within(text: bytes, start: int, end: int) -> Span | None:
    """Return what is a secret of a value that ends where the text does, or before."""
    edge = text.find(EDGE, start, end)
    if edge >= 0:
        end = edge
    return (start, end) if end > start and _is_secret(text[start:end]) else None


def _unquoted(text: bytes, start: int, match: Any) -> Span | None:
    name, to, flag = (_group(text, match, place) for place in (_NAME, _SIGN, _FLAG))
    if _is_no_value(text, start, name, flag):
        return None
    found = (_ENCODED_VALUE if to in {b"%3D", b"%3d"} else _VALUE).match(text, start)
    if found is None:
        return None
    value = found.group()
    if value.lower() in _SCHEMES and (further := _VALUE.match(text, start + len(value) + 1)):
        start, value = further.start(), further.group()
    value = _without_brackets(value)
    is_message = to == b":" and value.lower() in _PROSE
    is_count = name.lower() == b"token" and value.isdigit() and len(value) < 6
    return None if is_message or is_count or not _is_secret(value) else (start, start + len(value))


def _is_no_value(text: bytes, start: int, name: bytes, flag: bytes) -> bool:
    """Say whether a structure begins there, the folder of a process (`PWD=/srv`) or, after a flag, the next one.

    It is asked before the end is looked for, so that many of them take no more time than they are long.
    """
    first = text[start : start + 1]
    if first in {b"{", b"["}:
        return True
    return first == (b"-" if flag else b"/") and (bool(flag) or name.lower() == b"pwd")


def _without_brackets(value: bytes) -> bytes:
    value = value.rstrip(b".:!")
    for opening, closing in (b"()", b"[]", b"{}"):
        if opening not in value:
            value = value.rstrip(bytes([closing]))
    return value


def _is_masked(value: bytes) -> bool:
    return value.startswith((b"***", b"[REDACTED", b"<redacted", b"${", b"{{"))


def _is_secret(value: bytes) -> bool:
    is_one = bool(value.strip(b"*")) and not _is_masked(value)
    return is_one and not (len(value) < 10 and value.lower() in _NOT_SECRET)
