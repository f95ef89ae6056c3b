"""What money is taken from: card numbers and bank accounts."""

from __future__ import annotations

import re
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import GAP, byte_at, digits_of, is_introduced, stands_alone

_GROUPS = rf"[2-689]\d{{3}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}(?:{GAP}\d{{3}})?|3\d{{3}}{GAP}\d{{6}}{GAP}\d{{4,5}}"
_ISSUERS = re.compile(
    rb"(?:4(?:\d{12}|\d{15}|\d{18})"  # Visa
    rb"|(?:5[1-5]\d{4}|222[1-9]\d{2}|22[3-9]\d{3}|2[3-6]\d{4}|27[01]\d{3}|2720\d{2})\d{10}"  # Mastercard
    rb"|3[47]\d{13}"  # American Express
    rb"|(?:6011|64[4-9]\d|65\d{2})\d{12,15}"  # Discover
    rb"|(?:30[0-5]\d|3095|36\d{2}|3[89]\d{2})\d{10}"  # Diners Club
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    rb"|(?:62\d{2}|81\d{2})\d{12,15}"  # UnionPay
    rb"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
    rb"|220[0-4]\d{12,15}"  # Mir
    rb"|(?:60\d{2}|82\d{2}|508\d|9792)\d{12})\Z"  # RuPay, Troy
)
"""Issuers' prefixes with the lengths of their numbers (ISO/IEC 7812)."""
_CARD = compile_pattern(r"(?i:card|credit|debit|\bpan\b|\bcc\b|ccn|cc_?num|visa|amex|payment)")
_NAME_OF_ANOTHER = compile_pattern(
    r"(?:(?:\b|[_.-])(?i:id|ids|ts|at|ns|us|ms|nr)|[a-z](?:Id|ID|Ids|At|Ns|Ms)"
    r"|(?i:uuid|guid|rrn|time|timestamp|epoch|seq|sequence|offset|nonce|hash|version|build|trace|span|parent|nanos|micros"
    r"""|millis|count|total|size|bytes|checksum|cursor|revision))\\?["']?\]?\s?(?:[:=]|=>|%3D)\s?\\?["']?$"""
    r"|(?i:resident[ _-]?registration|번호)\D{0,16}$"
)
_DOUBLED = bytes(b"0246813579"[digit - 48] if 48 <= digit <= 57 else digit for digit in range(256))


def credit_card() -> Detector:
    """Card numbers with a prefix of an issuer, the length it uses (13 to 19 digits) and the check digit.

    Without groups, numbers of 17 to 19 digits, in the path of a URL, or after a name such as `id=` are one only where
    a word such as `card` stands shortly before: others are ids, timestamps and counters, of which one in ten has the
    right check digit.
    """
    hint = rf"\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}|\d{{4}}{GAP}\d{{6}}{GAP}\d{{4}}|[1-9]\d{{12}}"
    return Detector("credit_card", b"****-****-****-****", rf"{_GROUPS}|\d{{13,}}", hint, _is_card, names="")


def _is_card(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    if text[start:end].isdigit():
        if byte_at(text, start - 1) == ord("%"):
            start += 2  # %20 before it
        is_one = end - start <= 19 and _is_valid(text[start:end]) and _is_meant(text, start, end)
        return (start, end) if is_one and stands_alone(text, start, end) else None
    for stop in (end, text.rfind(text[start + 4 : start + 5], start, end)):
        if _is_valid(digits_of(text[start:stop])) and stands_alone(text, start, stop):
            return start, stop
    return None


def _is_meant(text: bytes, start: int, end: int) -> bool:
    """Say whether digits without groups are a card's and no id."""
    if end - start > 16 or text[start - 1 : start] == b"/" or is_introduced(text, start, _NAME_OF_ANOTHER):
        return is_introduced(text, start, _CARD)
    return True


def _is_valid(number: bytes) -> bool:
    return luhn(number) and _ISSUERS.match(number) is not None  # nine in ten are none by their check digit


def luhn(number: bytes) -> bool:
    """Say whether the last of the ASCII digits is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    single, doubled = number[-1::-2], number[-2::-2].translate(_DOUBLED)
    return (sum(single) + sum(doubled) - 48 * len(number)) % 10 == 0


_LENGTHS = {
    pair[:2]: int(pair[2:])
    for pair in (
        b"AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
        b"EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
        b"IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
        b"NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
        b"SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    ).split()
}
"""Characters of an account number by country: the IBAN registry of ISO 13616."""


def iban() -> Detector:
    """International account numbers in upper case, in groups or without, with their country's length (ISO 13616)."""
    gap = "(?:[ +-]|%20)?"
    pattern = rf"[A-Z]{{2}}\d{{2}}(?:{gap}[A-Z0-9]){{11,29}}"
    hint = rf"[A-Z]{{2}}\d{{2}}(?:{gap}[A-Z0-9]){{11}}"
    return Detector("iban", b"****", pattern, hint, _is_account, names="")


def _is_account(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    length = _LENGTHS.get(text[start : start + 2], 99)
    stop, taken = start, 0
    while taken < length and stop < end:
        is_encoded = text[stop] == ord("%")
        taken += text[stop] not in b" +-%"
        stop += 3 if is_encoded else 1
    account = text[start:stop].replace(b"%20", b"").translate(None, b" +-")
    is_one = len(account) == length and stands_alone(text, start, stop) and _remainder(account) == 1
    return (start, stop) if is_one else None


def _remainder(account: bytes) -> int:
    return int("".join([str(int(chr(letter), 36)) for letter in account[4:] + account[:4]])) % 97
