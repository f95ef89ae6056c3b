"""Users' patterns without what looks at the edges of a text, for scans of many texts at once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.patterns import compile_pattern

_TOKEN = re.compile(
    r"""\\Q.*?(?:\\E|\Z)                            # literal text
      | \\p\{[^}]*\} | \\P\{[^}]*\} | \\x\{[^}]*\}  # escapes with braces
      | \\.                                         # other escapes
      | \[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]     # classes
      | \(\?P?<\w+>                                 # named groups
      | \(\?                                        # flags, groups that do not capture
      | \(                                          # groups
      | .""",
    re.VERBOSE | re.DOTALL,
)
_EDGES = {"^", "$", r"\A", r"\z"}
_BOUNDARIES = {r"\b", r"\B"}
_ANY_BYTE = r"\C"
_NOTHING = "(?:)"
"""Matches the empty text, and may be repeated."""


def relaxed(pattern: str) -> str:
    """Return a pattern without groups that matches in any buffer that holds a text in which `pattern` matches.

    It matches more than that: every anchor and word boundary is gone.  Where that leaves nothing that RE2 can run
    it matches everything.
    """
    hint = "".join(_without_edges(pattern))
    try:
        compile_pattern(hint)
    except ValueError:
        return _NOTHING
    return hint


def looks_at_edges(pattern: str) -> bool:
    """Say whether a pattern asks where a text or a line starts or ends, or for bytes that are no UTF-8."""
    return not _EDGES.union({_ANY_BYTE}).isdisjoint(_TOKEN.findall(pattern))


def _without_edges(pattern: str) -> Iterator[str]:
    for piece in _TOKEN.findall(pattern):
        if piece in _EDGES | _BOUNDARIES:
            yield _NOTHING
        elif piece.startswith("(") and piece != "(?":
            yield "(?:"
        else:
            yield piece
