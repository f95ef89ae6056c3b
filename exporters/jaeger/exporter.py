"""One exporter for each protocol.  OTLP goes as the bytes that it is; the others translate each batch once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.api import Exporter, PreparingExporter, Settings
from collector.batch import Batch
from collector.errors import PermanentError, RetryableError
from collector.net.grpc_client import GrpcClient
from collector.net.http_client import HttpClient
from collector.net.otlp_client import OtlpAnswers
from collector.net.otlp_status import PROTOBUF, error_from_http
from collector.parcels import Parcel, Prepared
from exporters.jaeger.api_v2 import POST_SPANS, ApiV2
from exporters.jaeger.settings import JaegerConfig, Protocol
from exporters.jaeger.thrift import CONTENT_TYPE, Thrift
from exporters.jaeger.translation import Translation

_BUSY = "gRPC status 8: server busy"
_INTERNAL_SERVER_ERROR = 500


class OtlpOverGrpc:
    """Keeps one connection, and hands it the bytes as they are."""

    def __init__(self, config: JaegerConfig, settings: Settings) -> None:
        self._client = GrpcClient(config.grpc(), settings)
        self.lifespan = self._client.lifespan
        self._answers = OtlpAnswers(settings)

    async def export(self, batch: Batch) -> int:
        return await self._answers.call(self._client, batch)


class OtlpOverHttp:
    """Sends each batch in one request, as the bytes that it is."""

    def __init__(self, config: JaegerConfig, settings: Settings) -> None:
        self._client = HttpClient(config, settings)
        self.lifespan = self._client.lifespan
        self._answers = OtlpAnswers(settings)
        self._url = config.url

    async def export(self, batch: Batch) -> int:
        return self._answers.read(batch.signal, await self._client.post(self._url, batch.wire, PROTOBUF))


class JaegerOverGrpc:
    """Posts the spans of each resource to Jaeger's own service, api_v2."""

    def __init__(self, config: JaegerConfig, settings: Settings) -> None:
        self._client = GrpcClient(config.grpc(), settings)
        self.lifespan = self._client.lifespan
        self._translation = Translation(ApiV2())

    async def prepare(self, batch: Batch) -> Prepared:
        return await self._translation.prepare(batch)

    async def send(self, parcel: Parcel) -> None:
        try:
            await self._client.call(POST_SPANS, parcel.content)
        except PermanentError as error:
            # a Jaeger whose queue is full says so without RetryInfo
            if str(error).startswith(_BUSY):
                raise RetryableError(str(error)) from error
            raise


class JaegerOverHttp:
    """Posts the spans of each resource in Thrift."""

    def __init__(self, config: JaegerConfig, settings: Settings) -> None:
        self._client = HttpClient(config, settings)
        self.lifespan = self._client.lifespan
        self._translation = Translation(Thrift())
        self._url = config.url

    async def prepare(self, batch: Batch) -> Prepared:
        return await self._translation.prepare(batch)

    async def send(self, parcel: Parcel) -> None:
        answer = await self._client.post(self._url, parcel.content, CONTENT_TYPE)
        error = error_from_http(answer.status, answer.headers, answer.body)
        # a Jaeger whose queue is full, or whose storage is down, knows no other status
        if error and answer.status == _INTERNAL_SERVER_ERROR:
            raise RetryableError(str(error))
        if error:
            raise error


_EXPORTERS: Mapping[Protocol, Callable[[JaegerConfig, Settings], Exporter | PreparingExporter]] = {
    Protocol.OTLP_GRPC: OtlpOverGrpc,
    Protocol.OTLP_HTTP: OtlpOverHttp,
    Protocol.GRPC: JaegerOverGrpc,
    Protocol.THRIFT_HTTP: JaegerOverHttp,
}


def exporter_of(config: JaegerConfig, settings: Settings) -> Exporter | PreparingExporter:
    """Return the exporter of the protocol."""
    return _EXPORTERS[config.protocol](config, settings)
