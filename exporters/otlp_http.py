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
from collector.net.http_client import LARGE, URL, HttpAnswer, HttpClient, HttpClientConfig
from collector.net.otlp_json import encode
from collector.net.otlp_status import JSON, PROTOBUF, error_from_http, media_type
from collector.net.partial_success import read_answer


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
        self._settings = settings
        self._client = HttpClient(config, settings)
        self._urls = {signal: config.url(signal) for signal in Signal}
        self._writes_json = config.encoding is Encoding.JSON
        self._has_warned = False

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
        if error := error_from_http(answer.status, answer.headers, answer.body):
            raise error
        return self._rejected(batch.signal, answer)

    def _rejected(self, signal: Signal, answer: HttpAnswer) -> int:
        kind = media_type(answer.headers)
        if kind not in {JSON, PROTOBUF}:
            self._warn_once(answer, kind)
            return 0
        if not answer.is_whole:
            raise PermanentError("the server's answer is not an OTLP response: it is too large, or compressed badly")
        rejected, message = read_answer(signal, answer.body, json=kind == JSON)
        if message:
            self._settings.logger.warning("%s: the server says: %s", self._settings.id, message)
        return rejected

    def _warn_once(self, answer: HttpAnswer, kind: str) -> None:
        """The status says that all is well, but whoever answers in HTML may be no OTLP server at all."""
        if answer.body and not self._has_warned:
            self._has_warned = True
            text = "%s: the server answers %d with %s, which is not OTLP; is the endpoint right?"
            self._settings.logger.warning(text, self._settings.id, answer.status, kind or "no Content-Type")


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
