"""The collector's own log, on standard error: one readable line for each event, or one JSON object."""

from __future__ import annotations

import logging
import os
import re
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from queue import SimpleQueue

import orjson

from collector.api import ComponentID
from collector.config import Encoding, LogsTelemetryConfig

TICK = 10.0
"""Seconds in which equal messages are counted."""
FIRST, THEREAFTER = 10, 100
"""In each tick the first ten of equal messages are written, then every hundredth."""
_MOST_MESSAGES = 10_000
MOST_WAITING = 1000
"""Lines that may wait for whoever reads the log; more are left out."""
PATIENCE = 1.0
"""Seconds for which the end of the process waits for whoever reads the log."""
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure(config: LogsTelemetryConfig) -> None:
    """Send what is logged from now on to standard error."""
    handler = Beside(sys.__stderr__.fileno()) if sys.__stderr__ else logging.NullHandler()
    handler.setFormatter(Json(config.initial_fields) if config.encoding is Encoding.JSON else Console())
    handler.addFilter(Sampling())
    logging.basicConfig(handlers=[handler], level=_LEVELS[config.level], force=True)
    for chatty in ("aiohttp", "asyncio", "grpc"):  # what strangers send is not news; their warnings are
        logging.getLogger(chatty).setLevel(max(logging.WARNING, _LEVELS[config.level]))


class Beside(logging.Handler):
    """Writes in a thread of its own: a pipe that nobody reads, or a full disk behind it, holds up nothing else.

    It writes to the descriptor, since a thread that is stuck in a stream would keep the process from ending.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._left_out = 0
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() >= MOST_WAITING:
            self._left_out += 1
            return
        if self._left_out:
            self._waiting.put(f"{self._left_out} lines were left out here, since nobody read the log")
            self._left_out = 0
        try:
            self._waiting.put(self.format(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything is written, but not for ever."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(PATIENCE)

    def _write_all(self) -> None:
        while True:
            line = self._waiting.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with suppress(OSError):  # nobody is there any more
                self._write(f"{line}\n".encode(errors="backslashreplace"))

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # whoever shares the terminal made it so
                select.select([], [self._descriptor], [])


def printable(text: str) -> str:
    """Escape what would move a terminal's cursor or forge a line; tracebacks keep their lines."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class Console(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO otlp: listening`."""

    def format(self, record: logging.LogRecord) -> str:
        message = printable(record.getMessage().replace("\n", "\\n"))
        line = f"{_timestamp(record)} {record.levelname:7} {message}"
        return f"{line}\n{printable(self._traceback(record))}" if record.exc_info else line

    def _traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class Json(logging.Formatter):
    """One object a line: timestamp, level, logger, message, and the traceback where there is one."""

    def __init__(self, initial_fields: dict[str, str]) -> None:
        super().__init__()
        self._initial_fields = initial_fields

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._initial_fields,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps({key: _encodable(value) for key, value in line.items()}).decode()


class Sampling(logging.Filter):
    """Lets the first of many equal messages of a component through, so that a log never becomes the outage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[int, str, ComponentID | None], int] = {}
        self._until = clock() + TICK

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        if now >= self._until or len(self._seen) > _MOST_MESSAGES:
            self._seen, self._until = {}, now + TICK
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        key = record.levelno, str(record.msg), first if isinstance(first, ComponentID) else None
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return count <= FIRST or (count - FIRST) % THEREAFTER == 0


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()  # orjson refuses lone surrogates
