"""What a user may write about each policy: name, type, and a block that is called as the type.

All blocks stand in one model, so that a mistake is reported under the very path that the user wrote.
"""

from __future__ import annotations

import difflib
import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from collector.api import ComponentConfig, Duration
from collector.ottl.condition import parse_condition
from collector.ottl.context import Context
from collector.patterns import compile_pattern

_KEY = "Key of the attribute, of a span or of its resource."
_INVERT = (
    "A trace in which it is found is not kept, whatever other policies say; one in which it is not is kept unless "
    "another policy votes against it."
)
_BURST = (
    "How much may pass at once; twice the rate unless given. {} is let through if nothing has passed for long enough, "
)
_BURST += "and what follows waits until the rate is met again."


class EmptyConfig(ComponentConfig):
    pass


class LatencyConfig(ComponentConfig):
    threshold_ms: int = Field(
        default=0, ge=0, description="Milliseconds from the first start to the last end that a trace takes at least."
    )
    upper_threshold_ms: int = Field(default=0, ge=0, description="Milliseconds that it takes at most; 0 for any.")


def _is_a_bound(value: float) -> float:
    if math.isnan(value):
        raise ValueError("NaN is not a bound: no number is below or above it")
    return value


_Number = Annotated[float, AfterValidator(_is_a_bound)]


class NumericAttributeConfig(ComponentConfig):
    key: str = Field(min_length=1, description=_KEY)
    min_value: int | _Number | None = Field(
        default=None, description="The least number that matches, itself included; any unless given. 0 is a number."
    )
    max_value: int | _Number | None = Field(
        default=None, description="The greatest number that matches, itself included; any unless given."
    )
    invert_match: bool = Field(default=False, description=_INVERT)


class StringAttributeConfig(ComponentConfig):
    key: str = Field(min_length=1, description=_KEY)
    values: list[str] = Field(min_length=1, description="Texts, or patterns, of which one has to match.")
    enabled_regex_matching: bool = Field(default=False, description="Whether `values` are patterns of RE2.")
    anchored: bool = Field(
        default=False,
        description="Whether a pattern has to match all of a text; false looks for it anywhere, as the Collector does.",
    )
    cache_max_size: int = Field(default=128, ge=0, description="Texts whose answers are remembered, of patterns.")
    invert_match: bool = Field(default=False, description=_INVERT)

    @model_validator(mode="after")
    def _patterns_run(self) -> Self:
        for value in self.values if self.enabled_regex_matching else ():
            compile_pattern(value)
        return self


class BooleanAttributeConfig(ComponentConfig):
    key: str = Field(min_length=1, description=_KEY)
    value: bool = Field(default=False, description="The value to look for.")
    invert_match: bool = Field(default=False, description=_INVERT)


class StatusCodeConfig(ComponentConfig):
    status_codes: list[Literal["OK", "ERROR", "UNSET"]] = Field(
        min_length=1, description="Status codes of which some span has one."
    )


class ProbabilisticConfig(ComponentConfig):
    sampling_percentage: float = Field(
        ge=0, allow_inf_nan=False, description="Percent of traces to keep; 100 or more keeps all."
    )
    hash_salt: str = Field(
        default="",
        description="Decide by a hash of this text and the trace id, as the Collector does, whose own default is "
        "`default-hash-seed`. Unless given, the randomness of the trace id decides, so that all samplers agree. Where "
        "policies with different salts are asked about the same traces, `th` says more or less than each stands for.",
    )


class RateLimitingConfig(ComponentConfig):
    spans_per_second: int = Field(ge=0, description="Spans of kept traces each second.")
    burst_capacity: int = Field(default=0, ge=0, description=_BURST.format("A trace of more spans"))


class BytesLimitingConfig(ComponentConfig):
    bytes_per_second: int = Field(ge=0, description="Bytes of kept spans each second.")
    burst_capacity: int = Field(default=0, ge=0, description=_BURST.format("A trace of more bytes"))


class SpanCountConfig(ComponentConfig):
    min_spans: int = Field(default=0, ge=0, description="Spans that a trace has at least.")
    max_spans: int = Field(default=0, ge=0, description="Spans that it has at most; 0 for any number.")


class TraceStateConfig(ComponentConfig):
    key: str = Field(min_length=1, description="Key in the W3C trace state of some span.")
    values: list[str] = Field(min_length=1, description="Values of which it has one.")


def _of_spans(condition: str) -> str:
    parse_condition(condition, Context.SPAN)
    return condition


def _of_span_events(condition: str) -> str:
    parse_condition(condition, Context.SPANEVENT)
    return condition


