"""The keys under `exporters: elasticsearch:`, with the Collector's names and defaults.

What is called otherwise here, or belongs to the engine, is refused by name with what to write instead: a setting that
is read and ignored would be worse.
"""

from __future__ import annotations

import base64
import enum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from collector.api import ComponentConfig
from collector.config_types import Duration, or_defaults
from collector.net.headers import is_value
from collector.net.http_client import URL, Compression, CompressionParams, HttpClientConfig
from exporters.elasticsearch.addresses import (
    FROM_ENVIRONMENT,
    address_of_cloud,
    addresses_of_environment,
    user_in,
    without_user,
)
from exporters.elasticsearch.document_config import DocumentConfig, Flavor, IndexName
from exporters.elasticsearch.templates import templates

GZIP_LEVEL = 1
"""As the Collector's: higher ones cost several times as much for a tenth less."""

_INSTEAD = {
    "index": "use logs_index",
    "num_workers": "use sending_queue::num_consumers",
    "batcher": "use sending_queue::batch",
    "metadata_keys": "use sending_queue::batch::partition::metadata_keys",
    "bulk_response_filter_path": "leave it out: answers are always filtered to what is read of them",
    "logs_dynamic_index": "leave it out: where logs_index is empty, records are always routed by their attributes",
    "traces_dynamic_index": "leave it out: where traces_index is empty, spans are always routed by their attributes",
    "metrics_dynamic_index": "leave it out: where metrics_index is empty, points are always routed by their attributes",
}
_INSTEAD_OF_RETRY = {
    "enabled": "use retry_on_failure::enabled",
    "max_retries": "use retry_on_failure::max_elapsed_time: attempts are bounded by their time, not their number",
    "max_requests": "use retry_on_failure::max_elapsed_time: attempts are bounded by their time, not their number",
    "initial_interval": "use retry_on_failure::initial_interval",
    "max_interval": "use retry_on_failure::max_interval",
}
_INSTEAD_OF_FLUSH = {"interval": "use sending_queue::batch::flush_timeout"}
_INSTEAD_OF_TELEMETRY = {
    "log_request_body": "leave it out: whole bodies are not logged; see log_failed_docs_input and dead_letter",
    "log_response_body": "leave it out: what an answer refuses is logged, and is in the dead letter",
}


def _refuse(value: Any, instead: dict[str, str]) -> Any:
    found = [key for key in instead if isinstance(value, dict) and key in value]
    if found:
        raise ValueError("; ".join(f"{key}: {instead[key]}" for key in found))
    return value


