"""The former way to say what is kept: `include` and `exclude`, whose keys differ from signal to signal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from collector.api import ComponentConfig, Signal
from collector.matching.config import AttributeMatch, MatchProperties, MatchType, RegexpOptions
from collector.ottl.paths import ENUMERATORS

_SEVERITY = "SEVERITY_NUMBER_"
_SEVERITIES: Mapping[str, int] = {
    name.removeprefix(_SEVERITY): number for name, number in ENUMERATORS.items() if name.startswith(_SEVERITY)
}
_LOWEST, _HIGHEST = 1, 24
_MATCH_TYPE = "`strict` compares texts as they are; `regexp` looks for RE2 patterns anywhere in them."
_RESOURCES = "Its resource has all of these attributes."
_REGEXP = "Options of patterns."
INCLUDE = "Only what matches is kept; asked before `exclude`."
EXCLUDE = "What matches is dropped."


def _severity(value: Any) -> Any:
    """Read a severity by its short name or number (OpenTelemetry specification, "Displaying Severity")."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    text = str(value)
    number = int(text) if text.isdecimal() else _SEVERITIES.get(text.upper(), 0)
    if not _LOWEST <= number <= _HIGHEST:
        raise ValueError(f"{value!r} is not a severity: write a name such as INFO or WARN2, or a number from 1 to 24")
    return number


class LogSeverity(ComponentConfig):
    min: Annotated[int, BeforeValidator(_severity, json_schema_input_type=int | str)] = Field(
        description="The lowest severity, by its short name (INFO, WARN2) or number (9)."
    )
    match_undefined: bool = Field(default=False, description="Whether log records without a severity number match.")


class LogMatch(ComponentConfig):
    """Matches log records that meet every one of the keys that are there."""

    match_type: MatchType | None = Field(
        default=None, description=f"{_MATCH_TYPE} Required unless `severity_number` is all there is."
    )
    regexp: RegexpOptions | None = Field(default=None, description=_REGEXP)
    resource_attributes: tuple[AttributeMatch, ...] = Field(default=(), description=_RESOURCES)
    record_attributes: tuple[AttributeMatch, ...] = Field(
        default=(), description="The log record has all of these attributes."
    )
    severity_texts: tuple[str, ...] = Field(default=(), description="One of these is the severity text.")
    severity_number: LogSeverity | None = Field(default=None, description="The least severity number.")
    bodies: tuple[str, ...] = Field(default=(), description="One of these is the body, written as text.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        texts = {"resource_attributes", "record_attributes", "severity_texts", "bodies"} & self.model_fields_set
        if texts and self.match_type is None:
            raise ValueError(f"match_type: is required for {', '.join(sorted(texts))}")
        _tried(self.properties)
        return self

    def properties(self) -> MatchProperties:
        """Say it with the keys that all signals share.  Raises as pydantic does."""
        severity = self.severity_number
        return MatchProperties.model_validate(
            {
                "match_type": self.match_type or "strict",
                "resources": self.resource_attributes,
                "attributes": self.record_attributes,
                "log_severity_texts": self.severity_texts,
                "log_severity_number": severity and severity.model_dump(),
                "log_bodies": self.bodies,
            }
        )


class MetricMatch(ComponentConfig):
    """Matches metrics by their name and resource."""

    match_type: MatchType = Field(description=_MATCH_TYPE)
    regexp: RegexpOptions | None = Field(default=None, description=_REGEXP)
    metric_names: tuple[str, ...] = Field(default=(), description="One of these is the metric's name.")
    resource_attributes: tuple[AttributeMatch, ...] = Field(default=(), description=_RESOURCES)
    expressions: tuple[str, ...] = Field(
        default=(), description="Refused: the expression language is not spoken here; write `metric_conditions`."
    )

    @model_validator(mode="before")
    @classmethod
    def _has_no_expressions(cls, value: Any) -> Any:
        if isinstance(value, dict) and (value.get("match_type") == "expr" or value.get("expressions")):
            raise ValueError("expressions are not supported: write metric_conditions")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.metric_names and not self.resource_attributes:
            raise ValueError("needs at least one of metric_names, resource_attributes")
        _tried(self.of_both)
        return self

    def of_both(self) -> MatchProperties:
        """Match what meets both keys, as `include` does.  Raises as pydantic does."""
        return self._properties(metric_names=self.metric_names, resources=self.resource_attributes)

    def of_each(self) -> list[MatchProperties]:
        """Match what meets one of the keys, as `exclude` does in the Collector."""
        names = [self._properties(metric_names=self.metric_names)] if self.metric_names else []
        resources = [self._properties(resources=self.resource_attributes)] if self.resource_attributes else []
        return [*names, *resources]

    def _properties(self, **keys: Any) -> MatchProperties:
        return MatchProperties.model_validate({"match_type": self.match_type, **keys})


def _tried(build: Any) -> None:
    """Report what is wrong with what `build` makes at the place of what it is made of."""
    try:
        build()
    except ValidationError as error:
        reasons = [mistake["msg"].removeprefix("Value error, ") for mistake in error.errors(include_url=False)]
        raise ValueError("; ".join(reasons)) from None


def _is_about(signal: Signal, properties: MatchProperties | None) -> MatchProperties | None:
    if properties and (key := properties.out_of_place(signal)):
        raise ValueError(f"{key}: is not about {signal}")
    return properties


SpanMatch = Annotated[MatchProperties | None, AfterValidator(partial(_is_about, Signal.TRACES))]
