"""Join small batches into larger ones, so that exporters send fewer requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from google.protobuf.message import DecodeError
from pydantic import Field, model_validator

from collector.api import BufferingProcessorFactory, ComponentConfig, Consumer, Settings
from collector.batch import Batch
from collector.config_types import Duration
from collector.errors import DropReason, RefusalReason, RetryableError

Metadata = tuple[str, ...]


class BatchConfig(ComponentConfig):
    timeout: Duration = Field(default=0.2, description="How long the first item waits at most; 0 sends at once.")
    send_batch_size: int = Field(default=8192, ge=0, description="Items that trigger sending at once.")
    send_batch_max_size: int = Field(
        default=0, ge=0, description="Items a batch has at most, larger are split; 0 for any."
    )
    send_batch_max_bytes: int = Field(
        default=4_000_000,
        ge=0,
        description="Bytes that requests are joined up to, a larger one goes alone; 0 for any. "
        "OTLP servers take 4 MiB unless told otherwise.",
    )
    metadata_keys: list[str] = Field(default=[], description="Batches with other values of these are kept apart.")
    metadata_cardinality_limit: int = Field(
        default=1000, ge=1, description="How many combinations of values may wait; one more sends the oldest on early."
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if 0 < self.send_batch_max_size < self.send_batch_size:
            raise ValueError("send_batch_max_size must be 0 or at least send_batch_size")
        if len({key.lower() for key in self.metadata_keys}) < len(self.metadata_keys):
            raise ValueError("metadata_keys has a key twice")
        return self


class _Shard:
    """What waits for company: batches of one combination of metadata values."""

    def __init__(self) -> None:
        self.parts: list[Batch] = []
        self.items = 0
        self.size = 0
        self.timer: asyncio.Task[None] | None = None

    def take(self) -> list[Batch]:
        parts, self.parts = self.parts, []
        self.items = self.size = 0
        if self.timer and self.timer is not asyncio.current_task():
            self.timer.cancel()
        self.timer = None
        return parts


class BatchProcessor:
    """Passes on what it was given, in order, in larger portions and never later than `timeout`."""

    def __init__(self, config: BatchConfig, settings: Settings, next: Consumer) -> None:
        self._config = config
        self._settings = settings
        self._next = next
        self._keys = [key.lower() for key in config.metadata_keys]
        self._trigger = (config.send_batch_size or 1) if config.timeout else 1
        self._shards: dict[Metadata, _Shard] = {}
        self._ready: asyncio.Queue[Batch] = asyncio.Queue()
        self._ready_items = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._is_closed = False

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Two full batches may wait for what comes next; then senders have to."""
        if self._ready_items < 2 * max(self._config.send_batch_size, 1):
            return None
        if refusal := self._next.admits(items, size):
            return refusal
        return RetryableError("the next component is behind", retry_after=1.0, reason=RefusalReason.QUEUE_FULL)

    async def consume(self, batch: Batch) -> None:
        items = len(batch)
        if self._is_closed:
            self._settings.telemetry.dropped(batch.signal, DropReason.SHUTDOWN_DEADLINE, items)
            return
        self._settings.telemetry.held(batch.signal, items)
        if not batch.shape.joinable:
            self._send(batch)
            return
        shard, size, most = self._shard(batch), len(batch.wire), self._config.send_batch_max_bytes
        if 0 < most < shard.size + size:
            self._flush(shard)
        shard.parts.append(batch)
        shard.items += items
        shard.size += size
        if shard.items >= self._trigger or 0 < most <= shard.size:
            self._flush(shard)
        elif shard.timer is None and self._tasks:
            shard.timer = self._tasks.create_task(self._flush_later(shard))

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._is_closed = False
        try:
            async with asyncio.TaskGroup() as self._tasks:
                sender = self._tasks.create_task(self._pass_on())
                try:
                    yield
                    for shard in self._shards.values():
                        self._flush(shard)
                    await self._ready.join()
                finally:
                    self._is_closed = True
                    sender.cancel()
                    for shard in self._shards.values():
                        if shard.timer:
                            shard.timer.cancel()
        finally:
            self._give_up()

    def _shard(self, batch: Batch) -> _Shard:
        values = tuple([batch.metadata.get(key, "") for key in self._keys])
        shard = self._shards.get(values)
        if shard is None:
            self._make_room_for_a_shard()
            shard = self._shards[values] = _Shard()
        return shard

    def _make_room_for_a_shard(self) -> None:
        """Forget idle combinations; if all are in use, send the oldest on before its time."""
        if len(self._shards) < self._config.metadata_cardinality_limit:
            return
        self._shards = {values: shard for values, shard in self._shards.items() if shard.parts}
        if len(self._shards) >= self._config.metadata_cardinality_limit:
            self._flush(self._shards.pop(next(iter(self._shards))))

    def _flush(self, shard: _Shard) -> None:
        if parts := shard.take():
            self._send(Batch.join(parts))

    def _send(self, batch: Batch) -> None:
        try:
            pieces = list(batch.split(self._config.send_batch_max_size or max(len(batch), 1)))
        except DecodeError:  # a component before this one made bytes that are not OTLP: who reads them has the answer
            pieces = [batch]
        for piece in pieces:
            self._ready_items += len(piece)
            self._ready.put_nowait(piece)

    async def _flush_later(self, shard: _Shard) -> None:
        await self._settings.clock.sleep(self._config.timeout)
        self._flush(shard)

    async def _pass_on(self) -> None:
        while True:
            batch = await self._ready.get()
            signal, items = batch.signal, len(batch)
            self._settings.telemetry.held(signal, -items)
            try:
                await self._next.consume(batch)
            finally:
                self._ready_items -= items
                self._ready.task_done()

    def _give_up(self) -> None:
        """Count what the drain timeout left behind."""
        left = [batch for shard in self._shards.values() for batch in shard.take()]
        while not self._ready.empty():
            left.append(self._ready.get_nowait())
        for batch in left:
            self._settings.telemetry.held(batch.signal, -len(batch))
            self._settings.telemetry.dropped(batch.signal, DropReason.SHUTDOWN_DEADLINE, len(batch))


factory = BufferingProcessorFactory(config=BatchConfig, build=BatchProcessor, example="timeout: 1s")
