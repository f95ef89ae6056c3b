"""OTLP over HTTP: bounded in time, size and count before anything is parsed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from collector.api import Intake, Settings
from collector.batch import SHAPES, Signal
from collector.errors import ConsumeError, RefusalReason, RetryableError
from collector.net.bad_input import BadData, BadInput, TooLarge, UnsupportedEncoding
from collector.net.compression import decompress
from collector.net.otlp_json import decode
from collector.net.otlp_status import http_status_body
from collector.net.partial_success import partial_success
from collector.net.validation import exceeds, validate
from collector.receivers.otlp.settings import HttpConfig

PROTOBUF, JSON = "application/x-protobuf", "application/json"


class HttpListener:
    """Serves the path of every signal that some pipeline takes."""

    def __init__(self, config: HttpConfig, settings: Settings, next: Intake) -> None:
        self._config = config
        self._settings = settings
        self._next = next
        self._paths = {self._path(signal): signal for signal in next.signals}
        self.port = 0

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        host, _, port = self._config.endpoint.rpartition(":")
        runner = web.ServerRunner(web.Server(self._answer, auto_decompress=False, access_log=None, lingering_time=0))
        await runner.setup()
        try:
            await web.TCPSite(runner, host, int(port)).start()
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

    def _path(self, signal: Signal) -> str:
        return str(getattr(self._config, f"{signal}_url_path", SHAPES[signal].url_path))

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        signal = self._paths.get(request.path)
        if signal is None:
            return web.Response(status=404, text="404 page not found\n")
        if misdirected := _misdirected(request):
            return misdirected
        try:
            return await self._export(request, signal, request.content_type)
        except (BadInput, TimeoutError) as error:
            return self._refuse(signal, error, json=request.content_type == JSON)
        except ConsumeError as error:
            return _not_accepted(error, json=request.content_type == JSON)

    async def _export(self, request: web.BaseRequest, signal: Signal, content_type: str) -> web.Response:
        if refusal := self._next.admits(signal, 0, request.content_length or 0):
            self._next.refused(signal, refusal.reason, transport="http")
            raise refusal
        wire = await self._body(request, signal)
        if content_type == JSON:
            wire = decode(signal, wire)
        config = self._config
        valid = validate(signal, wire, max_items=config.max_items, max_record_size=config.max_record_size)
        if config.include_metadata:
            valid.batch.metadata = {key.lower(): value for key, value in request.headers.items()}
        await self._next.consume(valid.batch, transport="http")
        if valid.rejected:
            self._next.refused(signal, RefusalReason.BAD_DATA, transport="http", items=valid.rejected)
            body = partial_success(signal, valid.rejected, valid.message)
            return web.Response(body=body, content_type=content_type)
        return web.Response(body=b"{}" if content_type == JSON else b"", content_type=content_type)

    async def _body(self, request: web.BaseRequest, signal: Signal) -> bytes:
        def probe(prefix: bytes) -> None:
            if request.content_type == PROTOBUF and exceeds(signal, prefix, self._config.max_items):
                raise TooLarge(f"more than {self._config.max_items} records in one request")

        limit = self._config.max_request_body_size
        body = await self._read(request, limit)
        return decompress(body, request.headers.get("Content-Encoding", ""), limit=limit, probe=probe)

    async def _read(self, request: web.BaseRequest, limit: int) -> bytes:
        announced = request.content_length or 0
        if announced > limit:
            raise TooLarge(f"the body has {announced} bytes, the limit is {limit}")
        chunks, size = [], 0
        async with asyncio.timeout(self._config.read_timeout or None):
            async for chunk in request.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"the body has more than {limit} bytes")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _refuse(self, signal: Signal, error: Exception, *, json: bool) -> web.Response:
        status, reason = _ANSWERS[type(error)]
        self._next.refused(signal, reason, transport="http")
        answer = _status(status, str(error) or "the body came too slowly", json=json)
        answer.force_close()
        return answer


_ANSWERS = {
    BadData: (400, RefusalReason.BAD_DATA),
    UnsupportedEncoding: (415, RefusalReason.BAD_DATA),
    TooLarge: (413, RefusalReason.TOO_LARGE),
    TimeoutError: (408, RefusalReason.BAD_DATA),
}


def _misdirected(request: web.BaseRequest) -> web.Response | None:
    if request.method != "POST":
        text = "405 method not allowed, supported: [POST]\n"
        return web.Response(status=405, text=text, headers={"Allow": "POST"})
    if request.content_type not in {PROTOBUF, JSON}:
        text = f"415 unsupported media type, supported: [{JSON}, {PROTOBUF}]\n"
        return web.Response(status=415, text=text)
    return None


def _not_accepted(error: ConsumeError, *, json: bool) -> web.Response:
    if not isinstance(error, RetryableError):
        return _status(400, str(error), json=json)
    answer = _status(503, str(error), json=json)
    # RFC 9110, 10.2.3: whole seconds
    answer.headers["Retry-After"] = str(math.ceil(error.retry_after or 1.0))
    return answer


def _status(status: int, message: str, *, json: bool) -> web.Response:
    body = http_status_body(status, message, json=json)
    return web.Response(status=status, body=body, content_type=JSON if json else PROTOBUF)
