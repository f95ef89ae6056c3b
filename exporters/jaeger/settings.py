"""The keys under `exporters: jaeger:`: those of a gRPC or of an HTTP client, by protocol."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from collector.net.grpc_client import Balancer, GrpcClientConfig, KeepaliveConfig
from collector.net.http_client import URL, Compression, HttpClientConfig
from collector.net.tls import ClientTLS

_URL = TypeAdapter(URL)


class Protocol(enum.StrEnum):
    OTLP_GRPC = "otlp_grpc"
    OTLP_HTTP = "otlp_http"
    GRPC = "grpc"
    THRIFT_HTTP = "thrift_http"


class _Usual(NamedTuple):
    """What a protocol is like where the configuration says nothing."""

    endpoint: str
    compression: Compression
    path: str = ""
    """Of the URL; empty where there is none."""


_USUAL = {
    Protocol.OTLP_GRPC: _Usual("localhost:4317", Compression.GZIP),
    Protocol.OTLP_HTTP: _Usual("http://localhost:4318", Compression.GZIP, "/v1/traces"),
    # servers of that time need not know gzip
    Protocol.GRPC: _Usual("localhost:14250", Compression.NONE),
    Protocol.THRIFT_HTTP: _Usual("http://localhost:14268", Compression.NONE, "/api/traces"),
}
_GRPC_KEYS = frozenset(GrpcClientConfig.model_fields)
_HTTP_KEYS = frozenset(HttpClientConfig.model_fields)


class JaegerConfig(HttpClientConfig):
    protocol: Protocol = Field(
        default=Protocol.OTLP_GRPC,
        description="otlp_grpc or otlp_http; for a Jaeger without OTLP grpc (its api_v2, port 14250) or thrift_http.",
    )
    endpoint: str = Field(
        default="",
        description="Address for gRPC, localhost:4317 or localhost:14250 if absent; URL for HTTP, "
        "http://localhost:4318 or http://localhost:14268 if absent, which is used as it is if it has a path, "
        "and otherwise gets /v1/traces or /api/traces.",
    )
    tls: ClientTLS = Field(
        default=ClientTLS(insecure=True),
        description="How the connection is secured. Absent for plain text, unless the endpoint starts with https://; "
        "where it is given a gRPC connection is secured, unless `insecure` is true.",
    )
    compression: Compression = Field(
        default=Compression.GZIP,
        description="gzip, zstd (not over gRPC), deflate or none; absent for gzip with OTLP, none otherwise.",
    )
    keepalive: KeepaliveConfig | None = Field(
        default=None, description="gRPC: pings that find out that a connection is dead; absent for none."
    )
    user_agent: str = Field(default="", description="gRPC: what the collector calls itself.")
    authority: str = Field(default="", description="gRPC: the :authority of requests.")
    wait_for_ready: bool = Field(
        default=False, description="gRPC: whether a request waits for a connection instead of failing."
    )
    balancer_name: Balancer = Field(
        default=Balancer.ROUND_ROBIN, description="gRPC: how requests are spread over addresses."
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_for_the_protocol(cls, value: Any) -> Any:
        if not isinstance(value, dict) or (protocol := value.get("protocol", Protocol.OTLP_GRPC)) not in list(Protocol):
            return value
        usual = _USUAL[protocol]
        return {"endpoint": usual.endpoint, "compression": usual.compression, **value}

    @model_validator(mode="after")
    def _protocol_knows_its_keys(self) -> Self:
        own, other = (_GRPC_KEYS, _HTTP_KEYS) if self.is_grpc else (_HTTP_KEYS, _GRPC_KEYS)
        strange = [name for name in sorted(other - own - {"endpoint"}) if not self._is_default(name)]
        if strange:
            raise ValueError(f"{', '.join(strange)}: means nothing with protocol {self.protocol}")
        try:
            self.grpc() if self.is_grpc else _URL.validate_python(self.url)
        except ValidationError as error:
            raise ValueError("; ".join(map(_message, error.errors()))) from None
        return self

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)

    @property
    def is_grpc(self) -> bool:
        return not _USUAL[self.protocol].path

    @property
    def url(self) -> str:
        """Where requests over HTTP are posted to."""
        url = self.endpoint if "://" in self.endpoint else f"http://{self.endpoint}"
        return url if urlsplit(url).path.strip("/") else url.rstrip("/") + _USUAL[self.protocol].path

    def grpc(self) -> GrpcClientConfig:
        """Return the keys of a gRPC client.

        Raises:
            pydantic.ValidationError: gRPC has no such thing.
        """
        return GrpcClientConfig.model_validate({name: getattr(self, name) for name in _GRPC_KEYS})


def _message(error: Any) -> str:
    path = "::".join(map(str, error["loc"]))
    return f"{path}: {error['msg'].removeprefix('Value error, ')}".removeprefix(": ")
