"""Secrets that say themselves what they are."""

from __future__ import annotations

import re
from typing import Any

from processors.redaction.detectors.detector import Detector, Span
from processors.redaction.detectors.surroundings import EDGE, begins, starts_word


def jwt() -> Detector:
    """JSON Web Tokens, signed or encrypted, in their compact form (RFC 7515, RFC 7516)."""
    pattern = r"eyJ[\w-]{8,}\.[\w-]{2,}(?:\.[\w-]*){1,3}"
    return Detector("jwt", b"***", pattern, r"eyJ[\w-]{8,}\.[\w-]{2}", _is_jwt, names="")


def _is_jwt(text: bytes, match: Any) -> Span | None:
    start, end = match.span()
    is_sentence = text[end - 1] == ord(".") and text.count(b".", start, end) == 3
    return (start, end - is_sentence) if starts_word(text, start) else None


_SCHEME = r"(?i:bearer|basic|digest|negotiate|apikey|token)"
_BLANK = "(?: |%20){1,3}"


def bearer_token() -> Detector:
    """What follows `Bearer` (RFC 6750), and other schemes after `authorization`; the scheme's name stays.

    After `Bearer` in a sentence come words: a token has a digit or at least 20 characters.
    """
    named = rf"""(?i:authorization)\\?["']?\]?\s?[:=]\s?\\?["'\[]?{_SCHEME}{_BLANK}([\w.~+/=-]+)"""
    bearer = rf"(?i:bearer){_BLANK}([\w.~+/-]{{8,}}=*)"
    hint = rf"{_SCHEME}{_BLANK}[\w.~+/=-]"
    return Detector("bearer_token", b"***", f"{named}|{bearer}", hint, _is_bearer, names="")


def _is_bearer(text: bytes, match: Any) -> Span | None:
    is_named = match.start(1) >= 0
    start, end = match.span(1 if is_named else 2)
    token = text[start:end].rstrip(b".")
    is_token = is_named or len(token) >= 20 or has_digit(token)
    return (start, start + len(token)) if token and is_token else None


def has_digit(text: bytes) -> bool:
    return len(text.translate(None, b"0123456789")) < len(text)


_AWS_PREFIX = "(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|APKA|AROA)"


def aws_key() -> Detector:
    """Ids of AWS access keys and principals, and secret access keys after a name with `aws` or `secret`."""
    key = rf"({_AWS_PREFIX}[A-Z0-9]{{16}})\b"
    named = r"""(?i:aws|secret)[\w.-]{0,24}\\?["']?\s{0,2}[:=]\s{0,2}\\?["']?([A-Za-z0-9/+]{40})"""
    hint = rf"{_AWS_PREFIX}[A-Z0-9]{{16}}|{named.replace('([', '(?:[')}"
    return Detector("aws_key", b"***", f"{key}|{named}", hint, _is_aws, names="(?i:aws|secret)")


def _is_aws(text: bytes, match: Any) -> Span | None:
    if match.start(1) >= 0:
        return match.span(1) if starts_word(text, match.start(1)) else None
    start, end = match.span(2)
    longer = text[end : end + 1].isalnum() or text[end : end + 1] in {b"/", b"+"}
    return None if longer else (start, end)


_END, _DASHES = re.compile(rb"-----END |\xFF"), re.compile(rb"-----|\xFF")
_KEY = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"


def private_key() -> Detector:
    """Private keys in PEM (RFC 7468) and OpenPGP blocks, from BEGIN to END; one that was cut off, to the end."""
    return Detector("private_key", b"***", f"-----BEGIN {_KEY}", f"-----BEGIN {_KEY}", _block, names="")


def _block(text: bytes, match: Any) -> Span | None:
    start = match.start()
    last = _END.search(text, start)
    if last is None or text[last.start()] == EDGE:
        return start, last.start() if last else len(text)
    end = _DASHES.search(text, last.end())
    if end is None:
        return start, len(text)
    return start, end.start() if text[end.start()] == EDGE else end.end()


def url_credentials() -> Detector:
    """User and password in a URL (RFC 3986, 3.2.1), and a user without password that is as long as a token."""
    user = r"""[^\s/?#@:"'<>]*"""
    pattern = rf"""[A-Za-z]://({user}(:[^\s/?#"'<>]*)?)@"""
    hint = r"""[A-Za-z]://[^\s/?#"'<>]+@"""
    return Detector("url_credentials", b"***", pattern, hint, _is_userinfo, skips_rejected=True, settles=True, names="")


def _is_userinfo(text: bytes, match: Any) -> Span | None:
    start, end = match.span(1)
    is_secret = match.start(2) >= 0 or end - start >= 20
    return (start, end) if is_secret and text[start:end].strip(b"*:") else None


KNOWN = (
    r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[\w-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|sk-[\w-]{20,}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|hvs\.[\w-]{20,}|dop_v1_[0-9a-f]{64}|hf_[A-Za-z]{34}|shp(?:at|ca|pa|ss)_[0-9a-f]{32}"
    r"|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|dckr_pat_[\w-]{20,}"
)
"""RE2 of keys whose prefix says whose they are."""


def is_known_key(text: bytes, start: int, end: int) -> bool:
    return (has_digit(text[start:end]) or text.startswith(b"hf_", start)) and begins(text, start)
