"""Which names an index may have."""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 255
_FORBIDDEN = re.compile(r'[\\/*?"<>| ,#:\x00-\x1f\x7f]')


@lru_cache(4096)
def mistake_in(name: str) -> str:
    """Say what Elasticsearch would not accept in the name of an index, data stream or alias; empty for a good name.

    Elasticsearch reference, "Create index API", path parameters.
    """
    if not name:
        return "an index name cannot be empty"
    if name in {".", ".."} or name[0] in "-_+":
        return f"index name {name[:80]!r} cannot be . or .., nor start with -, _ or +"
    if name != name.lower():
        return f"index name {name[:80]!r} must be lower case"
    if found := _FORBIDDEN.search(name):
        return f"index name {name[:80]!r} cannot contain {found[0]!r}"
    if len(name.encode()) > _LONGEST:
        return f"index name {name[:80]!r}... is longer than {_LONGEST} bytes"
    return ""
