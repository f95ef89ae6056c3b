"""What is to be sent: put together again, in requests of a decent size, and held until somebody takes it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from collector.api import Batch, Consumer, DropReason, RefusalReason, RetryableError, Settings, Signal
from processors.tail_sampling.framing import framed, head
from processors.tail_sampling.remembered import Reason
from processors.tail_sampling.trace import Origin, Part

MOST_ITEMS = 8192
"""Records that go out in one request."""
MOST_BYTES = 4_000_000
"""Bytes of records that go out in one request, unless a single one is larger.  OTLP servers take 4 MiB by default."""
_ENOUGH = 2 * MOST_ITEMS
"""Records that may wait while what comes next has no room."""
_TOO_MANY = 32 * MOST_ITEMS
"""Records that may wait whatever what comes next says: more is kept than passes through."""


# opentelemetry-proto: fields of a request and of its resources, the same for all signals
_RESOURCE, _SCOPE = 1, 2
_MOST_IN_FRONT = 6
"""Bytes that stand before a record at most."""


class _Waiting:
    """Records that stood in the same place and go out for the same reason."""

    __slots__ = ("items", "wires")

    def __init__(self) -> None:
        self.wires: list[bytes] = []
        self.items = 0


class _Scope(NamedTuple):
    """The same when they go out."""

    origin: Origin
    shell: bytes
    """A serialised scope without its records."""
    waiting: _Waiting


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
        self._open: defaultdict[tuple[Origin, Reason | None], _Waiting] = defaultdict(_Waiting)
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

    def put(self, part: Part, reason: Reason | None) -> None:
        """Take records that are held already.  They wait for others until `flush`."""
        origin, wire, count = part
        size = len(wire)
        if (count > MOST_ITEMS or size > MOST_BYTES) and count > 1:
            for piece in _pieces(part):
                self.put(piece, reason)
            return
        if self._open_items + count > MOST_ITEMS or self._open_size + size > MOST_BYTES:
            self.flush()
        waiting = self._open[origin, reason]
        waiting.wires.append(wire)
        waiting.items += count
        self._open_items += count
        self._open_size += size

    def flush(self) -> None:
        """Send what waits for company."""
        if not self._open:
            return
        by_metadata: defaultdict[Any, list[_Scope]] = defaultdict(list)
        for (origin, reason), waiting in self._open.items():
            scope = _Scope(origin, self._scope_of(origin, reason), waiting)
            by_metadata[tuple(sorted(origin.metadata.items()))].append(scope)
        self._open.clear()
        self._open_items = self._open_size = 0
        for scopes in by_metadata.values():
            items = sum([scope.waiting.items for scope in scopes])
            batch = Batch(self._signal, wire=_request(scopes), items=items, metadata=scopes[0].origin.metadata)
            self._ready.put_nowait(batch)
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


def _request(scopes: Iterable[_Scope]) -> bytes:
    """Put records of one resource under one resource again."""
    resources: defaultdict[bytes, list[bytes]] = defaultdict(list)
    rests = {origin.request: None for origin, _, _ in scopes}
    for origin, shell, waiting in scopes:
        content = [shell, *waiting.wires]
        resources[origin.resource] += [head(_SCOPE, sum(map(len, content))), *content]
    wire = list(rests)
    for shell, content in resources.items():
        wire += [head(_RESOURCE, len(shell) + sum(map(len, content))), shell, *content]
    return b"".join(wire)


def _pieces(part: Part) -> Iterator[Part]:
    """Yield what fits into one request each: a record that is larger stands alone."""
    piece: list[bytes] = []
    size = 0
    for record in part.spans:
        if piece and (len(piece) == MOST_ITEMS or size + len(record) + _MOST_IN_FRONT > MOST_BYTES):
            yield Part(part.origin, framed(piece)[0], len(piece))
            piece, size = [], 0
        piece.append(record)
        size += len(record) + _MOST_IN_FRONT
    yield Part(part.origin, framed(piece)[0], len(piece))
