"""How people are reached: e-mail addresses and telephone numbers."""

from __future__ import annotations

from processors.redaction.detectors.detector import Detector

_AT = "(?:@|%40)"
_LETTER = r"\x{C0}-\x{24F}\x{370}-\x{52F}\x{590}-\x{1FFF}\x{3040}-\x{D7FF}\x{F900}-\x{FAFF}"
"""Letters beyond ASCII, roughly, without punctuation; with all of Unicode's tables patterns become too large."""
_LOCAL = rf"[\w.+'%~{_LETTER}-]"
_LABEL = rf"[A-Za-z0-9{_LETTER}]"
_TOP = rf"(?:xn--[a-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}|[{_LETTER}]{{2,24}})"


def email() -> Detector:
    """Addresses as people write them (RFC 5321, without quoted local parts), also percent-encoded in a URL."""
    pattern = rf"{_LOCAL}{{1,64}}{_AT}(?:{_LABEL}(?:{_LABEL[:-1]}-]{{0,62}})\.){{1,8}}{_TOP}"
    return Detector("email", b"***@***.***", pattern, rf"{_LOCAL}{_AT}{_LABEL}")
