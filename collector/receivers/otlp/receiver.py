"""One receiver, two listeners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from collector.api import Intake, ReceiverFactory, Settings
from collector.receivers.otlp.grpc import GrpcListener
from collector.receivers.otlp.http import HttpListener
from collector.receivers.otlp.settings import OtlpConfig


class OtlpReceiver:
    def __init__(self, config: OtlpConfig, settings: Settings, next: Intake) -> None:
        protocols = config.protocols
        self.grpc = GrpcListener(protocols.grpc, settings, next) if protocols.grpc else None
        self.http = HttpListener(protocols.http, settings, next) if protocols.http else None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for listener in (self.grpc, self.http):
                if listener:
                    await stack.enter_async_context(listener.lifespan())
            yield


factory = ReceiverFactory(
    config=OtlpConfig,
    build=OtlpReceiver,
    example="protocols: {grpc: {endpoint: 'localhost:0'}, http: {endpoint: 'localhost:0'}}",
)
