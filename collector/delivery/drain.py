"""The moment from which on nothing waits for long: the collector is stopping, and what is held should leave now."""

from __future__ import annotations

import asyncio
import random

from collector.api import Clock

LONGEST_PAUSE = 1.0
"""Seconds between two attempts while draining, whatever the backend asks for: later would be never."""


class Drain:
    """Tells every delivery that the collector is stopping; shared by all of them."""

    def __init__(self) -> None:
        self.has_begun = False
        self._pauses: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """End every pause: each batch that waits for its next attempt has it now."""
        self.has_begun = True
        for pause in self._pauses:
            pause.cancel()

    def limit(self, seconds: float) -> float:
        """Return how long a pause of `seconds` should be now."""
        return min(seconds, random.uniform(LONGEST_PAUSE / 2, LONGEST_PAUSE)) if self.has_begun else seconds

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Wait for `seconds`, or until draining begins."""
        pause = asyncio.create_task(clock.sleep(seconds))
        self._pauses.add(pause)
        try:
            await asyncio.wait([pause])
        finally:
            self._pauses.discard(pause)
            pause.cancel()
