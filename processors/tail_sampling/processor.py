"""Holds spans until there is reason to believe that their traces are complete, then decides on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.api import Batch, Consumer, DropReason, RefusalReason, RetryableError, Settings, Signal
from collector.wire.projection import VALUE, project
from processors.tail_sampling.common import Common
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.grouping import NO_TRACE, Group, Grouping
from processors.tail_sampling.held import Held, Line
from processors.tail_sampling.measures import Measures
from processors.tail_sampling.outbox import Outbox, as_it_came
from processors.tail_sampling.ring import How, Ring
from processors.tail_sampling.scopes import scope_with_reason
from processors.tail_sampling.trace import Part
from processors.tail_sampling.verdicts import Decides, Verdicts

_SLICE = 0.005
"""Seconds of deciding after which others have their turn."""
_PORTION = 64
"""Traces on which is decided together, between two looks at the clock."""
_PORTION_BYTES = 1 << 18
"""Bytes of their spans: what is read stays in the processor's cache."""
_MOST_IN_A_SLICE = 8
"""Portions after which others have their turn in any case."""
_PARENT: Any = project(Span, {"parent_span_id": VALUE})
_HAS_PARENT = b'"\x08'
"""How the parent is written of a span that begins with a trace id and a span id: field 4 with 8 bytes."""
_NO_PARENT = bytes(8)
"""What some write where no parent is; the OpenTelemetry Collector, too, takes these spans for roots."""


