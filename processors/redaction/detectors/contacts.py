"""How people are reached: e-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import GAP, digits_of, is_in_row, stands_alone

_AT = "(?:@|%40)"
_LETTER = r"\x{C0}-\x{24F}\x{370}-\x{52F}\x{590}-\x{1FFF}\x{3040}-\x{D7FF}\x{F900}-\x{FAFF}"
"""Letters beyond ASCII, roughly, without punctuation; with all of Unicode's tables patterns become too large."""
_ENCODED = (
    r"(?:%[89A-Fa-f][0-9A-Fa-f]|\\u(?:[1-9A-Fa-f][0-9A-Fa-f]{3}|0[1-9A-Fa-f][0-9A-Fa-f]{2}|00[89A-Fa-f][0-9A-Fa-f]))"
)
"""A byte of such a letter in a URL, or the letter in JSON."""
_LOCAL = rf"(?:[\w.+'~!#$*^{_LETTER}-]|%2[Bb]|{_ENCODED})"
_LABEL = rf"(?:[A-Za-z0-9{_LETTER}]|{_ENCODED})"
_TOP = rf"(?:xn--[a-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}|[{_LETTER}]{{2,24}}|(?:{_ENCODED}){{2,48}})"
_STARTS = compile_pattern(rf"[\w{_LETTER}]|{_ENCODED}")
_CODE, _HEXADECIMAL = re.compile(rb"u00[0-7][0-9A-Fa-f]"), re.compile(rb"[0-7][0-9A-Fa-f]")
_FILES = frozenset(b"png jpg jpeg gif svg webp js css jar html json yaml yml service socket timer slice".split())
"""Ends of files and units, `logo@2x.png` and `getty@tty1.service`, none of which is a top-level domain."""

_ALONE = rb"[0-9A-Za-z_][\w.+'~-]*+@(?:[0-9A-Za-z][0-9A-Za-z-]*+\.)+(?!(?i:%b)\xff)[A-Za-z]{2,24}" % b"|".join(
    sorted(_FILES)
)
"""Of ASCII and without what is encoded, as most are."""


def email() -> Detector:
    """Addresses as people write them (RFC 5321, without quoted local parts), also percent-encoded in a URL."""
    pattern = rf"(?:[\w{_LETTER}]|{_ENCODED}){_LOCAL}*{_AT}(?:{_LABEL}(?:{_LABEL}|-)*\.)+{_TOP}"
    hint = rf"[\w.+'~!#$*^{_LETTER}-]{_AT}{_LABEL}"
    domain = rb"[0-9A-Za-z\x80-\xF4%\\](?:[0-9A-Za-z\x80-\xF4%\\-]{0,62}\.|[0-9A-Za-z\x80-\xF4%\\-]{63})"
    needles = ((b"@", domain), (b"%40", domain))  # a label of any length
    written = b"***@***.***"
    return Detector(
        "email", written, pattern, hint, _is_address, skips_rejected=True, needles=needles, alone=_ALONE, names=""
    )


