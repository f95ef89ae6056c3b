"""Send OTLP over gRPC."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from pydantic import Field

from collector.api import ComponentConfig, ExporterFactory, Settings
from collector.batch import ALL_SIGNALS, SHAPES, Batch
from collector.net.otlp_status import error_from_grpc
from collector.net.partial_success import read_answer


class Compression(enum.StrEnum):
    GZIP = "gzip"
    NONE = "none"


class ClientTLS(ComponentConfig):
    insecure: bool = Field(default=False, description="Whether to send in plain text.")


class OtlpGrpcConfig(ComponentConfig):
    endpoint: str = Field(description="Address of the server, `host:port`; https:// in front turns TLS on.")
    compression: Compression = Field(default=Compression.GZIP, description="How requests are compressed: gzip or none.")
    tls: ClientTLS = Field(default=ClientTLS(), description="How the connection is secured.")


_COMPRESSION = {Compression.GZIP: grpc.Compression.Gzip, Compression.NONE: grpc.Compression.NoCompression}
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", 4 << 20)]


class OtlpGrpcExporter:
    """Keeps one connection, and hands it the bytes as they are."""

    def __init__(self, config: OtlpGrpcConfig, settings: Settings) -> None:
        self._config = config
        self._calls: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        compression = _COMPRESSION[self._config.compression]
        async with grpc.aio.insecure_channel(self._config.endpoint, _OPTIONS, compression) as channel:
            self._calls = {signal: channel.unary_unary(SHAPES[signal].rpc) for signal in ALL_SIGNALS}
            yield

    async def export(self, batch: Batch) -> int:
        try:
            answer = await self._calls[batch.signal](batch.wire)
        except grpc.aio.AioRpcError as error:
            raise error_from_grpc(error.code().value[0], error.details() or "", error.trailing_metadata()) from error
        return read_answer(batch.signal, answer).rejected


factory = ExporterFactory(
    config=OtlpGrpcConfig, build=OtlpGrpcExporter, aliases=("otlp",), example="endpoint: localhost:4317"
)