class TailSampling:
    """Sends all spans of a trace or none, however they come."""

    def __init__(
        self,
        config: TailSamplingConfig,
        settings: Settings,
        next: Consumer,
        decides: Decides,
        ring: Ring,
        common: Common,
    ) -> None:
        self._config = config
        self._settings = settings
        self._ring = ring
        self._common = common
        self._measures = Measures(settings.telemetry, list(decides.policies))
        self._grouping = Grouping(Signal.TRACES)
        scope_of = scope_with_reason if config.record_policy else as_it_came
        self._outbox = Outbox(Signal.TRACES, settings, next, scope_of)
        self._verdicts = Verdicts(config, settings, decides, self._outbox, ring, self._measures, common)
        self._traces: dict[bytes, Held] = {}
        self._size = 0
        self._line = Line(config.decision_wait)
        self._roots = Line(config.decision_wait_after_root_received)
        self._looks_closer = config.maximum_trace_size_bytes > 0 or config.decision_wait_after_root_received > 0
        self._rounds = 0
        self._is_closed = False
        common.join(self)

    @property
    def traces(self) -> int:
        """How many undecided ones are held."""
        return len(self._traces)

    @property
    def size(self) -> int:
        """Bytes of all spans of undecided traces."""
        return self._size

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Say no while what comes next is behind, or there is no room and `block_on_overflow`.

        Whoever holds nothing takes a request of any size: refused once it would be refused for ever.
        """
        if refusal := self._outbox.admits(items, size):
            return refusal
        if not (self._config.block_on_overflow and self._traces and self._is_full(size)):
            return None
        message = "as many undecided traces are held as may be"
        return RetryableError(message, retry_after=1.0, reason=RefusalReason.QUEUE_FULL)

    async def consume(self, batch: Batch) -> None:
        if self._is_closed:
            self._settings.telemetry.dropped(Signal.TRACES, DropReason.SHUTDOWN_DEADLINE, len(batch))
            return
        groups = list(self._grouping.groups(batch))
        self._settings.telemetry.held(Signal.TRACES, len(batch))
        now = self._settings.clock.monotonic()
        self._take(groups, now)
        if self._is_over() and not self._config.block_on_overflow:
            await self._decide_all(self._over(), How.OVERFLOW)
        else:
            self._settle()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._is_closed = False
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._outbox.pass_on()),
                    tasks.create_task(self._decide_in_time(self._line, How.DECISION_WAIT)),
                    tasks.create_task(self._decide_in_time(self._roots, How.ROOT)),
                ]
                try:
                    yield
                    await self._decide_all(self._line.due(float("inf")), How.SHUTDOWN)
                    await self._outbox.drain()
                finally:
                    self._is_closed = True
                    for task in running:
                        task.cancel()
        finally:
            self._give_up()

    def decisions_on(self, trace_id: bytes) -> list[dict[str, object]]:
        """Return what was decided on a trace, the newest last, and whether it is still to be decided."""
        decided = self._ring.decisions_on(trace_id)
        held = self._traces.get(trace_id)
        return [*decided, {"decision": "pending", "spans": held.span_count}] if held else decided

    def knows(self, trace_id: bytes) -> bool | None:
        return self._verdicts.knows(trace_id)

    def holds(self, trace_id: bytes) -> bool:
        return trace_id in self._traces

    def decide_now(self, trace_ids: Iterable[bytes]) -> None:
        for trace_id in trace_ids:
            if held := self._traces.get(trace_id):
                self._forget(held)
                self._decide([held], self._settings.clock.monotonic(), How.SHUTDOWN)
        self._settle()

    def _take(self, groups: Sequence[Group], now: float) -> None:
        traces, began = self._traces, []
        decided = self._verdicts.decided_among(_traces_of(groups))
        for origin, by_trace in groups:
            for trace_id, raws in by_trace.items():
                size = sum(map(len, raws))
                held = traces.get(trace_id)
                if held is not None:
                    held.add(origin, raws, size)
                elif trace_id == NO_TRACE:
                    self._verdicts.pass_on(Part(origin, raws))
                    continue
                elif trace_id in decided and self._verdicts.follow(trace_id, Part(origin, raws), now):
                    continue
                else:
                    held = traces[trace_id] = Held(trace_id, origin, raws, size, now)
                    began.append(held)
                self._size += size
                if self._looks_closer and not self._may_stay(held, raws, now):
                    decided.add(trace_id)
        self._line.join(began, now)
        self._measures.new_traces.add(len(began))

    def _may_stay(self, held: Held, raws: Iterable[bytes], now: float) -> bool:
        """Drop a trace of which there is more than may be; see whether its root is among the spans that came."""
        if 0 < self._config.maximum_trace_size_bytes < held.size:
            self._forget(held)
            self._verdicts.too_large(held)
            return False
        if self._roots.wait and not held.has_root and _has_root(raws):
            held.has_root = True
            self._roots.join([held], now)
        return True

    def _is_full(self, more: int = 0) -> bool:
        most = self._config.maximum_held_bytes
        return len(self._traces) >= self._config.num_traces or 0 < most < self._size + more

    def _is_over(self) -> bool:
        return len(self._traces) > self._config.num_traces or 0 < self._config.maximum_held_bytes < self._size

    def _over(self) -> Iterator[Held]:
        """Yield the oldest, to be decided on before their time: on less than could be known, but on all."""
        while self._is_over() and (held := self._line.first()) is not None:
            self._measures.too_early.add(1)
            yield held

    async def _decide_in_time(self, line: Line, how: How) -> None:
        """Decide on those in a line, each when its time has come, for ever."""
        while True:
            now = await line.until_due(self._settings.clock)
            await self._decide_all(line.due(now), how)
            self._measures.timer_latency.observe((self._settings.clock.monotonic() - now) * 1000)
            self._measures.settle()

    async def _decide_all(self, traces: Iterator[Held], how: How) -> None:
        """Decide on traces in slices, so that nobody waits long for the loop."""
        self._rounds += 1
        try:
            while not self._decide_slice(traces, how):
                self._verdicts.settle()
                await asyncio.sleep(0)
        finally:
            self._rounds -= 1
            self._settle()

    def _decide_slice(self, traces: Iterator[Held], how: How) -> bool:
        """Decide for as long as one may hold the loop; return whether that was all."""
        clock = self._settings.clock
        started = clock.monotonic()
        for _ in range(_MOST_IN_A_SLICE):
            if not (portion := self._portion(traces)):
                return True
            self._decide(portion, started, how)
            if clock.monotonic() - started > _SLICE:
                break
        return False

    def _portion(self, traces: Iterator[Held]) -> Sequence[Held]:
        """Return the next traces on which to decide together; they are held no longer."""
        portion: list[Held] = []
        undecided, least = self._traces, self._size - _PORTION_BYTES
        for held in islice(traces, _PORTION):
            del undecided[held.trace_id]
            self._size -= held.size
            portion.append(held)
            if self._size <= least:
                break
        return portion

    def _decide(self, portion: Sequence[Held], now: float, how: How) -> None:
        if how is How.SHUTDOWN and self._config.drop_pending_traces_on_shutdown:
            self._verdicts.leave(portion)
        else:
            self._verdicts.decide(portion, now, how)

    def _forget(self, held: Held) -> None:
        del self._traces[held.trace_id]
        self._size -= held.size

    def _settle(self) -> None:
        """Count what was dropped, and send what was kept unless more is about to be."""
        self._verdicts.settle()
        if not self._rounds:
            self._outbox.flush()
            self._common.settle()

    def _give_up(self) -> None:
        """Count what the drain timeout left behind."""
        self._verdicts.settle()
        self._outbox.give_up()
        left = sum([held.span_count for held in self._traces.values()])
        for held in self._traces.values():
            held.forget()
        self._traces.clear()
        self._size = 0
        self._settings.telemetry.held(Signal.TRACES, -left)
        self._settings.telemetry.dropped(Signal.TRACES, DropReason.SHUTDOWN_DEADLINE, left)


def _traces_of(groups: Sequence[Group]) -> AbstractSet[bytes]:
    if len(groups) == 1:
        return groups[0].by_trace.keys()
    return set().union(*[group.by_trace for group in groups])


def _has_root(raws: Iterable[bytes]) -> bool:
    """Say whether one of some spans has no parent."""
    return any(
        (span[28:30] != _HAS_PARENT or span[30:38] == _NO_PARENT) and not any(_PARENT.FromString(span).parent_span_id)
        for span in raws
    )
