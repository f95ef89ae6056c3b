"""Settings of gRPC's core, which takes numbers of 32 bits."""

from __future__ import annotations

LARGEST = 2**31 - 1


def milliseconds(seconds: float) -> int:
    """Return a time as the core takes it: at least one millisecond; more than 24 days are as good as for ever."""
    return max(min(int(seconds * 1000), LARGEST), 1)
