"""Times as text for modes that write RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime

from exporters.elasticsearch.fragments import Memory


def rfc3339(nanoseconds: int) -> str:
    """Return a time in UTC with nine digits behind the point: `2024-01-15T10:30:00.000000000Z`."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_seconds[seconds]}.{rest:09}Z"


_seconds: Memory[int, str] = Memory(
    lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S"), 4096
)
