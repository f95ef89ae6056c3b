"""Numbers that states give to people."""

from __future__ import annotations

import datetime as dt
from typing import Any

from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import GAP, digits_of, is_in_row, stands_alone

_SSN_NAMES = r"(?i:ssn|social[ _-]?security)"


def ssn() -> Detector:
    """Social Security numbers of the United States in groups, or without after `ssn` or `social security`.

    With blanks between the groups, and further numbers beside them, they are a row of numbers and none.

    Areas, groups and serials that are never given (000, 666 and 9xx, 00, 0000) are none (Social Security
    Administration, "Social Security Number Randomization").
    """
    groups = rf"\d{{3}}{GAP}\d{{2}}{GAP}\d{{4}}"
    named = rf"{_SSN_NAMES}\D{{0,20}}(\d{{9}})\b"
    hint = rf"{groups}|{_SSN_NAMES}\D{{0,20}}\d{{9}}"
    return Detector("ssn", b"***-**-****", f"{named}|{groups}", hint, _is_ssn, names=_SSN_NAMES)


def _is_ssn(text: bytes, match: Any) -> Span | None:
    start, end = match.span(1)
    if start < 0:
        start, end = match.span()
        if is_in_row(text, start, end):
            return None
    digits = digits_of(text[start:end])
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    is_given = area not in {b"000", b"666"} and area[0] != ord("9") and group != b"00" and serial != b"0000"
    return (start, end) if is_given and stands_alone(text, start, end) else None


_RRN_NAMES = r"(?i:rrn|resident[ _-]?(?:registration)?|주민(?:등록)?번호)"


def korean_rrn() -> Detector:
    """Korean resident registration numbers: a date of birth, a hyphen and seven digits, the first of which says the
    century (1 to 8); without hyphen after a word such as `rrn`.  Their check digit is no longer used.
    """
    groups, named = r"\d{6}-[1-8]\d{6}", rf"{_RRN_NAMES}\D{{0,16}}(\d{{6}}[1-8]\d{{6}})\b"
    hint = rf"{groups}|{_RRN_NAMES}\D{{0,16}}\d{{13}}"
    return Detector("korean_rrn", b"******-*******", f"{named}|{groups}", hint, _is_rrn, names=_RRN_NAMES)


def _is_rrn(text: bytes, match: Any) -> Span | None:
    start, end = match.span(1)
    if start < 0:
        start, end = match.span()
    digits = digits_of(text[start:end])
    century = 1900 if digits[6] in b"1256" else 2000
    try:
        dt.date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None
    return (start, end) if stands_alone(text, start, end) else None


def us_passport() -> Detector:
    """Numbers of passports of the United States, nine digits or a letter and eight, shortly after `passport`."""
    number = r"[A-Za-z]?\d{8,9}"
    pattern = rf"(?i:passport)[^0-9]{{0,24}}?\b({number})\b"
    hint = r"(?i:passport)[^0-9]{0,25}\d{8}"
    return Detector("us_passport", b"*********", pattern, hint, _is_passport, names="(?i:passport)")


def _is_passport(text: bytes, match: Any) -> Span | None:
    start, end = match.span(1)
    return (start, end) if end - start == 9 and stands_alone(text, start, end) else None
