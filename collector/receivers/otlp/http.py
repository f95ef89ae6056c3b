"""OTLP over HTTP."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from collector.api import Intake, Settings
from collector.batch import SHAPES, Signal
from collector.errors import RefusalReason, RetryableError, UnauthenticatedError
from collector.net.authentication import headers_of, server_authenticator
from collector.net.endpoint import Endpoint
from collector.net.http_server import Deadlines, Server, read_body, serve
from collector.net.otlp_json import encode_message
from collector.net.otlp_status import JSON, PROTOBUF, http_status_body
from collector.net.partial_success import partial_success
from collector.net.validation import Validated
from collector.receivers.otlp.answers import BUG, Answer, answer_to, shutting_down
from collector.receivers.otlp.aside import Aside
from collector.receivers.otlp.cors import Cors
from collector.receivers.otlp.metadata import metadata_of
from collector.receivers.otlp.settings import HttpConfig
from collector.receivers.otlp.unpacking import Unpacking

TRANSPORT = "http"
_NEVER_AGAIN_HERE = frozenset({408, 413})
"""Statuses after which the connection ends, since a part of the body may be still to come."""
_ENCODINGS = {PROTOBUF: PROTOBUF, JSON: JSON}


class HttpListener:
    """Serves the path of every signal that some pipeline takes."""

    def __init__(self, config: HttpConfig, settings: Settings, next: Intake, aside: Aside) -> None:
        self._config = config
        self._settings = settings
        self._next = next
        self._paths = {self._path(signal): signal for signal in next.signals}
        self._authenticator = server_authenticator(config.auth, settings, "protocols::http")
        self._unpacking = Unpacking(config, aside)
        self._encodings = frozenset(config.compression_algorithms)
        self._cors = Cors(config.cors) if config.cors and config.cors.allowed_origins else None
        self._headers = {name: value.get_secret_value() for name, value in config.response_headers.items()}
        self._server: Server | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens: with the port that the system chose, once it runs."""
        return self._server.endpoint if self._server else self._config.listens_on()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        config = self._config
        deadlines = Deadlines(
            header=config.read_header_timeout,
            body=config.read_timeout,
            write=config.write_timeout,
            idle=config.idle_timeout,
        )
        tls = config.tls.context(self._settings.clock) if config.tls else None
        keep_alive = config.keep_alives_enabled
        async with serve(
            self._answer, config.listens_on(), deadlines=deadlines, tls=tls, keep_alive=keep_alive
        ) as self._server:
            yield

    def _path(self, signal: Signal) -> str:
        return str(getattr(self._config, f"{signal}_url_path", SHAPES[signal].url_path))

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if not self._cors:
            answer = await self._respond(request)
        elif self._cors.is_preflight(request.method, headers := headers_of(request.headers.items())):
            answer = web.Response(status=204, headers=self._cors.preflight(headers))
        else:
            answer = await self._respond(request)
            answer.headers.update(self._cors.actual(headers))
        if self._headers:
            answer.headers.update(self._headers)
        return answer

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        encoding, signal = _encoding(request), self._paths.get(request.path)
        if signal is None:
            return _failure(404, "404 page not found", encoding)
        try:
            if self._authenticator:
                self._authenticator.authenticate(headers_of(request.headers.items()))
            if misdirected := _misdirected(request, encoding):
                return misdirected
            valid = await self._receive(request, signal, json=encoding == JSON)
        except ConnectionError:
            raise
        except Exception as error:
            answer = answer_to(error)
            self._next.refused(signal, answer.reason, transport=TRANSPORT)
            return self._refusal(error, answer, encoding)
        try:
            await self._next.consume(valid.batch, transport=TRANSPORT)
        except Exception as error:  # what is refused there is counted there
            return self._refusal(error, answer_to(error), encoding)
        return self._success(signal, valid, encoding)

    async def _receive(self, request: web.BaseRequest, signal: Signal, *, json: bool) -> Validated:
        if self._server and self._server.is_draining:
            raise shutting_down()
        if refusal := self._next.admits(signal, 0, request.content_length or 0):
            raise refusal
        limit = self._config.max_body_size
        body = await read_body(request, limit)
        encoding = ", ".join(request.headers.getall("Content-Encoding", ()))
        if encoding or "" not in self._encodings:
            body = await self._unpacking.decompress(
                signal, body, encoding, allowed=self._encodings, limit=limit, json=json
            )
        if json:
            body = await self._unpacking.decode(signal, body)
        valid = await self._unpacking.validate(signal, body)
        if self._config.include_metadata:
            # who connects through a Unix socket may bind its own end to a path that looks like an address
            address = "" if self.endpoint.path else request.remote or ""
            valid.batch.metadata = metadata_of(request.headers.items(), address)
        return valid

    def _success(self, signal: Signal, valid: Validated, encoding: str | None) -> web.Response:
        body = b""
        if valid.rejected:
            self._next.refused(signal, RefusalReason.BAD_DATA, transport=TRANSPORT, items=valid.rejected)
            body = partial_success(signal, valid.rejected, valid.message)
        if encoding == JSON:
            body = encode_message(SHAPES[signal].response.FromString(body))
        return web.Response(body=body, content_type=encoding)

    def _refusal(self, error: Exception, answer: Answer, encoding: str | None) -> web.Response:
        if answer is BUG:
            self._settings.logger.error("%s: unexpected error", self._settings.id, exc_info=error)
            return _failure(answer.http, "internal error", encoding)
        response = _failure(answer.http, str(error), encoding)
        if isinstance(error, RetryableError):
            # RFC 9110, 10.2.3: whole seconds
            response.headers["Retry-After"] = str(math.ceil(error.retry_after or 1.0))
        elif isinstance(error, UnauthenticatedError):
            response.headers["WWW-Authenticate"] = error.challenge
        if answer.http in _NEVER_AGAIN_HERE:
            response.force_close()
        return response


def _encoding(request: web.BaseRequest) -> str | None:
    """OTLP specification, "OTLP/HTTP Request": what the sender wrote, and wants to read; None for neither."""
    return _ENCODINGS.get(request.headers.get("Content-Type", "")) or _ENCODINGS.get(request.content_type)


def _misdirected(request: web.BaseRequest, encoding: str | None) -> web.Response | None:
    if request.method != "POST":
        response = _failure(405, "405 method not allowed, supported: [POST]", encoding)
        response.headers["Allow"] = "POST"
        return response
    if encoding is None:
        return _failure(415, f"415 unsupported media type, supported: [{JSON}, {PROTOBUF}]", None)
    return None


def _failure(status: int, message: str, encoding: str | None) -> web.Response:
    """OTLP specification, "Failures": a Status in the encoding of the request; text for who wrote in neither."""
    if encoding is None:
        return web.Response(status=status, text=f"{message}\n")
    body = http_status_body(status, message, json=encoding == JSON)
    return web.Response(status=status, body=body, content_type=encoding)
