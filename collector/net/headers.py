"""What a header may be, in one place for all that are configured: RFC 9110, 5.1, 5.5 and 5.6.2."""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def is_name(text: str) -> bool:
    """Say whether a header can be called so.  A scheme of authentication is made of the same characters."""
    return bool(_NAME.fullmatch(text))


def is_value(text: str) -> bool:
    """Say whether a header can say so: nothing that would end it, or that a terminal would obey."""
    return bool(_VALUE.fullmatch(text))
