"""What is to be sent: put together again, in requests of a decent size, and held until somebody takes it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from collector.api import Batch, Consumer, DropReason, RefusalReason, RetryableError, Settings, Signal
from collector.batch import SHAPES
from processors.tail_sampling.remembered import Reason
from processors.tail_sampling.trace import Origin

MOST_ITEMS = 8192
"""Records that go out in one request."""
MOST_BYTES = 4_000_000
"""Bytes of records that go out in one request, unless a single one is larger.  OTLP servers take 4 MiB by default."""
_ENOUGH = 2 * MOST_ITEMS
"""Records that may wait while what comes next has no room."""
_TOO_MANY = 32 * MOST_ITEMS
"""Records that may wait whatever what comes next says: more is kept than passes through."""


class Portion(NamedTuple):
    """Records that stood in the same place and go out for the same reason."""

    origin: Origin
    reason: Reason | None
    records: Sequence[bytes]


ScopeOf: TypeAlias = Callable[[Origin, Reason | None], bytes]
"""Returns the scope that records go out in, without them."""


def as_it_came(origin: Origin, reason: Reason | None) -> bytes:
    """Return the scope in which records came."""
    return origin.scope


class Outbox:
    """Passes on what it was given.  What it has not handed on is held, and counted as such."""

    def __init__(self, signal: Signal, settings: Settings, next: Consumer, scope_of: ScopeOf = as_it_came) -> None:
        self._signal = signal
        self._settings = settings
        self._next = next
        self._scope_of = scope_of
        self._open: defaultdict[tuple[Origin, Reason | None], list[bytes]] = defaultdict(list)
        self._open_items = self._open_size = 0
        self._ready: asyncio.Queue[Batch] = asyncio.Queue()
        self._ready_items = 0

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Say no while what comes next is behind."""
        if self._ready_items < _ENOUGH:
            return None
        if refusal := self._next.admits(items, size):
            return refusal
        if self._ready_items < _TOO_MANY:
            return None
        return RetryableError("the next component is behind", retry_after=1.0, reason=RefusalReason.QUEUE_FULL)

    def put(self, origin: Origin, reason: Reason | None, records: Sequence[bytes]) -> None:
        """Take records that are held already.  They wait for others until `flush`."""
        size = sum(map(len, records))
        if self._open_items + len(records) > MOST_ITEMS or self._open_size + size > MOST_BYTES:
            self.flush()
        self._open[origin, reason] += records
        self._open_items += len(records)
        self._open_size += size

    def flush(self) -> None:
        """Send what waits for company."""
        if not self._open:
            return
        fits = self._open_items <= MOST_ITEMS and self._open_size <= MOST_BYTES
        by_metadata = defaultdict(list)
        for (origin, reason), records in self._open.items():
            by_metadata[tuple(sorted(origin.metadata.items()))].append(Portion(origin, reason, records))
        self._open.clear()
        self._open_items = self._open_size = 0
        for portions in by_metadata.values():
            for piece in [portions] if fits else _pieces(portions):
                items = sum([len(portion.records) for portion in piece])
                wire = self._request(piece).SerializeToString()
                self._ready.put_nowait(Batch(self._signal, wire=wire, items=items, metadata=piece[0].origin.metadata))
                self._ready_items += items

    async def pass_on(self) -> None:
        """Hand on what is ready, for ever."""
        while True:
            batch = await self._ready.get()
            items = len(batch)
            self._settings.telemetry.held(self._signal, -items)
            try:
                await self._next.consume(batch)
            finally:
                self._ready_items -= items
                self._ready.task_done()

    async def drain(self) -> None:
        """Send everything; return when all of it was handed on."""
        self.flush()
        await self._ready.join()

    def give_up(self) -> None:
        """Count what the drain timeout left behind."""
        left = self._open_items
        self._open.clear()
        self._open_items = self._open_size = self._ready_items = 0
        while not self._ready.empty():
            left += len(self._ready.get_nowait())
            self._ready.task_done()
        self._settings.telemetry.held(self._signal, -left)
        self._settings.telemetry.dropped(self._signal, DropReason.SHUTDOWN_DEADLINE, left)

    def _request(self, portions: Sequence[Portion]) -> Any:
        """Put records of one resource under one resource again."""
        shape = SHAPES[self._signal]
        resources, scopes, records_of = shape.path
        request: Any = shape.skeleton()
        for rest in {portion.origin.request for portion in portions if portion.origin.request}:
            request.MergeFromString(rest)
        nodes: dict[bytes, Any] = {}
        for origin, reason, records in portions:
            node = nodes.get(origin.resource)
            if node is None:
                node = nodes[origin.resource] = resources(request).add()
                node.MergeFromString(origin.resource)
            scope = scopes(node).add()
            scope.MergeFromString(self._scope_of(origin, reason))
            records_of(scope).extend(records)
        return request


def _pieces(portions: Sequence[Portion]) -> Iterator[Sequence[Portion]]:
    """Yield portions that fit into one request each."""
    piece: list[Portion] = []
    room, items = MOST_BYTES, MOST_ITEMS
    for origin, reason, records in portions:
        start = 0
        for end, record in enumerate(records):
            if (not items or room < len(record)) and items < MOST_ITEMS:
                yield _with(piece, Portion(origin, reason, records[start:end]))
                piece, start, room, items = [], end, MOST_BYTES, MOST_ITEMS
            room -= len(record)
            items -= 1
        piece = _with(piece, Portion(origin, reason, records[start:]))
    yield piece


def _with(piece: list[Portion], portion: Portion) -> list[Portion]:
    return [*piece, portion] if portion.records else piece
