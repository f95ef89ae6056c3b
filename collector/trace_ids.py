"""Trace ids as people write them."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{32}")
# W3C Trace Context, "traceparent Header Field Values"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def parse_trace_id(text: str) -> bytes:
    """Read 32 hexadecimal digits in either case, with or without dashes, or a `traceparent`; return 16 bytes.

    Raises:
        ValueError: it is neither, or the id that stands for none.
    """
    lower = text.strip().lower()
    parent = _TRACEPARENT.fullmatch(lower)
    digits = parent[1] if parent else lower.replace("-", "")
    if not _ID.fullmatch(digits) or not digits.strip("0"):
        raise ValueError(
            f"{text[:100]!r} is not a trace id: write 32 hexadecimal digits, not all zero, or a traceparent"
        )
    return bytes.fromhex(digits)
