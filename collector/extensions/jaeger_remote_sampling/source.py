"""The answers to every service: made when the strategies are read, so that giving one costs a look-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from collector.api import Settings
from collector.errors import ConfigError
from collector.extensions.jaeger_remote_sampling.answers import as_json, as_protobuf
from collector.extensions.jaeger_remote_sampling.settings import RemoteSamplingConfig
from collector.extensions.jaeger_remote_sampling.strategies import Strategies, Strategy, parse
from collector.io_thread import IOThread

SHORTEST_INTERVAL = 0.1
"""Seconds; no setting makes the extension do nothing but read."""
LARGEST_FILE = 16 << 20
"""Bytes."""


class Answer(NamedTuple):
    json: bytes
    protobuf: bytes


class Source:
    """Keeps the last good strategies, and looks for newer ones."""

    def __init__(self, config: RemoteSamplingConfig, settings: Settings) -> None:
        """
        Raises:
            ConfigError: the file cannot be read; says where.
        """
        self._file = config.source.file
        self._interval = config.source.reload_interval
        self._probability = config.default_sampling_probability
        self._settings = settings
        self._thread = IOThread(str(settings.id))
        self._complaint = ""
        self._text = config.source.contents.encode() or b"null"
        if self._file:
            self._text = _read(self._file)
        try:
            self._answers = self._made_of(self._text)
        except ValueError as error:
            raise ConfigError(f"source::file: {self._file}: {error}") from None

    def answer(self, service: str) -> Answer:
        """Return what a service is told."""
        default, services = self._answers
        return services.get(service, default)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        if not (self._file and self._interval):
            yield
            return
        async with self._thread.lifespan():
            looking = asyncio.create_task(self._keep_looking(self._file))
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.wait([looking])

    async def _keep_looking(self, file: Path) -> None:
        while True:
            await self._settings.clock.sleep(max(self._interval, SHORTEST_INTERVAL))
            try:
                await self._look(file)
            except (ConfigError, ValueError) as error:
                self._complain(str(error))

    async def _look(self, file: Path) -> None:
        text = await self._thread.run(_read, file)
        if text != self._text:
            self._answers = await self._thread.run(self._made_of, text)
            self._text = text
            self._settings.logger.info("%s: %s has new strategies, which are used", self._settings.id, file)
        self._complaint = ""

    def _complain(self, complaint: str) -> None:
        """Once for each thing that is wrong, not each time that it is still wrong."""
        if complaint != self._complaint:
            self._complaint = complaint
            self._settings.logger.error("%s: the former strategies stay: %s", self._settings.id, complaint)

    def _made_of(self, text: bytes) -> tuple[Answer, Mapping[str, Answer]]:
        strategies: Strategies = parse(text, self._probability)
        for warning in strategies.warnings:
            self._settings.logger.log(logging.WARNING, "%s: %s", self._settings.id, warning)
        services = {service: _answer(strategy) for service, strategy in strategies.services.items()}
        return _answer(strategies.default), services


def _answer(strategy: Strategy) -> Answer:
    return Answer(as_json(strategy), as_protobuf(strategy))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"source::file: {file}: {error.strerror or error}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"source::file: {file}: has more than {LARGEST_FILE >> 20} MiB")
    return text