def _is_address(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    escape = _length_of_escape(text, start)
    start += escape
    address = text[start:end]
    if escape and not _STARTS.match(address):  # without one it was the pattern that looked
        return None
    is_remote = address.startswith(b"git@") and text[end : end + 1] == b":"
    return None if is_remote or address[address.rfind(b".") + 1 :].lower() in _FILES else (start, end)


def _length_of_escape(text: bytes, start: int) -> int:
    r"""Return how many bytes there belong to an escape of JSON (`\n`, `\u003c`) or a URL (`%20`) that began before."""
    before = text[start - 1 : start]
    if before == b"\\":
        return 5 if _CODE.match(text, start) else int(text[start] in b"nrtbf")
    return 2 if before == b"%" and _HEXADECIMAL.match(text, start) else 0


_GAP = GAP.replace("+", "")
"""Of telephone numbers: a plus sign begins the next one."""
_EXTENSION = r"(?:(?: ?x|,? ?[Ee]xt\.?) ?\d{1,6})?"
_NORTH_AMERICAN = (
    rf"(?:(?:\+|%2B)?1{_GAP}?)?(?:\([2-9]\d{{2}}\){_GAP}?|[2-9]\d{{2}}{_GAP})\d{{3}}{_GAP}\d{{4}}{_EXTENSION}"
)
_WITH_PLUS = rf"(?:\+|%2B)[1-9]\d{{0,2}}{_GAP}?(?:\(\d{{1,4}}\){_GAP}?)?\d(?:{_GAP}?\d){{4,13}}{_EXTENSION}"
_KOREAN = r"0(?:1[016-9]|2|[3-6]\d|70)-\d{3,4}-\d{4}"
_SHORT = r"(?i:tel|mobile|cell|fax|msisdn|sms|whatsapp)"
"""Words that are parts of others: `telemetry`, `cancelled`."""
_NO_TELEPHONES = (b"micro", b"head", b"ear", b"mega", b"xylo", b"saxo")
"""What makes other words of `phone`."""
_LONG = r"(?i:phone|telefon|teléfono|전화|연락처)"
_WORDS = rf"{_LONG}[^\d+(]{{0,16}}"
_OWN = r"[^0-9A-Za-z+(]{0,6}(?:(?i:phone|number|num|nr|no|is)[^0-9A-Za-z+(]{0,6}){0,2}"
_NUMBER = rf"[+(]?\d(?:{_GAP}?[()/]?{_GAP}?\d){{6,14}}{_EXTENSION}"
_AFTER_A_NAME = rf"(?:{_WORDS}\(??|(?:(?:\b|_){_SHORT}|[a-z](?:Tel|Mobile|Cell|Fax|Sms)){_OWN})({_NUMBER})"
_COUNTRY = compile_pattern(
    "(?:1[2-9].{9}|7.{10})$|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    "|2[1-689].|3[578].|42[013]|50.|59.|6[789].|80.|85.|87.|88.|96.|97.|99."
)
"""Numbers with the country codes of ITU-T E.164; those of +1 and +7 have eleven digits."""


def phone() -> Detector:
    """Numbers that are recognised as such: North American and Korean groups of digits, those with a country code
    after a plus sign (ITU-T E.164, 8 to 15 digits), and any with 7 to 15 digits after a word such as `phone`.

    Groups of digits from elsewhere, and numbers without groups, are not told from others without that word: ids and
    timestamps have ten digits too.  Nor are groups with blanks between them and further numbers beside them.
    """
    pattern = f"{_AFTER_A_NAME}|{_NORTH_AMERICAN}|{_KOREAN}|{_WITH_PLUS}"
    hint = (
        rf"(?:{_WORDS}|{_SHORT}{_OWN})[+(]{{0,2}}\d{_GAP}?[()/]?{_GAP}?\d"
        rf"|\d{{3}}\)?{_GAP}?\d{{3}}{_GAP}\d{{4}}|{_KOREAN}|(?:\+|%2B)[1-9]\d{{0,2}}{_GAP}?\(?\d"
    )
    return Detector("phone", b"***-****", pattern, hint, _is_number, names=f"{_LONG}|{_SHORT}")


def _is_number(text: bytes, match: Any) -> Span | None:
    start, end = match.span(1)
    if start < 0:
        start, end = match.span()
    elif text[max(match.start() - 5, 0) : match.start()].lower().endswith(_NO_TELEPHONES):
        return None
    start += text[start] == ord("(") and b")" not in text[start:end]
    if not stands_alone(text, start, end):
        return None
    number = text[start:end]
    if not number.startswith((b"+", b"%2B")):
        return None if match.start(1) < 0 and is_in_row(text, start, end) else (start, end)
    digits = digits_of(number.replace(b"%2B", b"+"))
    return (start, end) if len(digits) >= 8 and _COUNTRY.match(digits) else None
