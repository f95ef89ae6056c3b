"""Work on large requests, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

LARGE = 1 << 18
"""Bytes from which a step of the work would hold up the others for more than some ten milliseconds."""


class Aside:
    """Runs what takes long in a thread, one piece at a time: two would only wait for each other, and take memory."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work(*arguments)` returns, or raise what it raises."""
        async with self._turn:
            return await asyncio.to_thread(work, *arguments)
