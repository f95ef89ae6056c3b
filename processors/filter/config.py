"""What a user may write under `filter`: conditions in two forms, and the older `include` and `exclude`."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import core_schema

from collector.api import ComponentConfig, Signal
from collector.config_types import or_defaults
from collector.ottl.condition import Context, Parsed, context_of, parsed
from processors.filter.matches import EXCLUDE, INCLUDE, LogMatch, MetricMatch, SpanMatch

CONTEXTS: Mapping[Signal, tuple[Context, ...]] = {
    Signal.TRACES: (Context.RESOURCE, Context.SCOPE, Context.SPAN, Context.SPANEVENT),
    Signal.METRICS: (Context.RESOURCE, Context.SCOPE, Context.METRIC, Context.DATAPOINT),
    Signal.LOGS: (Context.RESOURCE, Context.SCOPE, Context.LOG),
}
"""What conditions of each signal are about, the outermost first."""


class ErrorMode(enum.StrEnum):
    """What to do with an error of a condition (OpenTelemetry Collector, filter processor README)."""

    IGNORE = "ignore"
    SILENT = "silent"
    PROPAGATE = "propagate"


class Condition(str):
    """A condition as it was written, and as it is asked: parsed once, when the configuration is read."""

    __slots__ = ("context", "parsed")

    context: Context
    parsed: Parsed

    @classmethod
    def of(cls, context: Context, text: str) -> Self:
        """Parse a text.  Raises ValueError if it is no condition on records of this kind."""
        condition = cls(text)
        condition.context, condition.parsed = context, parsed(text, context)
        return condition

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.str_schema()


class ConditionGroup(ComponentConfig):
    context: Context | None = Field(
        default=None,
        description="What the conditions are about: `resource`, `scope`, `span`, `spanevent`, `metric`, `datapoint` or "
        "`log`. Told from the prefixes of their paths unless given.",
    )
    conditions: tuple[Condition, ...] = Field(min_length=1, description="What meets one of these is dropped.")
    error_mode: ErrorMode | None = Field(
        default=None, description="As that of the processor, for these conditions only."
    )

    def about(self, signal: Signal) -> Iterator[Condition]:
        """Yield the conditions, parsed.

        Raises:
            ValueError: one of them cannot be asked of records of this signal.
        """
        if self.context and self.context not in CONTEXTS[signal]:
            raise ValueError(f"context: {self.context} is not of {signal}: write one of {', '.join(CONTEXTS[signal])}")
        for place, text in enumerate(self.conditions):
            try:
                yield Condition.of(self.context or _inferred(text, signal), text)
            except ValueError as error:
                raise ValueError(f"{_nth(place, len(self.conditions))}{error}") from None


def _inferred(text: str, signal: Signal) -> Context:
    context = context_of(text, CONTEXTS[signal])
    if context is None:
        innermost = CONTEXTS[signal][-1]
        raise ValueError(
            f"it cannot be told what {text!r} is about: begin its paths with {', '.join(CONTEXTS[signal])}, such as "
            f"{innermost}.attributes, or write a group with a context"
        )
    return context


def _nth(place: int, count: int) -> str:
    return f"conditions::{place}: " if count > 1 else ""


def _as_group(value: Any) -> Any:
    return {"conditions": [value]} if isinstance(value, str) else value


def _of(signal: Signal, group: ConditionGroup) -> ConditionGroup:
    return group.model_copy(update={"conditions": tuple(group.about(signal))})


def _of_one_style(value: Any) -> Any:
    if isinstance(value, list | tuple) and len({isinstance(each, str) for each in value}) > 1:
        raise ValueError("is either a list of conditions or a list of groups, not both")
    return value


_TEXT = BeforeValidator(_as_group, json_schema_input_type=str | ConditionGroup)
TraceGroup = Annotated[ConditionGroup, _TEXT, AfterValidator(partial(_of, Signal.TRACES))]
MetricGroup = Annotated[ConditionGroup, _TEXT, AfterValidator(partial(_of, Signal.METRICS))]
LogGroup = Annotated[ConditionGroup, _TEXT, AfterValidator(partial(_of, Signal.LOGS))]


def _about(context: Context) -> Any:
    return AfterValidator(partial(Condition.of, context))


ResourceCondition = Annotated[Condition, _about(Context.RESOURCE)]
SpanCondition = Annotated[Condition, _about(Context.SPAN)]
EventCondition = Annotated[Condition, _about(Context.SPANEVENT)]
MetricCondition = Annotated[Condition, _about(Context.METRIC)]
PointCondition = Annotated[Condition, _about(Context.DATAPOINT)]
LogCondition = Annotated[Condition, _about(Context.LOG)]


def _dropped(what: str) -> str:
    return f"Conditions that drop {what}; paths need no prefix."


class TracesConfig(ComponentConfig):
    resource: tuple[ResourceCondition, ...] = Field(default=(), description=_dropped("all spans of a resource"))
    span: tuple[SpanCondition, ...] = Field(default=(), description=_dropped("a span"))
    spanevent: tuple[EventCondition, ...] = Field(default=(), description=_dropped("a span event"))


class SpansConfig(ComponentConfig):
    include: SpanMatch = Field(default=None, description=INCLUDE)
    exclude: SpanMatch = Field(default=None, description=EXCLUDE)


class MetricsConfig(ComponentConfig):
    resource: tuple[ResourceCondition, ...] = Field(default=(), description=_dropped("all metrics of a resource"))
    metric: tuple[MetricCondition, ...] = Field(default=(), description=_dropped("a metric"))
    datapoint: tuple[PointCondition, ...] = Field(default=(), description=_dropped("a data point"))
    include: MetricMatch | None = Field(default=None, description=INCLUDE)
    exclude: MetricMatch | None = Field(
        default=None, description="Metrics whose name is one of those, or whose resource is, are dropped."
    )


class LogsConfig(ComponentConfig):
    resource: tuple[ResourceCondition, ...] = Field(default=(), description=_dropped("all log records of a resource"))
    log_record: tuple[LogCondition, ...] = Field(default=(), description=_dropped("a log record"))
    include: LogMatch | None = Field(default=None, description=INCLUDE)
    exclude: LogMatch | None = Field(default=None, description=EXCLUDE)


SignalConfig: TypeAlias = TracesConfig | MetricsConfig | LogsConfig
OLD_KEYS = (*map(str, Context), "log_record")
"""The lists of conditions in the old form, of any signal."""


def _new(contexts: str) -> str:
    return (
        f"Conditions; what meets one is dropped. Paths begin with {contexts}; the innermost of those in a condition is "
        "what it drops. Or groups of conditions, each with `conditions`, `context` (what they are about, so that paths "
        "need no prefix) and `error_mode`."
    )


class FilterConfig(ComponentConfig):
    error_mode: ErrorMode = Field(
        default=ErrorMode.IGNORE,
        description="What to do if a condition cannot be asked of a record: `ignore` takes it as not met and logs the "
        "first time, `silent` logs nothing, `propagate` drops the whole batch and counts it as an error. Errors are "
        "counted in all modes.",
    )
    trace_conditions: Annotated[tuple[TraceGroup, ...], BeforeValidator(_of_one_style)] = Field(
        default=(), description=_new("`resource.`, `scope.`, `span.` or `spanevent.`")
    )
    metric_conditions: Annotated[tuple[MetricGroup, ...], BeforeValidator(_of_one_style)] = Field(
        default=(), description=_new("`resource.`, `scope.`, `metric.` or `datapoint.`")
    )
    log_conditions: Annotated[tuple[LogGroup, ...], BeforeValidator(_of_one_style)] = Field(
        default=(), description=_new("`resource.`, `scope.` or `log.`")
    )
    traces: Annotated[TracesConfig, BeforeValidator(or_defaults)] = Field(
        default=TracesConfig(), description="Conditions on spans and their events, in the former way to write them."
    )
    metrics: Annotated[MetricsConfig, BeforeValidator(or_defaults)] = Field(
        default=MetricsConfig(), description="Conditions on metrics, in the former ways to write them."
    )
    logs: Annotated[LogsConfig, BeforeValidator(or_defaults)] = Field(
        default=LogsConfig(), description="Conditions on log records, in the former ways to write them."
    )
    spans: Annotated[SpansConfig, BeforeValidator(or_defaults)] = Field(
        default=SpansConfig(), description="Which spans are kept, in a former way to say it."
    )

    @model_validator(mode="after")
    def _each_signal_in_one_way(self) -> Self:
        for new, signal in (("trace", "traces"), ("metric", "metrics"), ("log", "logs")):
            old = getattr(self, signal)
            matches = self.spans if signal == "traces" else old
            ways = {f"{new}_conditions": bool(getattr(self, f"{new}_conditions"))}
            ways.update({f"{signal}::{key}": bool(getattr(old, key)) for key in OLD_KEYS if hasattr(old, key)})
            place = "spans" if signal == "traces" else signal
            ways.update({f"{place}::{key}": bool(getattr(matches, key)) for key in ("include", "exclude")})
            _are_of_one_way(ways, signal)
        return self

    def groups(self, signal: Signal) -> tuple[ConditionGroup, ...]:
        """Return the conditions of the new form."""
        found = {
            Signal.TRACES: self.trace_conditions,
            Signal.METRICS: self.metric_conditions,
            Signal.LOGS: self.log_conditions,
        }
        return found[signal]


def _are_of_one_way(ways: Mapping[str, bool], signal: str) -> None:
    used = [key for key, is_used in ways.items() if is_used]
    kinds = {_way(key) for key in used}
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(used)} cannot be used together: write all about {signal} in one of these ways")


def _way(key: str) -> str:
    if "::" not in key:
        return "new"
    return "match" if key.endswith(("::include", "::exclude")) else "old"
