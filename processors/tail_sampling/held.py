"""Traces on which nothing has been decided, in the order in which their time comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat

from collector.api import Clock
from processors.tail_sampling.trace import Origin, Trace

_TICK = 0.1
"""Seconds between two rounds of deciding at least, so that what is kept goes out in large requests."""


class Held(Trace):
    """A trace of which more may come.  A million spans may be held, so it is two objects and no more."""

    __slots__ = ("has_root", "since")

    def __init__(self, trace_id: bytes, origin: Origin, raws: list[bytes], size: int, now: float) -> None:
        Trace.__init__(self, trace_id, origin, raws, size)  # super() would cost as much again as all that is set
        self.since = now
        """When the first record came: the same number object for all of a request."""
        self.has_root = False


class Line:
    """Traces that all wait for the same number of seconds, the first of them in front.

    One that has let go of its spans in the meantime is passed over.
    """

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self._traces: deque[Held] = deque()
        self._due: deque[float] = deque()  # beside the traces: a number costs no object, a pair would
        self._has_somebody = asyncio.Event()

    def join(self, traces: Sequence[Held], now: float) -> None:
        """Have traces wait from `now` on."""
        if not traces:
            return
        if not self._traces:
            self._has_somebody.set()
        self._traces.extend(traces)
        self._due.extend(repeat(now + self.wait, len(traces)))

    def next_due(self) -> float | None:
        """Return when the first of those that still wait is to be decided; None if nobody waits."""
        while self._traces and not self._traces[0].raws:
            self._leave()
        return self._due[0] if self._due else None

    async def until_due(self, clock: Clock) -> float:
        """Return what time it is when somebody's time has come."""
        while (due := self.next_due()) is None:
            self._has_somebody.clear()
            await self._has_somebody.wait()
        pause = due - clock.monotonic()
        if pause > 0:
            await clock.sleep(max(pause, min(_TICK, self.wait / 10)))
        return clock.monotonic()

    def first(self) -> Held | None:
        """Return the trace that has waited longest, which leaves the line."""
        return None if self.next_due() is None else self._leave()

    def due(self, now: float) -> Iterator[Held]:
        """Yield traces whose time has come; each leaves the line."""
        traces, due = self._traces, self._due
        while due and (due[0] <= now or not traces[0].raws):
            due.popleft()
            held = traces.popleft()
            if held.raws:
                yield held

    def _leave(self) -> Held:
        self._due.popleft()
        return self._traces.popleft()
