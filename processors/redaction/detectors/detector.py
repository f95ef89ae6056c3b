"""What a detector is, and detectors that users write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.detectors.relaxation import looks_at_edges, relaxed

Span = tuple[int, int]
Accept = Callable[[bytes, Any], Span | None]
"""Given a text and a match in it, returns start and end of the secret, or None if it is none.  It may look at what
stands beside the match; the byte 0xFF there is an edge of the text."""


def whole(text: bytes, match: Any) -> Span | None:
    """Accept a candidate as it stands."""
    span: Span = match.span()
    return span


@dataclass(frozen=True, eq=False)
class Detector:
    """One kind of secret: how candidates look, and which of them are meant."""

    name: str
    replacement: bytes
    """What stands for a secret unless the user says otherwise."""
    pattern: str
    """RE2, to be used on UTF-8: candidates, bounded in length where some are rejected, so that scans are linear."""
    hint: str
    """RE2 without anchors, word boundaries and groups that capture: matches somewhere in whatever has a finding,
    also between bytes that are no text."""
    accept: Accept = whole
    skips_rejected: bool = False
    """Whether nothing else is found within a candidate that was rejected; otherwise, after its first digits."""
    settles: bool = False
    """Whether what others find across its end is a misreading: the host after a password is no e-mail address."""
    sees_edges: bool = False
    """Whether `pattern` has anchors, so that it cannot be tried on many texts at once."""
    needles: tuple[tuple[bytes, bytes], ...] = ()
    """Each some bytes, and a pattern of Python's `re` for what is behind them, tried instead of `hint` where many texts
    are told apart: one of them is somewhere in whatever has a finding.  For findings that are frequent, since a match
    of `re` costs a tenth of one of RE2.  Each is bounded, so that scans are linear."""
    in_python: bool = False
    """Whether `pattern` is one of Python's `re` that is bounded."""
    alone: bytes = b""
    """Python's `re`: a text that it matches, with the byte 0xFF behind, is a finding as it stands.  For findings of
    which there may be one in each record; empty, if that is not told any faster than by `pattern` and `accept`."""
    names: str | None = None
    """RE2, as `hint`: matches in every name, such as the key of an attribute, behind which this detector finds what it
    finds nowhere else.  Empty if there are none; None if that is not known, as of users' patterns."""


class Finding(NamedTuple):
    """A secret: offsets in bytes of what is to be replaced, without the name, quotes or words beside it."""

    start: int
    end: int
    detector: Detector


def custom(name: str, pattern: str, replacement: bytes) -> Detector:
    """Return a detector of what a user's pattern matches.

    Only what its group `secret` matched is masked, if it has one, or its only group.

    Raises:
        ValueError: RE2 cannot run the pattern, or it matches the empty text.
    """
    compiled = compile_pattern(pattern)
    if compiled.search(b"") is not None:
        raise ValueError(f"the pattern {pattern!r} matches the empty text")
    group = compiled.groupindex.get(b"secret", int(compiled.groups == 1))
    return Detector(name, replacement, pattern, relaxed(pattern), part(group), sees_edges=looks_at_edges(pattern))


def part(group: int) -> Accept:
    """Return what accepts one group of a match, unless it is empty or took no part."""

    def accept(text: bytes, match: Any) -> Span | None:
        start, end = match.span(group)
        return (start, end) if start < end else None

    return accept
