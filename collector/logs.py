"""The collector's own log, on standard error: one readable line for each event, or one JSON object."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from collector.config import Encoding, LogsTelemetryConfig

TICK = 10.0
"""Seconds in which equal messages are counted."""
FIRST, THEREAFTER = 10, 100
"""In each tick the first ten of equal messages are written, then every hundredth."""
_MOST_MESSAGES = 10_000
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure(config: LogsTelemetryConfig) -> None:
    """Send what is logged from now on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(config.initial_fields) if config.encoding is Encoding.JSON else Console())
    handler.addFilter(Sampling())
    logging.basicConfig(handlers=[handler], level=_LEVELS[config.level], force=True)
    for chatty in ("aiohttp", "asyncio", "grpc"):  # what strangers send is not news; their warnings are
        logging.getLogger(chatty).setLevel(max(logging.WARNING, _LEVELS[config.level]))


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
    """Lets the first of many equal messages through, so that a log never becomes the outage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[int, str], int] = {}
        self._until = clock() + TICK

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        if now >= self._until or len(self._seen) > _MOST_MESSAGES:
            self._seen, self._until = {}, now + TICK
        key = record.levelno, str(record.msg)
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return count <= FIRST or (count - FIRST) % THEREAFTER == 0


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()  # orjson refuses lone surrogates
