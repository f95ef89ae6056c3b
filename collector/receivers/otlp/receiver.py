"""One receiver, two listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from collector.api import Intake, ReceiverFactory, Settings
from collector.net.endpoint import Endpoint
from collector.receivers.otlp.aside import Aside
from collector.receivers.otlp.grpc import GrpcListener
from collector.receivers.otlp.http import HttpListener
from collector.receivers.otlp.settings import OtlpConfig, ProtocolConfig


class OtlpReceiver:
    """Takes OTLP over gRPC, HTTP or both."""

    def __init__(self, config: OtlpConfig, settings: Settings, next: Intake) -> None:
        protocols, aside = config.protocols, Aside()
        self._config = protocols
        self.grpc = GrpcListener(protocols.grpc, settings, next, aside) if protocols.grpc else None
        self.http = HttpListener(protocols.http, settings, next, aside) if protocols.http else None

    def endpoints(self) -> Mapping[str, str]:
        found = {}
        if self.grpc and self._config.grpc:
            found["OTLP over gRPC"] = _url(self.grpc.endpoint, self._config.grpc)
        if self.http and self._config.http:
            found["OTLP over HTTP"] = _url(self.http.endpoint, self._config.http)
        return found

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        running: list[AsyncExitStack] = []
        try:
            for listener in (self.grpc, self.http):
                if listener:
                    running.append(AsyncExitStack())
                    await running[-1].enter_async_context(listener.lifespan())
            yield
        finally:
            await _close_together(running)


async def _close_together(running: Iterable[AsyncExitStack]) -> None:
    """So that none goes on accepting while the other one finishes."""
    closing = [asyncio.create_task(each.aclose()) for each in running]
    try:
        await asyncio.wait(closing)
    except asyncio.CancelledError:
        await asyncio.sleep(0)  # a task that is cancelled before its first step would close nothing
        for task in closing:
            task.cancel()
        await asyncio.wait(closing)
        raise
    finally:
        errors = [error for task in closing if not task.cancelled() and (error := task.exception())]
    for error in errors:
        raise error


def _url(endpoint: Endpoint, config: ProtocolConfig) -> str:
    if endpoint.path:
        return str(endpoint)
    return f"http{'s' if config.tls else ''}://{endpoint}"


factory = ReceiverFactory(
    config=OtlpConfig,
    build=OtlpReceiver,
    example="protocols: {grpc: {endpoint: 'localhost:0'}, http: {endpoint: 'localhost:0'}}",
)
