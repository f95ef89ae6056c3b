"""Send OTLP over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import ExporterFactory, Settings
from collector.batch import Batch
from collector.net.grpc_client import GrpcClient, GrpcClientConfig
from collector.net.otlp_client import OtlpAnswers


class OtlpGrpcConfig(GrpcClientConfig):
    """Nothing but what every gRPC client has."""


class OtlpGrpcExporter:
    """Keeps one connection, and hands it the bytes as they are."""

    def __init__(self, config: OtlpGrpcConfig, settings: Settings) -> None:
        self._client = GrpcClient(config, settings)
        self._answers = OtlpAnswers(settings)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._client.lifespan():
            yield

    async def export(self, batch: Batch) -> int:
        return await self._answers.call(self._client, batch)


factory = ExporterFactory(
    config=OtlpGrpcConfig,
    build=OtlpGrpcExporter,
    aliases=("otlp",),
    example="{endpoint: 'localhost:4317', tls: {insecure: true}}",
)
