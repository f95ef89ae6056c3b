"""The keys under `receivers: otlp:`, with the Collector's names and defaults."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from collector.api import ComponentConfig
from collector.config_types import Duration


class Limits(ComponentConfig):
    max_items: int = Field(default=50_000, ge=1, description="Records one request may hold.")
    max_record_size: int = Field(default=1 << 20, ge=1, description="Bytes one record may have.")
    include_metadata: bool = Field(default=False, description="Whether request headers are kept with the data.")


class GrpcConfig(Limits):
    endpoint: str = Field(default="localhost:4317", description="Address to listen on; `unix:PATH` for a socket.")
    max_recv_msg_size_mib: int = Field(default=4, ge=1, description="MiB a message may have after decompression.")
    max_concurrent_streams: int = Field(default=100, ge=1, description="Requests under way on one connection.")
    max_concurrent_rpcs: int = Field(default=1000, ge=1, description="Requests under way on all connections.")


class HttpConfig(Limits):
    endpoint: str = Field(default="localhost:4318", description="Address to listen on; `unix:PATH` for a socket.")
    max_request_body_size: int = Field(
        default=20 << 20, ge=1, description="Bytes a body may have, as sent and again after decompression."
    )
    read_header_timeout: Duration = Field(default=10.0, description="How long a client may take to send a head.")
    read_timeout: Duration = Field(default=30.0, description="How long a client may take to send a body.")
    traces_url_path: str = Field(default="/v1/traces", description="Path that takes traces.")
    metrics_url_path: str = Field(default="/v1/metrics", description="Path that takes metrics.")
    logs_url_path: str = Field(default="/v1/logs", description="Path that takes logs.")


class Protocols(ComponentConfig):
    grpc: GrpcConfig | None = Field(default=None, description="Settings of OTLP over gRPC; absent turns it off.")
    http: HttpConfig | None = Field(default=None, description="Settings of OTLP over HTTP; absent turns it off.")

    @model_validator(mode="before")
    @classmethod
    def _an_empty_body_means_defaults(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: {} if body is None else body for key, body in value.items()}
        return value

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.grpc is None and self.http is None:
            raise ValueError("must specify at least one protocol: grpc or http")
        return self


class OtlpConfig(ComponentConfig):
    protocols: Protocols = Field(description="The protocols to listen with.")

    @field_validator("protocols", mode="before")
    @classmethod
    def _needs_a_body(cls, value: Any) -> Any:
        return {} if value is None else value
