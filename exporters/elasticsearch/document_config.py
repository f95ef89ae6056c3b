"""What a user may write about documents and where they go."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from collector.api import ComponentConfig
from collector.config_types import or_defaults
from exporters.elasticsearch.index_names import mistake_in


class Mode(enum.StrEnum):
    OTEL = "otel"
    ECS = "ecs"
    NONE = "none"
    RAW = "raw"
    BODYMAP = "bodymap"
    JAEGER = "jaeger"


class Flavor(enum.StrEnum):
    ELASTICSEARCH = "elasticsearch"
    OPENSEARCH = "opensearch"


def _is_index_name(name: str) -> str:
    mistake = name and mistake_in(name)
    if mistake:
        raise ValueError(mistake)
    return name


IndexName = Annotated[str, AfterValidator(_is_index_name)]


def _check_dates(before: str, date_format: str) -> None:
    """A format that names months or halves of the day has upper-case letters in some of them."""
    for month in range(1, 13):
        date = datetime(2024, month, month * 2, month * 2 - 1, tzinfo=UTC).strftime(date_format)
        if mistake := mistake_in(before + date):
            raise ValueError(f"date_format {date_format!r}: {mistake}")


class MappingConfig(ComponentConfig):
    mode: Mode = Field(
        default=Mode.OTEL,
        description="Shape of the documents: otel, ecs, none, raw, bodymap or jaeger. "
        "Signals for which a mode has no shape are written as otel.",
    )
    allowed_modes: frozenset[Mode] | None = Field(
        default=None,
        description="Modes that a scope may choose with its attribute elastic.mapping.mode, and a client with the "
        "header X-Elastic-Mapping-Mode where the receiver keeps it; `mode` must be among them. Absent, all but jaeger, "
        "which needs index templates. Any other choice is as if there were none.",
    )

    @property
    def allowed(self) -> frozenset[Mode]:
        """The modes that documents may have."""
        return (frozenset(Mode) - {Mode.JAEGER} | {self.mode}) if self.allowed_modes is None else self.allowed_modes

    @model_validator(mode="after")
    def _is_allowed(self) -> Self:
        if self.mode not in self.allowed:
            raise ValueError(f"mode {self.mode} is not among allowed_modes")
        return self


class SwitchConfig(ComponentConfig):
    enabled: bool = Field(default=False, description="Whether the attribute decides.")


class LogstashFormatConfig(ComponentConfig):
    enabled: bool = Field(default=False, description="Whether the date is appended to every index name.")
    prefix_separator: str = Field(default="-", description="What stands between the index and the date.")
    date_format: str = Field(
        default="%Y.%m.%d", description="The date in strftime's notation, in UTC, by the collector's clock."
    )

    @model_validator(mode="after")
    def _makes_index_names(self) -> Self:
        if self.enabled:
            _check_dates(f"a{self.prefix_separator}", self.date_format)
        return self


class TagsAsFieldsConfig(ComponentConfig):
    all: bool = Field(default=False, description="Whether every tag becomes a field of its own.")
    include: frozenset[str] = Field(default=frozenset(), description="Tags that become fields, by key.")
    dot_replacement: str = Field(default="@", min_length=1, description="What stands for a dot in a field's name.")


class JaegerConfig(ComponentConfig):
    index_prefix: IndexName = Field(default="", description="Put before the names of all indices, with a hyphen.")
    date_format: str = Field(
        default="%Y-%m-%d",
        description="The date in an index name in strftime's notation: that of the span's start, in UTC. "
        "Jaeger's date_layout must say the same.",
    )
    use_write_aliases: bool = Field(
        default=False, description="Write to the aliases jaeger-span-write and jaeger-service-write, for rollover."
    )
    tags_as_fields: Annotated[TagsAsFieldsConfig, BeforeValidator(or_defaults)] = Field(
        default=TagsAsFieldsConfig(), description="Tags that are fields named tag.KEY instead of nested objects."
    )

    @model_validator(mode="after")
    def _makes_index_names(self) -> Self:
        _check_dates(f"{self.prefix}jaeger-service-", self.date_format)
        return self

    @property
    def prefix(self) -> str:
        """What is before `jaeger-` in names."""
        return f"{self.index_prefix}-" if self.index_prefix else ""


class DocumentConfig(ComponentConfig):
    flavor: Flavor = Field(
        default=Flavor.ELASTICSEARCH,
        description="The server: elasticsearch or opensearch, which lacks some of the former's features.",
    )
    mapping: Annotated[MappingConfig, BeforeValidator(or_defaults)] = Field(
        default=MappingConfig(), description="Which shape documents have."
    )
    logs_index: IndexName = Field(
        default="",
        description="Index, data stream or alias of log records and span events. Left out, they go to "
        "logs-DATASET-NAMESPACE by the attributes data_stream.dataset and data_stream.namespace, or where the "
        "attribute elasticsearch.index says.",
    )
    metrics_index: IndexName = Field(default="", description="As `logs_index`, for metrics.")
    traces_index: IndexName = Field(default="", description="As `logs_index`, for spans.")
    logstash_format: Annotated[LogstashFormatConfig, BeforeValidator(or_defaults)] = Field(
        default=LogstashFormatConfig(), description="Daily indices; not for data streams."
    )
    document_ids: bool = Field(
        default=True,
        description="Whether spans and log records are given an id made from what they hold, so that one that is sent "
        "again is not there twice. Without ids the server indexes faster.",
    )
    logs_dynamic_id: Annotated[SwitchConfig, BeforeValidator(or_defaults)] = Field(
        default=SwitchConfig(), description="The attribute elasticsearch.document_id of a log record is its id."
    )
    traces_dynamic_id: Annotated[SwitchConfig, BeforeValidator(or_defaults)] = Field(
        default=SwitchConfig(), description="The attribute elasticsearch.document_id of a span is its id."
    )
    pipeline: str = Field(default="", description="Ingest pipeline that every document passes through.")
    logs_dynamic_pipeline: Annotated[SwitchConfig, BeforeValidator(or_defaults)] = Field(
        default=SwitchConfig(),
        description="The attribute elasticsearch.document_pipeline of a log record is its ingest pipeline.",
    )
    jaeger: Annotated[JaegerConfig, BeforeValidator(or_defaults)] = Field(
        default=JaegerConfig(), description="Details of the mode jaeger."
    )
