"""Log records follow the decision on their trace: what a dropped trace logged is dropped with it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from collector.api import Batch, Consumer, Counter, DropReason, RefusalReason, RetryableError, Settings, Signal
from processors.tail_sampling.common import Common, State
from processors.tail_sampling.config import LogsWithoutTrace, TailSamplingConfig
from processors.tail_sampling.grouping import NO_TRACE, Grouping
from processors.tail_sampling.held import Held, Line
from processors.tail_sampling.measures import PREFIX
from processors.tail_sampling.outbox import Outbox
from processors.tail_sampling.trace import Part

_SLICE = 64
"""Traces after which others have their turn."""


class FollowingLogs:
    """Sends the log records of a trace that is kept, drops those of one that is not, and holds those in between.

    Which comes first, a trace or its log records, nobody knows.  So records of a trace of which nothing is known are
    held for `decision_wait`, as spans are; those of a trace that is held wait for its decision.
    """

    def __init__(self, config: TailSamplingConfig, settings: Settings, next: Consumer, common: Common) -> None:
        self._config = config
        self._settings = settings
        self._common = common
        self._grouping = Grouping(Signal.LOGS)
        self._outbox = Outbox(Signal.LOGS, settings, next)
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._size = 0
        self._line = Line(config.decision_wait)
        self._sampled_out = 0
        self._counters: dict[tuple[bool, str], Counter] = {}
        self._is_closed = False

    @property
    def size(self) -> int:
        """Bytes of all records that are held for a decision."""
        return self._size

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Say no while what comes next is behind, or there is no room and `block_on_overflow`."""
        if refusal := self._outbox.admits(items, size):
            return refusal
        if not (self._config.block_on_overflow and self._held and self._is_over(size, 1)):
            return None
        message = "as many log records wait for decisions on their traces as may"
        return RetryableError(message, retry_after=1.0, reason=RefusalReason.QUEUE_FULL)

    async def consume(self, batch: Batch) -> None:
        if self._is_closed:
            self._settings.telemetry.dropped(Signal.LOGS, DropReason.SHUTDOWN_DEADLINE, len(batch))
            return
        groups = list(self._grouping.groups(batch))
        self._settings.telemetry.held(Signal.LOGS, len(batch))
        now = self._settings.clock.monotonic()
        for group in groups:
            for trace_id, records in group.by_trace.items():
                self._take(trace_id, Part(group.origin, records), now)
        while self._held and not self._config.block_on_overflow and self._is_over():
            self._release(next(iter(self._held)), kept=True, because="overflow")
        self.settle()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._is_closed = False
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._outbox.pass_on()), tasks.create_task(self._release_in_time())]
                try:
                    yield
                    await self._release_all()
                    await self._outbox.drain()
                finally:
                    self._is_closed = True
                    for task in running:
                        task.cancel()
        finally:
            self._give_up()

    def decided(self, trace_id: bytes, *, kept: bool) -> None:
        if trace_id in self._held:
            self._release(trace_id, kept=kept, because="decision", waits=False)

    def settle(self) -> None:
        """Count what was dropped, and send what was kept."""
        dropped, self._sampled_out = self._sampled_out, 0
        self._settings.telemetry.held(Signal.LOGS, -dropped)
        self._settings.telemetry.dropped(Signal.LOGS, DropReason.SAMPLED_OUT, dropped)
        self._outbox.flush()

    def _take(self, trace_id: bytes, part: Part, now: float) -> None:
        if trace_id == NO_TRACE:
            self._follow([part], kept=True, because="no_trace_id")
            return
        size = sum(map(len, part.spans))
        if held := self._held.get(trace_id):
            held.add(*part, size)
            self._size += size
            return
        match self._common.state(trace_id):
            case State.KEPT:
                self._follow([part], kept=True, because="decision")
            case State.DROPPED:
                self._follow([part], kept=False, because="decision")
            case _:
                held = self._held[trace_id] = Held(trace_id, *part, size, now)
                self._size += size
                self._line.join([held], now)
                self._common.wait_for(trace_id, self)

    def _is_over(self, more: int = 0, traces: int = 0) -> bool:
        most = self._config.maximum_held_log_bytes
        return len(self._held) + traces > self._config.num_traces or self._size + more > most

    async def _release_in_time(self) -> None:
        """Let those go of which nothing is known when their wait is over, for ever; the others wait on."""
        while True:
            now = await self._line.until_due(self._settings.clock)
            for count, held in enumerate(self._line.due(now), 1):
                self._release_unless_pending(held.trace_id)
                if count % _SLICE == 0:
                    self.settle()
                    await asyncio.sleep(0)
            self.settle()

    async def _release_all(self) -> None:
        """Have everything decided that is waited for: nobody knows whether those who decide end before or after."""
        while self._held:
            slice_ = list(islice(self._held, _SLICE))
            self._common.decide_now(slice_)
            for trace_id in slice_:
                if trace_id in self._held:
                    self._release_unless_pending(trace_id)
            self.settle()
            await asyncio.sleep(0)

    def _release_unless_pending(self, trace_id: bytes) -> None:
        match self._common.state(trace_id):
            case State.PENDING:
                pass
            case State.UNKNOWN:
                kept = self._config.logs_without_trace is LogsWithoutTrace.KEEP
                self._release(trace_id, kept=kept, because="no_decision")
            case decided:
                self._release(trace_id, kept=decided is State.KEPT, because="decision")

    def _release(self, trace_id: bytes, *, kept: bool, because: str, waits: bool = True) -> None:
        held = self._held.pop(trace_id)
        self._size -= held.size
        if waits:
            self._common.wait_no_longer(trace_id, self)
        self._follow(held.parts, kept=kept, because=because)
        held.forget()

    def _follow(self, parts: Sequence[Part], *, kept: bool, because: str) -> None:
        records = sum([len(part.spans) for part in parts])
        if kept:
            for part in parts:
                self._outbox.put(part.origin, None, part.spans)
        else:
            self._sampled_out += records
        counter = self._counters.get((kept, because))
        if counter is None:
            counter = self._counters[kept, because] = self._settings.telemetry.counter(
                PREFIX + "log_records",
                "Log records that followed a decision, or went without one.",
                sampled="true" if kept else "false",
                because=because,
            )
        counter.add(records)

    def _give_up(self) -> None:
        """Count what the drain timeout left behind."""
        self.settle()
        self._outbox.give_up()
        left = sum([held.span_count for held in self._held.values()])
        for trace_id, held in self._held.items():
            self._common.wait_no_longer(trace_id, self)
            held.forget()
        self._held.clear()
        self._size = 0
        self._settings.telemetry.held(Signal.LOGS, -left)
        self._settings.telemetry.dropped(Signal.LOGS, DropReason.SHUTDOWN_DEADLINE, left)
