"""A clock that moves only when told."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_TURNS = 20
"""How often the event loop goes round after each step: enough for what was woken to come to rest."""


class FakeClock:
    """Implements `api.Clock`: whoever sleeps on it wakes when `advance` has come to its time."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self._started = time
        self._now = 0.0
        self._serial = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._started + self._now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(seconds, 0.0), next(self._serial), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass: wake sleepers one after the other, each at its own time, and let it do what it woke for."""
        end = self._now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, future = heapq.heappop(self._sleepers)
            if not future.done():  # it may have been cancelled
                future.set_result(None)
                await _settle()
        self._now = end


async def _settle() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
