"""Send OTLP over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import ExporterFactory, Settings
from collector.batch import SHAPES, Batch
from collector.net.grpc_client import GrpcClient, GrpcClientConfig
from collector.net.partial_success import read_answer


class OtlpGrpcConfig(GrpcClientConfig):
    """Nothing but what every gRPC client has."""


class OtlpGrpcExporter:
    """Keeps one connection, and hands it the bytes as they are."""

    def __init__(self, config: OtlpGrpcConfig, settings: Settings) -> None:
        self._settings = settings
        self._client = GrpcClient(config, settings)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._client.lifespan():
            yield

    async def export(self, batch: Batch) -> int:
        answer = await self._client.call(SHAPES[batch.signal].rpc, batch.wire)
        rejected, message = read_answer(batch.signal, answer)
        if message:
            self._settings.logger.warning("%s: the server says: %s", self._settings.id, message)
        return rejected


factory = ExporterFactory(
    config=OtlpGrpcConfig,
    build=OtlpGrpcExporter,
    aliases=("otlp",),
    example="{endpoint: 'localhost:4317', tls: {insecure: true}}",
)
