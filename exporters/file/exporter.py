"""One batch after the other, from a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import ExporterFactory, Settings
from collector.batch import Batch
from collector.errors import RetryableError
from collector.io_thread import IOThread
from collector.net.compression import compress
from collector.net.otlp_json import encode
from exporters.file.output import OutputFile
from exporters.file.settings import FileConfig, Format

SHORTEST_INTERVAL = 0.01
"""Seconds; no setting makes the exporter do nothing but force data onto the disk."""


class FileExporter:
    """A batch is acknowledged when the operating system has it; a full disk keeps it waiting."""

    def __init__(self, config: FileConfig, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._thread = IOThread(str(settings.id))
        self._file = OutputFile(config, settings.clock)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """
        Raises:
            OSError: the file cannot be written to.
        """
        async with self._thread.lifespan():
            await self._thread.run(self._file.open)
            syncing = asyncio.create_task(self._sync())
            try:
                yield
            finally:
                syncing.cancel()
                await self._thread.run_last(self._file.close)

    async def export(self, batch: Batch) -> None:
        try:
            await self._thread.run(self._write, batch)
        except OSError as error:
            raise RetryableError(f"{self._config.path}: {error.strerror or error}") from error

    def _write(self, batch: Batch) -> None:
        record = encode(batch) if self._config.format is Format.JSON else batch.wire
        self._file.write(compress(record, self._config.compression))

    async def _sync(self) -> None:
        while self._config.flush_interval:
            await self._settings.clock.sleep(max(self._config.flush_interval, SHORTEST_INTERVAL))
            try:
                await self._thread.run(self._file.sync)
            except OSError as error:
                text = "%s: what was written may not survive a power failure: %s"
                self._settings.logger.error(text, self._config.path, error.strerror or error)


factory = ExporterFactory(config=FileConfig, build=FileExporter, timeout=0, example="path: ./telemetry.jsonl")