class OttlConditionConfig(ComponentConfig):
    error_mode: Literal["propagate", "ignore", "silent"] = Field(
        default="propagate",
        description="What becomes of a condition that cannot be asked of a span, such as one that compares what cannot "
        "be compared: `propagate` makes it an error of the policy, which then has no vote; `ignore` goes on with the "
        "next condition and tells the error to whoever asks why; `silent` goes on and tells nobody.",
    )
    span: list[Annotated[str, AfterValidator(_of_spans)]] = Field(
        default=[], description="Conditions of OTTL of which one is true of some span."
    )
    spanevent: list[Annotated[str, AfterValidator(_of_span_events)]] = Field(
        default=[], description="Conditions of OTTL of which one is true of some event of some span."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.span and not self.spanevent:
            raise ValueError("needs at least one condition, under `span` or `spanevent`")
        return self


_MOST_KEYS = 10_000
"""Keys whose rates are worked out in some ten milliseconds; it is done at once, and takes 12 s for a million."""


def _not_too_many(keys: int) -> int:
    if keys > _MOST_KEYS:
        raise ValueError(
            f"must be at most {_MOST_KEYS}: nothing else happens while the rates of all keys are worked out; choose "
            "`fields` with fewer values"
        )
    return keys


class _RatesConfig(ComponentConfig):
    fields: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1,
        description="Attributes, of any span or its resource, whose values make the key of a trace; `name` is the name "
        "of a span, and `root.` before it takes what the span without a parent has. Traces with the same values have "
        "one rate, so choose what has few values.",
    )
    use_trace_length: bool = Field(default=False, description="Whether the number of spans belongs to the key too.")
    adjustment_interval: Duration = Field(
        default=15.0, ge=0.001, description="After how long rates are worked out again, from the spans there were."
    )
    weight: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="What the last interval counts against all before it; 1 forgets what was before.",
    )
    age_out_value: float | None = Field(
        default=None, ge=0, description="A key is forgotten when it has fewer spans on average; `weight` unless given."
    )
    max_keys: Annotated[int, AfterValidator(_not_too_many)] = Field(
        default=500, ge=1, description="Keys that are counted in each interval, and remembered; 10,000 at most."
    )
    overflow_sample_rate: int = Field(
        default=1, ge=1, description="The rate of keys beyond `max_keys`: of how many one is kept; 1 keeps all."
    )
    burst_multiple: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="How many times as many spans as on average make rates be worked out at once; 0 for never.",
    )
    burst_detection_delay: int = Field(default=3, ge=0, description="Intervals before that can happen.")


class DynamicConfig(_RatesConfig):
    goal_sample_rate: int = Field(
        default=10, ge=1, description="Of how many spans one is kept, over all keys. Rare keys are kept more often."
    )


class EmaThroughputConfig(_RatesConfig):
    goal_throughput_per_sec: int = Field(
        default=100, ge=1, description="Spans to keep each second, over all keys, in the long run and about."
    )
    initial_sample_rate: int = Field(
        default=10, ge=1, description="Of how many traces one is kept before the first interval is over."
    )


class AndConfig(ComponentConfig):
    and_sub_policy: list[SubPolicy] = Field(
        min_length=1, description="Policies that all have to sample. They are asked in this order, up to the first no."
    )


class NotConfig(ComponentConfig):
    not_sub_policy: SubPolicy = Field(description="The policy that must not sample.")


class DropConfig(ComponentConfig):
    drop_sub_policy: list[SubPolicy] = Field(
        min_length=1, description="Policies that all have to sample for a trace to be dropped, whatever others say."
    )


class RateAllocationConfig(ComponentConfig):
    policy: str = Field(min_length=1, description="Name of a sub-policy.")
    percent: float = Field(ge=0, le=100, description="Its share of `max_total_spans_per_second`.")


