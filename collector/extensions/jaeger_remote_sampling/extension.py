"""Two small servers with the same answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from aiohttp import web
from google.protobuf.message import DecodeError

from collector.api import ExtensionFactory, Host, Settings
from collector.extensions.jaeger_remote_sampling.answers import GET_SAMPLING_STRATEGY, MESSAGES
from collector.extensions.jaeger_remote_sampling.settings import RemoteSamplingConfig, ServerConfig
from collector.extensions.jaeger_remote_sampling.source import Source
from collector.net import grpc_server, http_server
from collector.net.endpoint import Endpoint
from collector.net.grpc_server import Call, NoMessageError, abort
from collector.net.otlp_status import readable

_DEADLINES = http_server.Deadlines(body=5.0, write=10.0)
_GRACE = 1.0
"""Seconds that a question may hold up stopping."""
_GRPC_OPTIONS = (("grpc.max_receive_message_length", 64 << 10), ("grpc.max_concurrent_streams", 100))
_READ_TIMEOUT = 10.0


class JaegerRemoteSampling:
    """Answers SDKs that ask how much to sample."""

    def __init__(self, config: RemoteSamplingConfig, settings: Settings, host: Host) -> None:
        self._config = config
        self._clock = settings.clock
        self._source = Source(config, settings)
        self._http: http_server.Server | None = None
        self._grpc: grpc_server.Server | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._source.lifespan(), AsyncExitStack() as servers:
            await self._serve_http(servers)
            await self._serve_grpc(servers)
            yield

    def endpoints(self) -> Mapping[str, str]:
        found = {}
        if self._http:
            url = _url(self._http.endpoint, self._config.http)
            found["remote sampling over HTTP"] = url if self._http.endpoint.path else f"{url}/sampling"
        if self._grpc:
            found["remote sampling over gRPC"] = _url(self._grpc.endpoint, self._config.grpc)
        return found

    async def _serve_http(self, servers: AsyncExitStack) -> None:
        config = self._config.http
        if config.enabled:
            tls = config.tls.context(self._clock) if config.tls else None
            serving = http_server.serve(
                self._answer_http, config.listens_on(), deadlines=_DEADLINES, tls=tls, grace=_GRACE
            )
            self._http = await servers.enter_async_context(serving)

    async def _serve_grpc(self, servers: AsyncExitStack) -> None:
        config = self._config.grpc
        if config.enabled:
            serving = grpc_server.serve(
                {GET_SAMPLING_STRATEGY: self._answer_grpc},
                config.listens_on(),
                options=_GRPC_OPTIONS,
                credentials=config.tls.credentials(self._clock) if config.tls else None,
                read_timeout=_READ_TIMEOUT,
                grace=_GRACE,
            )
            self._grpc = await servers.enter_async_context(serving)

    async def _answer_http(self, request: web.BaseRequest) -> web.Response:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        services = request.query.getall("service", [])
        if len(services) != 1:
            return web.Response(status=400, text="'service' parameter must be provided once")
        return web.Response(body=self._source.answer(services[0]).json, content_type="application/json")

    async def _answer_grpc(self, call: Call) -> bytes | None:
        assert self._grpc  # noqa: S101  only a running server has calls
        try:
            message = await self._grpc.receive(call)
            parameters: Any = MESSAGES["SamplingStrategyParameters"].FromString(message)
        except (NoMessageError, grpc.aio.AbortError):
            # if it has no answer yet, then the client ended it without a message
            await abort(call, grpc.StatusCode.INVALID_ARGUMENT, "the request has no message")
            return None
        except DecodeError as error:
            await abort(call, grpc.StatusCode.INVALID_ARGUMENT, readable(f"not SamplingStrategyParameters: {error}"))
            return None
        return self._source.answer(parameters.serviceName).protobuf


def _url(endpoint: Endpoint, config: ServerConfig) -> str:
    return str(endpoint) if endpoint.path else f"http{'s' if config.tls else ''}://{endpoint}"


factory = ExtensionFactory(
    config=RemoteSamplingConfig,
    build=JaegerRemoteSampling,
    aliases=("jaegerremotesampling",),
    example="{http: {endpoint: 'localhost:0'}, grpc: {endpoint: 'localhost:0'}, "
    'source: {contents: \'{"default_strategy": {"type": "probabilistic", "param": 0.1}}\'}}',
)
