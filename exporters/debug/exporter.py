"""From batches to text, in a thread: a terminal that is paused holds up its own output and nothing else."""

from __future__ import annotations

import enum
import errno
import os
import select
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain

from pydantic import Field

from collector.api import Clock, ComponentConfig, ExporterFactory, Settings
from collector.batch import Batch
from collector.io_thread import IOThread, open_to_append
from exporters.debug.details import details
from exporters.debug.lines import lines

_STREAMS = {"stdout": (sys.__stdout__, 1), "stderr": (sys.__stderr__, 2)}


class Verbosity(enum.StrEnum):
    BASIC = "basic"
    NORMAL = "normal"
    DETAILED = "detailed"


class DebugConfig(ComponentConfig):
    verbosity: Verbosity = Field(
        default=Verbosity.BASIC,
        description="One line for each batch (basic) or record (normal), or all of it (detailed).",
    )
    sampling_initial: int = Field(default=2, ge=0, description="Batches that are written in each second at least.")
    sampling_thereafter: int = Field(
        default=1, ge=0, description="Of the others in that second each how-many-th is written; 1 all, 0 none."
    )
    output_paths: list[str] = Field(
        default=["stdout"], min_length=1, description="Where to write: stdout, stderr, or files that are appended to."
    )


class Sampling:
    """Decides which of many batches in a second are written."""

    def __init__(self, config: DebugConfig, clock: Clock) -> None:
        self._initial, self._thereafter = config.sampling_initial, config.sampling_thereafter
        self._clock = clock
        self._second = -1
        self._seen = 0

    def takes_one(self) -> bool:
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._seen = second, 0
        self._seen += 1
        late = self._seen - self._initial
        return late <= 0 or (self._thereafter > 0 and late % self._thereafter == 0)


class DebugExporter:
    """A batch is acknowledged when it was written, or left out by the sampling."""

    def __init__(self, config: DebugConfig, settings: Settings) -> None:
        self._config = config
        self._paths = list(dict.fromkeys(config.output_paths))
        self._settings = settings
        self._sampling = Sampling(config, settings.clock)
        self._thread = IOThread(str(settings.id))
        self._outputs: dict[str, int] = {}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """
        Raises:
            OSError: a file cannot be written to.
        """
        async with self._thread.lifespan():
            try:
                for path in self._paths:
                    self._outputs[path] = _open(path)
                yield
            finally:
                await self._thread.run_last(self._close)

    async def export(self, batch: Batch) -> int:
        """Return how many items could not be written, since nobody reads any more: a sender cannot help that."""
        if not self._sampling.takes_one():
            return 0
        return 0 if await self._thread.run(self._write, batch) else len(batch)

    def _write(self, batch: Batch) -> bool:
        """Return whether anybody had it."""
        text = "\n".join([*self._text(batch), ""]).encode()
        written = [self._write_to(path, text) for path in self._paths]
        return any(written)

    def _text(self, batch: Batch) -> Iterator[str]:
        unit = batch.shape.unit.replace("_", " ")
        title = f"{batch.signal}: {len(batch)} {unit}, {len(batch.wire)} bytes"
        match self._config.verbosity:
            case Verbosity.BASIC:
                return iter([title])
            case Verbosity.NORMAL:
                return lines(batch)
            case Verbosity.DETAILED:
                return chain([title], (f"  {line}" for line in details(batch)))

    def _write_to(self, path: str, text: bytes) -> bool:
        fd = self._outputs.get(path)
        if fd is None:
            return False
        try:
            _write_all(fd, text)
        except OSError as error:
            error_text = "%s: nothing more is written to %s: %s"
            self._settings.logger.error(error_text, self._settings.id, path, error.strerror)
            del self._outputs[path]
            with suppress(OSError):
                os.close(fd)
            return False
        return True

    def _close(self) -> None:
        for path in list(self._outputs):
            os.close(self._outputs.pop(path))


def _open(path: str) -> int:
    """Return a descriptor of its own, without the buffer and lock that Python's end waits for."""
    if path in _STREAMS:
        stream, number = _STREAMS[path]
        if stream is None:  # closed when the process started, so the number may be anything by now
            raise OSError(errno.EBADF, f"{path} is closed")
        return os.dup(number)
    return open_to_append(path)


def _write_all(fd: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:  # whoever shares the terminal made it so
            select.select([], [fd], [])


factory = ExporterFactory(config=DebugConfig, build=DebugExporter, queue_by_default=False, timeout=0)
