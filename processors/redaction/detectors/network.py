"""Addresses of machines, which say who uses them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import EDGE, byte_at, is_introduced, starts_word

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESS = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_VERSION = compile_pattern(
    r"(?i:version|\bver|\brelease|\bbuild|\brev)\W{0,3}$|(?:^|[^/\w.-])[A-Za-z][\w.+-]*/$|==$|[A-Za-z]-$"
)
_NOBODY = frozenset({b"0.0.0.0", b"127.0.0.1", b"255.255.255.255"})


def ipv4() -> Detector:
    """Addresses of four numbers, and ranges, except those of nobody (0.0.0.0, 127.0.0.1, 255.255.255.255).

    After a word such as `version` or the name of a product (`Chrome/120.0.0.0`), in a longer row of numbers or a
    name, they are none.
    """
    escape = r"(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<=\\[nrt])|(?<=\\u00[0-9A-Fa-f][0-9A-Fa-f])"
    pattern = rf"(?:(?<![\w%])(?<!\w[.-])|{escape}){_ADDRESS}(?:-{_ADDRESS})?(?![.-]?\w)"
    hint = r"\d\.\d{1,3}\.\d{1,3}\.\d"
    alone = b"(?!(?:%b)\\xff)%b" % (b"|".join(map(re.escape, sorted(_NOBODY))), _ADDRESS.encode())
    needle = (b".", rb"[0-9][0-9]?[0-9]?\.[0-9][0-9]?[0-9]?\.[0-9]")
    written = b"***.***.***.***"
    return Detector("ipv4", written, pattern, hint, _is_ipv4, needles=(needle,), in_python=True, alone=alone, names="")


def _is_ipv4(text: bytes, match: Any) -> Span | None:
    span: Span = match.span()
    start = span[0]
    if match.group() in _NOBODY:
        return None
    if start == 0 or text[start - 1] == EDGE:
        return span
    return None if is_introduced(text, start, _VERSION, reach=24) else span


def _is_word(byte: int) -> bool:
    return chr(byte).isalnum() and byte < 0x80


def ipv6() -> Detector:
    """Addresses of eight groups (RFC 4291), shortened or not; `::` and `::1` are nobody's.

    Shortened ones have a digit, so that `dead::beef` stays a name of a program.
    """
    pattern = r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
    hint = r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:?[0-9A-Fa-f]|::[0-9A-Fa-f]|[0-9A-Fa-f]::"
    return Detector("ipv6", b"****:****", pattern, hint, _is_ipv6, skips_rejected=True, names="")


def _is_ipv6(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    start += 4 * text.startswith(b"\\u00", start - 2)
    address = text[start:end].rstrip(b".")
    if address.endswith(b":") and not address.endswith(b"::"):
        address = address[:-1]
    end = start + len(address)
    if len(address) > 45 or not starts_word(text, start) or _is_word(byte_at(text, end)):
        return None
    if address in {b"::", b"::1"} or (b"::" in address and not any(digit in address for digit in b"0123456789")):
        return None
    try:
        ipaddress.IPv6Address(address.decode())
    except ValueError:
        return None
    return start, end


def mac() -> Detector:
    """Hardware addresses of six bytes with colons or hyphens, or in Cisco's three groups; not all zeros or ones."""
    pairs = "|".join(rf"(?:[0-9A-Fa-f]{{2}}{joint}){{5}}[0-9A-Fa-f]{{2}}" for joint in ":-")
    groups = r"(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
    return Detector("mac", b"**:**:**:**:**:**", rf"(?:{pairs}|{groups})\b", f"{pairs}|{groups}", _is_mac, names="")


def _is_mac(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    joints = b":-."
    address = text[start:end].translate(None, joints).lower()
    if not starts_word(text, start):
        return None
    is_date = text[start + 2] != ord(":") and address.isdigit()
    if is_date or address in {b"0" * 12, b"f" * 12}:
        return None
    longer = _continues(text, start - 1, start - 2) or _continues(text, end, end + 1)
    return None if longer else (start, end)


def _continues(text: bytes, joint: int, further: int) -> bool:
    return byte_at(text, joint) in b":-." and _is_word(byte_at(text, further))