class DeadLetterConfig(ComponentConfig):
    index: IndexName = Field(
        default="",
        description="Index or data stream of the same cluster that refused documents are written to, each with where "
        "it should have gone, its id, the type and reason of the error, and its own text.",
    )
    file: Path | None = Field(
        default=None,
        description="File, of this exporter alone, that refused documents are appended to, as `index`: one line of "
        "JSON for each. It may be moved away at any time.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.index) == bool(self.file):
            raise ValueError("give index or file, one of them")
        return self


class FlushConfig(ComponentConfig):
    bytes: int = Field(
        default=5_000_000,
        ge=1,
        description="Bytes of one bulk request, not compressed. A document that is larger by itself is sent alone.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_name_here(cls, value: Any) -> Any:
        return _refuse(value, _INSTEAD_OF_FLUSH)


Status = Annotated[int, Field(ge=400, le=599)]


class RetryStatusConfig(ComponentConfig):
    retry_on_status: frozenset[Status] = Field(
        default=frozenset({408, 429, 502, 503, 504}),
        description="Statuses of a whole request after which it is sent again. 500 is tried three times in any case.",
    )
    retry_on_document_status: frozenset[Status] = Field(
        default=frozenset({429, 502, 503, 504}),
        description="Statuses of a document after which it alone is sent again. A document that an index refuses "
        "because it is blocked is sent again in any case.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_name_here(cls, value: Any) -> Any:
        return _refuse(value, _INSTEAD_OF_RETRY)


class DiscoverConfig(ComponentConfig):
    on_start: bool = Field(
        default=False,
        description="Whether the cluster is asked for its nodes at the start. Not for a cluster behind a proxy.",
    )
    interval: Duration = Field(default=0.0, description="How often it is asked again; 0 for never.")


class LoggingConfig(ComponentConfig):
    log_failed_docs_input: bool = Field(
        default=False, description="Whether documents that are refused are logged, with all that is in them."
    )
    log_failed_docs_input_rate_limit: Duration = Field(
        default=1.0, description="At most one of them is logged in this time; 0 for all."
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_name_here(cls, value: Any) -> Any:
        return _refuse(value, _INSTEAD_OF_TELEMETRY)


class Authentication(enum.StrEnum):
    """Ways to say who sends; the values are what the configuration calls them."""

    USER = "user and password"
    API_KEY = "api_key"
    EXTENSION = "auth"
    HEADER = "headers::Authorization"
    URL = "user and password in an endpoint"


def _in_a_header(secret: SecretStr) -> SecretStr:
    if not is_value(secret.get_secret_value()):
        raise ValueError("has characters that no header can have")
    return secret


class ElasticsearchConfig(DocumentConfig, HttpClientConfig):
    endpoint: URL = Field(
        default="",
        description="URL of the server, such as https://localhost:9200, or with a path behind a proxy. A user and a "
        "password may be in it, with %2F for a slash. If neither this nor `endpoints` nor `cloudid` is given, the "
        f"variable {FROM_ENVIRONMENT} of the environment has URLs, with commas between them.",
    )
    endpoints: tuple[URL, ...] = Field(
        default=(), description="URLs of several nodes of one cluster, which are used in turn."
    )
    cloudid: str = Field(default="", description="Cloud id of a deployment, NAME:TEXT, instead of a URL.")
    user: str = Field(default="", description="Name for basic authentication.")
    password: SecretStr = Field(default=SecretStr(""), description="Password of `user`.")
    api_key: Annotated[SecretStr, AfterValidator(_in_a_header)] = Field(
        default=SecretStr(""),
        description="API key instead of `user`: what the server called `encoded` when it made it.",
    )
    compression: Literal[Compression.GZIP, Compression.NONE] = Field(
        default=Compression.GZIP, description="How bodies are compressed: gzip or none."
    )
    compression_params: CompressionParams = Field(
        default=CompressionParams(), description=f"How much work is put into that; the level is {GZIP_LEVEL} if absent."
    )
    max_conns_per_host: int = Field(
        default=32, ge=0, description="Requests to one node at the same time; others wait for one to end. 0 for any."
    )
    flush: Annotated[FlushConfig, BeforeValidator(or_defaults)] = Field(
        default=FlushConfig(), description="How documents are cut into requests; sending_queue::batch joins batches."
    )
    retry: Annotated[RetryStatusConfig, BeforeValidator(or_defaults)] = Field(
        default=RetryStatusConfig(), description="What is sent again; retry_on_failure says when and for how long."
    )
    discover: Annotated[DiscoverConfig, BeforeValidator(or_defaults)] = Field(
        default=DiscoverConfig(),
        description="Whether the nodes that the cluster names are used. They are sent the "
        "same credentials, so let it be one that is reached by https. Those named here are used again when all of them "
        "are dead.",
    )
    telemetry: Annotated[LoggingConfig, BeforeValidator(or_defaults)] = Field(
        default=LoggingConfig(), description="What is logged."
    )
    include_source_on_error: bool | None = Field(
        default=None,
        description="Whether reasons of errors may quote documents; Elasticsearch from 8.18 on knows it. "
        "Absent, reasons may quote them and are not logged, but are in the dead letter.",
    )
    dead_letter: DeadLetterConfig | None = Field(
        default=None,
        description="Where documents go that the server refuses for good; absent, they are dropped and logged.",
    )
    manage_templates: bool | None = Field(
        default=None,
        description="Whether index templates are written before the first document: Jaeger's own, and those that "
        "OpenSearch lacks for mode otel, from its version 2.7 on; those of the same names are written over. Absent, "
        "they are, and where the server does not allow it, documents are sent all the same; if true, they wait.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_name_here(cls, value: Any) -> Any:
        return _refuse(value, _INSTEAD)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        given = [name for name in ("endpoint", "endpoints", "cloudid") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give endpoint, endpoints or cloudid, not {' and '.join(given)}")
        if not all(self.endpoints):
            raise ValueError("endpoints must not be empty")
        if not self.addresses():
            raise ValueError(f"endpoint, endpoints or cloudid is required, or the variable {FROM_ENVIRONMENT}")
        return self

    @model_validator(mode="after")
    def _says_once_who_sends(self) -> Self:
        if bool(self.user) != bool(self.password.get_secret_value()):
            raise ValueError("user needs password, and password user")
        if len(given := self._authentication()) > 1:
            raise ValueError(f"say once who sends, not by {' and by '.join(given)}")
        if len(set(map(user_in, self._urls()))) > 1:
            raise ValueError("endpoints have different users: give user and password as settings of their own")
        if ":" in self.user:
            raise ValueError("a user cannot have a colon in its name")
        return self

    @model_validator(mode="after")
    def _asks_for_what_the_server_has(self) -> Self:
        if self.flavor is Flavor.OPENSEARCH and self.include_source_on_error is not None:
            raise ValueError("include_source_on_error: OpenSearch does not know it, leave it out")
        if self.manage_templates and not templates(self):
            raise ValueError("manage_templates: Elasticsearch has its own for these modes, leave it out")
        return self

    def addresses(self) -> tuple[str, ...]:
        """Return the URLs of the nodes, without a user, and without a slash at the end.

        Raises:
            ValueError: the cloud id, or the variable of the environment, is not what it should be.
        """
        return tuple(without_user(url).rstrip("/") for url in self._urls())

    def _urls(self) -> tuple[str, ...]:
        given = (self.endpoint,) if self.endpoint else self.endpoints
        if self.cloudid:
            given = (address_of_cloud(self.cloudid),)
        return tuple(given) or addresses_of_environment()

    @property
    def writes_templates(self) -> bool:
        return bool(templates(self)) if self.manage_templates is None else self.manage_templates

    def client(self) -> HttpClientConfig:
        """Return the settings of the connections, with the credentials as a header."""
        level = self.compression_params.level
        if level is None and self.compression is Compression.GZIP:
            level = GZIP_LEVEL
        credentials = {"authorization": SecretStr(text)} if (text := self._credentials()) else {}
        changed = {
            "headers": {**self.headers, **credentials},
            "compression_params": CompressionParams(level=level),
        }
        return self.model_copy(update=changed)

    def _credentials(self) -> str:
        if key := self.api_key.get_secret_value():
            return f"ApiKey {key}"
        pair = f"{self.user}:{self.password.get_secret_value()}" if self.user else user_in(self._urls()[0])
        return f"Basic {base64.b64encode(pair.encode()).decode()}" if pair else ""

    def _authentication(self) -> list[Authentication]:
        ways = {
            Authentication.USER: self.user,
            Authentication.API_KEY: self.api_key.get_secret_value(),
            Authentication.EXTENSION: self.auth,
            Authentication.HEADER: "authorization" in map(str.lower, self.headers),
            Authentication.URL: any(map(user_in, self._urls())),
        }
        return [way for way, given in ways.items() if given]
