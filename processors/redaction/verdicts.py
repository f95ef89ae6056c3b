"""What masking says of a piece of a request."""

from __future__ import annotations

from typing import NamedTuple

from processors.redaction.summary import Outcome


class Verdict(NamedTuple):
    """What becomes of an attribute, a body or a text."""

    new: bytes | None
    """Its bytes from now on; None if it goes."""
    hits: tuple[str, ...] = ()
    """The detector of each value that was masked."""
    drops: bool = False
    """Whether the record goes with it."""
    outcomes: tuple[tuple[Outcome, str], ...] = ()
    """What a summary tells of it: keys, nested ones with the way to them."""
