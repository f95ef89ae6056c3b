"""Traces on which nothing has been decided, in the order in which their time comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from collector.api import Clock
from processors.tail_sampling.grouping import Entries
from processors.tail_sampling.trace import Origin, Part, Trace

_TICK = 0.1
"""Seconds between two rounds of deciding at least, so that what is kept goes out in large requests."""


class Held(Trace):
    """A trace of which more may come.  A million spans may be held, so it is two objects and no more."""

    __slots__ = ("_places", "entries", "has_root", "since")

    def __init__(self, trace_id: bytes, entries: Entries, size: int, now: float) -> None:
        super().__init__(trace_id, (), size)
        self.entries: Entries = entries
        self.since = now
        """When the first record came: the same number object for all of a request."""
        self.has_root = False
        self._places = 1  # origins among the entries

    @property
    def parts(self) -> Sequence[Part]:
        """The records with their origins, each origin once, in the order in which they first came."""
        if self._places == 1:
            return [part_of(self.entries)]
        by_origin: dict[Origin, list[bytes]] = {}
        records: list[bytes] = []
        for entry in self.entries:
            if isinstance(entry, bytes):
                records.append(entry)
            else:
                records = by_origin.setdefault(entry, [])
        return [Part(origin, records) for origin, records in by_origin.items()]

    @property
    def raws(self) -> Sequence[bytes]:
        return self.entries[1:] if self._places == 1 else [raw for raw in self.entries if isinstance(raw, bytes)]

    @property
    def origins(self) -> Sequence[Origin]:
        return self.entries[:1] if self._places == 1 else [part.origin for part in self.parts]

    @property
    def records(self) -> int:
        """How many there are, until they are let go of."""
        return len(self.entries) - self._places

    span_count = records

    def add(self, entries: Entries, size: int) -> None:
        """Take over records of the same trace that came together."""
        if self._places == 1 and entries[0] is self.entries[0]:
            self.entries += entries[1:]
        else:
            self.entries += entries
            self._places += 1
        self.size += size

    def forget(self) -> None:
        """Let go of the records.  This object may have to wait in a line until its time comes."""
        self.entries = []
        self._text = self._glance = self._heads = None

    @property
    def is_waiting(self) -> bool:
        """Whether nothing has been decided yet."""
        return bool(self.entries)


def part_of(entries: Entries) -> Part:
    """Return records that came together, all from one origin."""
    return Part(entries[0], entries[1:])


class Line:
    """Traces that all wait for the same number of seconds, the first of them in front."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self._traces: deque[Held] = deque()
        self._due: deque[float] = deque()  # beside the traces: a number costs no object, a pair would
        self._has_somebody = asyncio.Event()

    def join(self, held: Held, now: float) -> None:
        """Have a trace wait from `now` on."""
        if not self._traces:
            self._has_somebody.set()
        self._traces.append(held)
        self._due.append(now + self.wait)

    def next_due(self) -> float | None:
        """Return when the first of those that still wait is to be decided; None if nobody waits."""
        while self._traces and not self._traces[0].is_waiting:
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
        while due and (due[0] <= now or not traces[0].entries):
            due.popleft()
            held = traces.popleft()
            if held.entries:
                yield held

    def _leave(self) -> Held:
        self._due.popleft()
        return self._traces.popleft()
