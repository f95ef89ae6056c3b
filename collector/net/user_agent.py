"""How the collector introduces itself to backends."""

from __future__ import annotations

from functools import cache


@cache
def user_agent() -> str:
    """Return `pyotelcol/<version>`; without a version where the distribution is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  slow, and not needed to validate

    try:
        return f"pyotelcol/{version('pyotelcol')}"
    except PackageNotFoundError:
        return "pyotelcol"
