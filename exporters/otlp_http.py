"""Send OTLP over HTTP."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from pydantic import Field, model_validator

from collector.api import ExporterFactory, Settings
from collector.batch import SHAPES, Batch, Signal
from collector.errors import PermanentError
from collector.net.http_client import LARGE, URL, HttpClient, HttpClientConfig
from collector.net.otlp_client import OtlpAnswers
from collector.net.otlp_json import encode
from collector.net.otlp_status import JSON, PROTOBUF


class Encoding(enum.StrEnum):
    PROTO = "proto"
    JSON = "json"


class OtlpHttpConfig(HttpClientConfig):
    endpoint: URL = Field(
        default="", description="URL of the server, http:// or https://; /v1/traces and the like are added to it."
    )
    traces_endpoint: URL = Field(default="", description="Full URL for traces, instead of one made from `endpoint`.")
    metrics_endpoint: URL = Field(default="", description="Full URL for metrics, instead of one made from `endpoint`.")
    logs_endpoint: URL = Field(default="", description="Full URL for logs, instead of one made from `endpoint`.")
    profiles_endpoint: URL = Field(
        default="", description="Full URL for profiles, instead of one made from `endpoint`."
    )
    encoding: Encoding = Field(default=Encoding.PROTO, description="How requests are written: proto or json.")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not any(self.url(signal) for signal in Signal):
            raise ValueError("endpoint is required, or the endpoint of a signal")
        return self

    def url(self, signal: Signal) -> str:
        """Return where a signal is sent; empty if nowhere."""
        given: str = getattr(self, f"{signal}_endpoint")
        return given or (self.endpoint and self.endpoint.rstrip("/") + SHAPES[signal].url_path)


class OtlpHttpExporter:
    """Sends each batch in one request, as the bytes that it is."""

    def __init__(self, config: OtlpHttpConfig, settings: Settings) -> None:
        self._client = HttpClient(config, settings)
        self._urls = {signal: config.url(signal) for signal in Signal}
        self._answers = OtlpAnswers(settings)
        self._writes_json = config.encoding is Encoding.JSON

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._client.lifespan():
            yield

    async def export(self, batch: Batch) -> int:
        url = self._urls[batch.signal]
        if not url:
            raise PermanentError(f"there is no endpoint for {batch.signal}")
        if self._writes_json:
            answer = await self._client.post(url, await _as_json(batch), JSON)
        else:
            answer = await self._client.post(url, batch.wire, PROTOBUF)
        return self._answers.read(batch.signal, answer)


async def _as_json(batch: Batch) -> bytes:
    """A large batch is written in a thread, since that takes tens of microseconds for each record."""
    return encode(batch) if len(batch.wire) < LARGE else await asyncio.to_thread(encode, batch)


factory = ExporterFactory(
    config=OtlpHttpConfig,
    build=OtlpHttpExporter,
    aliases=("otlphttp",),
    timeout=30.0,
    example="endpoint: http://localhost:4318",
)
