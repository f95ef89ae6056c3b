"""The keys under `exporters: prometheus_remote_write:`, with the names and defaults of the Collector's exporter."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from collector.api import ComponentConfig
from collector.config_types import Duration, or_defaults
from collector.net.http_client import URL, HttpConnectionConfig
from exporters.prometheus_remote_write.rules import Delta, DeltaRules, LabelRules, ResourceRules, Rules, Strategy

_ELSEWHERE = {
    "remote_write_queue": "the queue is sending_queue here (enabled, queue_size), and num_consumers is "
    "max_batch_request_parallelism",
    "wal": "there is none; a persistent sending_queue keeps data on disk",
    "compression": "bodies are always compressed with snappy, as the protocol has it",
    "http": "its keys belong beside endpoint",
}
"""Keys of the Collector's exporter that this one does not have, and what to do instead."""

# Remote-Write specification 1.0 and 2.0, "Request": these headers are the sender's
_OURS = frozenset({"x-prometheus-remote-write-version", "user-agent", "retry-attempt"})
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class ProtobufMessage(enum.StrEnum):
    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


def _has_a_place(url: str) -> str:
    if not url:
        raise ValueError("must be a URL that starts with http:// or https://")
    return url


def _not_of_the_protocol(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name in headers:
        if name.lower() in _OURS:
            raise ValueError(f"{name} is for the exporter to say")
    return headers


class TargetInfoConfig(ComponentConfig):
    enabled: bool = Field(
        default=True, description="Whether each resource becomes a series target_info with its attributes."
    )


class ResourceToTelemetryConfig(ComponentConfig):
    enabled: bool = Field(default=False, description="Whether all attributes of a resource become labels of its data.")
    exclude_service_attributes: bool = Field(
        default=False,
        description="Whether service.name, service.namespace and service.instance.id, which are job and instance, are "
        "left out of that.",
    )


class DeltaConfig(ComponentConfig):
    mode: Delta = Field(
        default=Delta.CONVERT,
        description="Whether sums and histograms of delta temporality are added up (convert) or dropped (drop); "
        "Prometheus knows cumulative ones only.",
    )
    max_streams: int = Field(
        default=100_000,
        ge=1,
        description="Streams that are added up at the same time; beyond that the one of the oldest point begins anew.",
    )
    max_stale: Duration = Field(
        default=300.0, gt=0, description="How long a stream without points is remembered before it begins anew."
    )


class RemoteWriteConfig(HttpConnectionConfig):
    endpoint: Annotated[URL, AfterValidator(_has_a_place)] = Field(
        description="URL that data is posted to, such as http://localhost:9090/api/v1/write."
    )
    protobuf_message: ProtobufMessage = Field(
        default=ProtobufMessage.V1,
        description="What is sent: prometheus.WriteRequest (protocol 1.0, which every receiver takes) or "
        "io.prometheus.write.v2.Request (2.0, with start times, metadata beside each series, and receivers that keep "
        "the rest of a request of which they refuse a part). A receiver that does not understand 2.0 is sent 1.0.",
    )
    max_batch_size_bytes: int = Field(
        default=3_000_000, ge=1, description="Bytes of one request before compression; more is sent in several."
    )
    max_batch_request_parallelism: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="How many requests are under way at the same time, beside those of target_info. Each series always "
        "has the same place among them, so that its samples arrive in their order.",
    )
    send_metadata: bool = Field(
        default=False,
        description="Whether type, unit and description of metrics are sent in requests of their own, when they are "
        "new or have changed. Protocol 2.0 always has them.",
    )
    namespace: str = Field(default="", description="Prefix of every metric name, without the `_` that follows it.")
    translation_strategy: Strategy | None = Field(
        default=None,
        description="How names become those of Prometheus: UnderscoreEscapingWithSuffixes, "
        "UnderscoreEscapingWithoutSuffixes, NoUTF8EscapingWithSuffixes or NoTranslation; absent for the first, or for "
        "the second if add_metric_suffixes is false.",
    )
    add_metric_suffixes: bool = Field(
        default=True,
        description="Whether unit and type become suffixes of the name; translation_strategy is asked first.",
    )
    label_name_underscore_sanitization: bool = Field(
        default=False, description="Whether a label name that starts with one `_` is given the prefix `key`."
    )
    label_name_preserve_multiple_underscores: bool = Field(
        default=False, description="Whether several `_` in a row stay in label names instead of becoming one."
    )
    external_labels: dict[str, str] = Field(
        default={}, description="Labels that every series has, unless its data has them already."
    )
    resource_to_telemetry_conversion: Annotated[ResourceToTelemetryConfig, BeforeValidator(or_defaults)] = Field(
        default=ResourceToTelemetryConfig(), description="Whether resources are written into labels."
    )
    promote_resource_attributes: list[str] = Field(
        default=[], description="Attributes of resources that become labels of their data."
    )
    promote_all_resource_attributes: bool = Field(
        default=False, description="Whether all attributes of resources become labels, unless the data has them."
    )
    ignore_resource_attributes: list[str] = Field(
        default=[], description="Attributes that promote_all_resource_attributes leaves out."
    )
    keep_identifying_resource_attributes: bool = Field(
        default=False, description="Whether target_info has the attributes that job and instance are made of, too."
    )
    target_info: Annotated[TargetInfoConfig, BeforeValidator(or_defaults)] = Field(
        default=TargetInfoConfig(), description="The series that has the attributes of a resource as labels."
    )
    disable_scope_info: bool = Field(
        default=False, description="Whether to leave out the labels otel_scope_name, otel_scope_version and the like."
    )
    delta: Annotated[DeltaConfig, BeforeValidator(or_defaults)] = Field(
        default=DeltaConfig(), description="What becomes of metrics with delta temporality."
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_where_to_say_it(cls, value: Any) -> Any:
        told = [key for key in _ELSEWHERE if key in value] if isinstance(value, dict) else []
        if told:
            raise ValidationError.from_exception_data(cls.__name__, [_elsewhere(key, value[key]) for key in told])
        return value

    @field_validator("headers")
    @classmethod
    def _headers_are_not_ours(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return _not_of_the_protocol(headers)

    @model_validator(mode="after")
    def _external_labels_are_labels(self) -> Self:
        for name, value in self.external_labels.items():
            if not name or not value:
                raise ValueError("external_labels: neither a name nor a value can be empty")
            if name == "__name__" or (self.strategy.escapes and not _LABEL.fullmatch(name)):
                raise ValueError(f"external_labels: {name!r} is not the name of a label")
        return self

    @model_validator(mode="after")
    def _promotes_in_one_way(self) -> Self:
        if self.promote_all_resource_attributes and self.promote_resource_attributes:
            raise ValueError("give promote_resource_attributes or promote_all_resource_attributes, not both")
        if self.ignore_resource_attributes and not self.promote_all_resource_attributes:
            raise ValueError("ignore_resource_attributes needs promote_all_resource_attributes")
        return self

    @property
    def strategy(self) -> Strategy:
        if self.translation_strategy is not None:
            return self.translation_strategy
        return Strategy.UNDERSCORES_WITH_SUFFIXES if self.add_metric_suffixes else Strategy.UNDERSCORES

    def rules(self) -> Rules:
        """Return what all this means for the translation."""
        return Rules(
            namespace=self.namespace,
            strategy=self.strategy,
            external_labels=self.external_labels,
            labels=LabelRules(
                prefix_underscore=self.label_name_underscore_sanitization,
                keep_multiple_underscores=self.label_name_preserve_multiple_underscores,
            ),
            resources=ResourceRules(
                copy_all=self.resource_to_telemetry_conversion.enabled,
                exclude_service_attributes=self.resource_to_telemetry_conversion.exclude_service_attributes,
                promote=frozenset(self.promote_resource_attributes),
                promote_all=self.promote_all_resource_attributes,
                ignore=frozenset(self.ignore_resource_attributes),
                target_info=self.target_info.enabled,
                keep_identifying=self.keep_identifying_resource_attributes,
            ),
            scope_labels=not self.disable_scope_info,
            send_metadata=self.send_metadata,
            delta=DeltaRules(mode=self.delta.mode, max_streams=self.delta.max_streams, max_stale=self.delta.max_stale),
        )


def _elsewhere(key: str, value: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("elsewhere", _ELSEWHERE[key]), loc=(key,), input=value)
