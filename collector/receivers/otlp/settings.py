"""The keys under `receivers: otlp:`, with the Collector's names and defaults."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from collector.api import ComponentConfig
from collector.batch import SHAPES, Signal
from collector.config_types import Duration
from collector.net.authentication import AuthConfig
from collector.net.decompression import ENCODINGS
from collector.net.endpoint import ListenConfig, UrlPath
from collector.net.grpc_options import LARGEST
from collector.net.headers import is_name, is_value
from collector.net.tls import ServerTLS, check_grpc_can
from collector.receivers.otlp.cors import CorsConfig

DEFAULT_RECV_MSG_SIZE_MIB = 4
DEFAULT_REQUEST_BODY_SIZE = 20 << 20


class ProtocolConfig(ListenConfig):
    """What both protocols have."""

    tls: ServerTLS | None = Field(default=None, description="Certificates; absent leaves connections in plain text.")
    auth: AuthConfig | None = Field(default=None, description="Who decides which requests may come in.")
    include_metadata: bool = Field(
        default=False, description="Whether request headers and the client's address are kept with the data."
    )
    max_items: int = Field(default=50_000, ge=1, description="Records one request may hold.")
    max_record_size: int = Field(default=1 << 20, ge=1, description="Bytes one record may have.")
    trusted: bool = Field(
        default=False,
        description="Whether requests are taken without being checked. For senders whose data was checked before: "
        "what is not OTLP then harms whatever is joined with it.",
    )


class ServerParameters(ComponentConfig):
    max_connection_idle: Duration = Field(
        default=0.0, description="How long a connection may have no request; 0 for any time."
    )
    max_connection_age: Duration = Field(
        default=0.0, description="How long a connection may last, so that clients spread anew; 0 for any time."
    )
    max_connection_age_grace: Duration = Field(
        default=0.0, description="How long requests may take to end on a connection that is too old; 0 for any time."
    )
    time: Duration = Field(default=7200.0, gt=0, description="How long a client may be silent before it is pinged.")
    timeout: Duration = Field(default=20.0, gt=0, description="How long it may take to answer a ping.")


class EnforcementPolicy(ComponentConfig):
    min_time: Duration = Field(default=300.0, description="Shortest pause a client must leave between its pings.")
    permit_without_stream: bool = Field(
        default=False, description="Whether a client may ping while it has no request under way."
    )


class Keepalive(ComponentConfig):
    server_parameters: ServerParameters = Field(
        default=ServerParameters(), description="How long connections last, and how they are kept alive."
    )
    enforcement_policy: EnforcementPolicy = Field(
        default=EnforcementPolicy(), description="How often clients may ping; who does so more often is cut off."
    )


class GrpcConfig(ProtocolConfig):
    endpoint: str = Field(
        default="localhost:4317", description="Address to listen on: host:port, :port for all addresses, or unix:PATH."
    )
    max_recv_msg_size_mib: int = Field(
        default=0, ge=0, le=LARGEST >> 20, description="MiB a message may have after decompression; 0 for 4."
    )
    max_concurrent_streams: int = Field(
        default=100, ge=1, le=LARGEST, description="Requests under way on one connection."
    )
    max_concurrent_rpcs: int = Field(default=1000, ge=1, description="Requests under way on all connections.")
    read_timeout: Duration = Field(
        default=30.0, description="How long a client may take to send a message; 0 for any time."
    )
    keepalive: Keepalive = Field(default=Keepalive(), description="How connections are kept alive, and ended.")

    @model_validator(mode="after")
    def _tls_is_grpc_s_own(self) -> Self:
        if self.tls:
            check_grpc_can(self.tls)
        return self

    @property
    def max_message_size(self) -> int:
        """Bytes."""
        return (self.max_recv_msg_size_mib or DEFAULT_RECV_MSG_SIZE_MIB) << 20


class HttpConfig(ProtocolConfig):
    endpoint: str = Field(
        default="localhost:4318", description="Address to listen on: host:port, :port for all addresses, or unix:PATH."
    )
    max_request_body_size: int = Field(
        default=DEFAULT_REQUEST_BODY_SIZE,
        ge=0,
        description="Bytes a body may have, as sent and again after decompression; 0 for 20 MiB.",
    )
    compression_algorithms: list[str] = Field(
        default=[encoding for encoding in ENCODINGS if encoding != "identity"],
        description="What Content-Encoding may say; empty text is for no compression.",
    )
    read_header_timeout: Duration = Field(
        default=10.0, description="How long a client may take to send a head, and to send anything; 0 for any time."
    )
    read_timeout: Duration = Field(
        default=30.0, description="How long a client may take to send a body; 0 for any time."
    )
    write_timeout: Duration = Field(
        default=30.0, description="How long a client may take to read an answer; 0 for any time."
    )
    idle_timeout: Duration = Field(
        default=60.0, description="How long a connection may rest between requests; 0 for any time."
    )
    keep_alives_enabled: bool = Field(default=True, description="Whether a connection may carry several requests.")
    response_headers: dict[str, SecretStr] = Field(default={}, description="Headers that every answer has.")
    cors: CorsConfig | None = Field(default=None, description="Which web pages may send; absent lets none.")
    traces_url_path: UrlPath = Field(default="/v1/traces", description="Path that takes traces.")
    metrics_url_path: UrlPath = Field(default="/v1/metrics", description="Path that takes metrics.")
    logs_url_path: UrlPath = Field(default="/v1/logs", description="Path that takes logs.")

    @property
    def max_body_size(self) -> int:
        """Bytes."""
        return self.max_request_body_size or DEFAULT_REQUEST_BODY_SIZE

    @field_validator("compression_algorithms")
    @classmethod
    def _are_known(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - set(ENCODINGS)):
            raise ValueError(f"unknown: {', '.join(unknown)}; there are {', '.join(filter(None, ENCODINGS))}")
        return value

    @field_validator("response_headers")
    @classmethod
    def _can_be_sent(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, text in value.items():
            if not is_name(name) or not is_value(text.get_secret_value()):
                raise ValueError(f"{name!r} or its value cannot be sent as a header")
        return value

    @model_validator(mode="after")
    def _each_path_takes_one_signal(self) -> Self:
        profiles = SHAPES[Signal.PROFILES].url_path
        if len({self.traces_url_path, self.metrics_url_path, self.logs_url_path, profiles}) < 4:
            raise ValueError(f"traces_url_path, metrics_url_path and logs_url_path must differ, also from {profiles}")
        return self


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
