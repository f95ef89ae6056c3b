"""The keys under `extensions: jaeger_remote_sampling:`, with the Collector's names and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from collector.api import ComponentConfig
from collector.config_types import Duration, or_defaults
from collector.extensions.jaeger_remote_sampling.strategies import parse
from collector.net.endpoint import ListenConfig
from collector.net.tls import ServerTLS, check_grpc_can


def _of_this_machine(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        raise ValueError("a URL is not supported: give the path of a file on this machine")
    return value


class SourceConfig(ComponentConfig):
    file: Annotated[Path | None, BeforeValidator(_of_this_machine)] = Field(
        default=None, description="Path of Jaeger's JSON file of sampling strategies."
    )
    contents: str = Field(default="", description="What would be in that file, instead of a file.")
    reload_interval: Duration = Field(
        default=0.0, description="How often a changed file is looked for; 0 for never, otherwise at least 0.1 s."
    )

    @model_validator(mode="before")
    @classmethod
    def _comes_from_here(cls, value: Any) -> Any:
        if isinstance(value, dict) and "remote" in value:
            raise ValueError("remote is not supported: give file or contents")
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.file and self.contents:
            raise ValueError("give file or contents, not both")
        if self.contents:
            try:
                parse(self.contents, 0.0)
            except ValueError as error:
                raise ValueError(f"contents: {error}") from None
        return self


class ServerConfig(ListenConfig):
    enabled: bool = Field(default=True, description="Whether it is served.")
    tls: ServerTLS | None = Field(default=None, description="Certificates; absent leaves connections in plain text.")


class HttpConfig(ServerConfig):
    endpoint: str = Field(
        default="localhost:5778", description="Address to listen on: host:port, :port for all addresses, or unix:PATH."
    )


class GrpcConfig(ServerConfig):
    endpoint: str = Field(
        default="localhost:14250",
        description="Address to listen on, as for HTTP. Jaeger 2 itself has the service at port 5779.",
    )

    @model_validator(mode="after")
    def _tls_is_grpc_s_own(self) -> Self:
        if self.tls:
            check_grpc_can(self.tls)
        return self


class RemoteSamplingConfig(ComponentConfig):
    source: Annotated[SourceConfig, BeforeValidator(or_defaults)] = Field(
        default=SourceConfig(), description="Where the strategies are."
    )
    http: Annotated[HttpConfig, BeforeValidator(or_defaults)] = Field(
        default=HttpConfig(), description="The service over HTTP: `/sampling?service=NAME`, or any other path."
    )
    grpc: Annotated[GrpcConfig, BeforeValidator(or_defaults)] = Field(
        default=GrpcConfig(), description="The service over gRPC: `jaeger.api_v2.SamplingManager`."
    )
    default_sampling_probability: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="What services are told that have no strategy, where there is no default.",
    )

    @model_validator(mode="after")
    def _is_served(self) -> Self:
        if not (self.http.enabled or self.grpc.enabled):
            raise ValueError("neither http nor grpc is enabled, so nobody can ask")
        return self
