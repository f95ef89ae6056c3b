"""What holds for every exporter, whatever its backend speaks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import Exporter, PreparingExporter
from collector.batch import Batch
from collector.errors import ConsumeError, RetryableError
from collector.testing.laws.subject import Subject, lifespan, require, run
from collector.testing.otlp import make_batch

_ADDRESS = re.compile(r"\b(?:localhost|127\.0\.0\.1):\d+")
"""Where the example of a networked exporter says that its backend is."""
_HTTP2_PREFACE = b"PRI * HTTP/2.0"
_HTTP2_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def is_networked(subject: Subject) -> bool:
    return bool(_ADDRESS.search(subject.example))


def an_exporter_takes_every_signal_it_names(subject: Subject) -> None:
    """Also several at the same time, and nothing at all."""

    async def scenario() -> None:
        exporter = subject.build()
        async with lifespan(exporter):
            batches = [make_batch(signal, items) for signal in subject.signals for items in (0, 2)]
            results = await asyncio.gather(*[_attempt(exporter, batch) for batch in batches])
        require(not any(results), f"rejected what nobody has seen: {results}")

    run(scenario)


def a_backend_that_is_not_there_may_be_there_later(subject: Subject) -> None:
    """A refused connection is retryable, and the next attempt starts afresh."""

    async def scenario() -> None:
        async with _backend() as backend:
            address = backend.address
        exporter = subject.build(subject.settings_node(_ADDRESS.sub(address, subject.example)))
        async with lifespan(exporter):
            for _ in range(2):
                try:
                    await _attempt(exporter, make_batch(subject.signals[0]))
                except RetryableError:
                    continue
                except ConsumeError as error:
                    raise AssertionError(f"this may go away, but it was said to be for good: {error}") from error
                raise AssertionError("nobody was there, and it was said to be delivered")

    run(scenario)


def an_attempt_that_is_cancelled_leaves_no_open_socket(subject: Subject) -> None:
    """The engine cancels what takes too long, and everything when the drain timeout is over."""

    async def scenario() -> None:
        async with _backend() as backend:
            exporter = subject.build(subject.settings_node(_ADDRESS.sub(backend.address, subject.example)))
            async with lifespan(exporter):
                await _cancel_attempt(exporter, make_batch(subject.signals[0]), backend)
            await backend.left_alone.wait()

    run(scenario)


def a_translation_accounts_for_each_item_once(subject: Subject) -> None:
    """What is in parcels and what is dropped is no more than there was, and no parcel is negative."""

    async def scenario() -> None:
        exporter = subject.build()
        if not isinstance(exporter, PreparingExporter):
            return
        async with lifespan(exporter):
            for signal in subject.signals:
                for items in (0, 1, 50):
                    prepared = await exporter.prepare(make_batch(signal, items))
                    counts = [*(parcel.items for parcel in prepared.parcels), *prepared.dropped.values()]
                    require(all(count >= 0 for count in counts), f"a negative number of items: {counts}")
                    require(sum(counts) <= items, f"{items} items of {signal} became {sum(counts)}")

    run(scenario)


async def _attempt(exporter: Exporter | PreparingExporter, batch: Batch) -> int:
    """Send `batch` once, in whatever way the exporter does; return how many items the backend rejected."""
    if not isinstance(exporter, PreparingExporter):
        return int(await exporter.export(batch) or 0)
    lost = 0
    for parcel in (await exporter.prepare(batch)).parcels:
        outcome = await exporter.send(parcel)
        if outcome and outcome.rest:
            raise RetryableError(outcome.message)
        lost += sum(outcome.dropped.values()) if outcome else 0
    return lost


async def _cancel_attempt(exporter: Exporter | PreparingExporter, batch: Batch, backend: _SilentBackend) -> None:
    """Keep no reference to the attempt: what it holds, down to a connection, goes when it does."""
    attempt = asyncio.create_task(_attempt(exporter, batch))
    await backend.asked.wait()
    attempt.cancel()
    await asyncio.wait([attempt])
    require(attempt.cancelled(), "it went on although it was cancelled")


class _SilentBackend:
    """Takes connections and requests, and never answers one.

    An HTTP/2 client makes its request only when the server has shown its own settings (RFC 9113, 3.4).
    """

    def __init__(self) -> None:
        self.address = ""
        self.asked = asyncio.Event()
        self.left_alone = asyncio.Event()
        """Nobody is there, or not any more."""
        self.left_alone.set()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.left_alone.clear()
        try:
            while received := await reader.read(65536):
                if received.startswith(_HTTP2_PREFACE):
                    writer.write(_HTTP2_SETTINGS)
                else:
                    self.asked.set()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._open.discard(writer)
            if not self._open:
                self.left_alone.set()

    async def send_away(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        await self.left_alone.wait()


@asynccontextmanager
async def _backend() -> AsyncIterator[_SilentBackend]:
    backend = _SilentBackend()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    backend.address = f"{host}:{port}"
    async with server:
        try:
            yield backend
        finally:
            await backend.send_away()