class CompositeConfig(ComponentConfig):
    max_total_spans_per_second: int = Field(
        ge=0,
        description="Spans that all sub-policies together keep each second. What was not used may be made up for "
        "within one second.",
    )
    policy_order: list[str] = Field(
        default=[], description="Names of sub-policies in the order in which they are asked; others come after them."
    )
    composite_sub_policy: list[SubPolicy] = Field(
        min_length=1, description="Policies; the first that samples and has spans left of its share keeps the trace."
    )
    rate_allocation: list[RateAllocationConfig] = Field(
        default=[], description="Shares of sub-policies; those that are not named get an equal part of the total each."
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        _refuse_twins(self.composite_sub_policy)
        known = {policy.name for policy in self.composite_sub_policy}
        for name in [*self.policy_order, *(rate.policy for rate in self.rate_allocation)]:
            if name not in known:
                raise ValueError(f"there is no sub-policy {name!r} in it")
        return self


PolicyType = Literal[
    "always_sample",
    "latency",
    "numeric_attribute",
    "string_attribute",
    "boolean_attribute",
    "status_code",
    "probabilistic",
    "rate_limiting",
    "bytes_limiting",
    "span_count",
    "trace_state",
    "trace_flags",
    "ottl_condition",
    "dynamic",
    "ema_throughput",
    "and",
    "not",
    "drop",
    "composite",
]
_TYPES = get_args(PolicyType)
_ELSEWHERE = {
    "deterministic": "probabilistic",
    "ema_dynamic": "dynamic",
    "windowed_throughput": "ema_throughput",
}
"""What the OpenTelemetry Collector's dynamic_sampling has, and what comes nearest to it here."""


def _is_known(name: Any) -> Any:
    if name in _TYPES:
        return name
    near = _nearest(name) if isinstance(name, str) else ""
    suggestion = f"; did you mean {near}?" if near else "."
    raise ValueError(f"there is no policy of type {name!r}{suggestion} Known: {', '.join(_TYPES)}")


def _nearest(name: str) -> str:
    return _ELSEWHERE.get(name) or next(iter(difflib.get_close_matches(name, _TYPES, 1)), "")


class PolicyConfig(ComponentConfig):
    """One policy.  A further type is a word in `PolicyType`, a field, and a line in `build.BUILDERS`."""

    name: str = Field(min_length=1, description="What the policy is called in metrics and explanations.")
    type: Annotated[PolicyType, BeforeValidator(_is_known)] = Field(
        description="What the policy looks at; its settings stand in a block that is called the same."
    )
    always_sample: EmptyConfig | None = Field(default=None, description="Keeps every trace.")
    latency: LatencyConfig | None = Field(default=None, description="By how long the whole trace took.")
    numeric_attribute: NumericAttributeConfig | None = Field(default=None, description="By a number.")
    string_attribute: StringAttributeConfig | None = Field(default=None, description="By a text.")
    boolean_attribute: BooleanAttributeConfig | None = Field(default=None, description="By true or false.")
    status_code: StatusCodeConfig | None = Field(default=None, description="By the status of some span.")
    probabilistic: ProbabilisticConfig | None = Field(default=None, description="By chance.")
    rate_limiting: RateLimitingConfig | None = Field(default=None, description="So many spans each second.")
    bytes_limiting: BytesLimitingConfig | None = Field(default=None, description="So many bytes each second.")
    span_count: SpanCountConfig | None = Field(default=None, description="By the number of spans.")
    trace_state: TraceStateConfig | None = Field(default=None, description="By a member of the W3C trace state.")
    trace_flags: EmptyConfig | None = Field(default=None, description="Some span has the W3C flag `sampled`.")
    ottl_condition: OttlConditionConfig | None = Field(
        default=None, description="By a condition in the transformation language of the OpenTelemetry Collector."
    )
    dynamic: DynamicConfig | None = Field(
        default=None, description="By chance, with a rate for each kind of trace: one of so many on average."
    )
    ema_throughput: EmaThroughputConfig | None = Field(
        default=None, description="By chance, with a rate for each kind of trace: so many spans each second."
    )
    and_: AndConfig | None = Field(default=None, alias="and", description="All of several policies.")
    not_: NotConfig | None = Field(default=None, alias="not", description="The opposite of a policy.")
    drop: DropConfig | None = Field(default=None, description="A veto.")
    composite: CompositeConfig | None = Field(default=None, description="Several policies that share a rate.")

    @property
    def block(self) -> Any:
        """The settings of its type."""
        return getattr(self, _FIELDS.get(self.type, self.type))

    @model_validator(mode="after")
    def _has_its_block_only(self) -> Self:
        if self.block is None and self.type not in {"always_sample", "trace_flags"}:
            raise ValueError(f"a policy of type {self.type} needs its settings under `{self.type}`")
        for field in self.model_fields_set - {"name", "type", _FIELDS.get(self.type, self.type)}:
            if getattr(self, field) is not None:
                raise ValueError(f"a policy of type {self.type} does not look at `{field.rstrip('_')}`")
        return self


_FIELDS = {"and": "and_", "not": "not_"}


def _can_be_inside(policy: PolicyConfig) -> PolicyConfig:
    if policy.type in {"drop", "composite"}:
        raise ValueError(f"{policy.type} cannot be inside another policy")
    return policy


def _refuse_twins(policies: list[PolicyConfig]) -> list[PolicyConfig]:
    names = [policy.name for policy in policies]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(f"more than one policy is called {', '.join(twins)}")
    return policies


SubPolicy = Annotated[PolicyConfig, AfterValidator(_can_be_inside)]
Policies = Annotated[list[PolicyConfig], Field(min_length=1), AfterValidator(_refuse_twins)]
"""At least one policy, each with a name of its own."""

for _model in (AndConfig, NotConfig, DropConfig, CompositeConfig, PolicyConfig):
    _model.model_rebuild()
