"""Consistent probability sampling: whoever looks at a trace with the same threshold decides the same.

OpenTelemetry specification, "TraceState: Probability Sampling": 56 bits of randomness come with a trace, the last
seven bytes of its id or `rv` of its `ot` trace state; a trace is kept if they are not below the rejection threshold,
which is written down as `th` so that whoever counts spans knows how many each stands for.
"""

from __future__ import annotations

ALWAYS = 0
"""The threshold that rejects nothing."""
NEVER = 1 << 56
"""The threshold that no randomness reaches.  It cannot be written down, and nothing that passed it exists."""
_DIGITS = 14


def threshold(probability: float) -> int:
    """Return the rejection threshold, 0 to 2**56, of a probability from 0 to 1; what lies outside counts as these."""
    return NEVER - round(min(max(probability, 0.0), 1.0) * NEVER)


def probability(threshold: int) -> float:
    """Return the part of all traces that passes a threshold."""
    return (NEVER - threshold) / NEVER


def randomness(trace_id: bytes) -> int:
    """Return the 56 bits that come with an id of 16 bytes."""
    return int.from_bytes(trace_id[9:16], "big")


def encode(value: int, precision: int = _DIGITS) -> str:
    """Write a threshold below 2**56, or a randomness, as `th` is written: hexadecimal digits without zeros at the end.

    Args:
        value: the number.
        precision: digits to keep, at most 14; the rest is rounded down, which keeps more traces and never fewer.
    """
    return f"{value:014x}"[:precision].rstrip("0") or "0"


def decode(text: str) -> int:
    """Read a `th`.

    Raises:
        ValueError: it is not 1 to 14 lower-case hexadecimal digits.
    """
    if not 1 <= len(text) <= _DIGITS or set(text) - set("0123456789abcdef"):
        raise ValueError(f"{text!r} is not a threshold: write 1 to 14 hexadecimal digits")
    return int(text.ljust(_DIGITS, "0"), 16)
