"""Makes policies of what a user wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from processors.tail_sampling.policies.attributes import boolean_attribute, numeric_attribute, string_attribute
from processors.tail_sampling.policies.chance import probabilistic
from processors.tail_sampling.policies.combined import All, Composite, NamedPolicy, Not
from processors.tail_sampling.policies.conditions import Conditions
from processors.tail_sampling.policies.config import PolicyConfig
from processors.tail_sampling.policies.dynamic import dynamic, ema_throughput
from processors.tail_sampling.policies.limits import bytes_limiting, rate_limiting
from processors.tail_sampling.policies.shape import (
    AlwaysSample,
    Latency,
    SpanCount,
    StatusCode,
    TraceFlags,
    TraceStateMember,
)
from processors.tail_sampling.policy import Policy, Vote


def build_policies(configs: Iterable[PolicyConfig]) -> list[NamedPolicy]:
    """Return the policies in the order in which they were written.  Each keeps its own count of what it let through."""
    return [
        NamedPolicy(config.name, BUILDERS[config.type](config.block), is_drop=config.type == "drop")
        for config in configs
    ]


BUILDERS: Mapping[str, Callable[[Any], Policy]] = {
    "always_sample": lambda _: AlwaysSample(),
    "latency": Latency,
    "numeric_attribute": numeric_attribute,
    "string_attribute": string_attribute,
    "boolean_attribute": boolean_attribute,
    "status_code": StatusCode,
    "probabilistic": probabilistic,
    "rate_limiting": rate_limiting,
    "bytes_limiting": bytes_limiting,
    "span_count": SpanCount,
    "trace_state": TraceStateMember,
    "trace_flags": lambda _: TraceFlags(),
    "ottl_condition": Conditions,
    "dynamic": dynamic,
    "ema_throughput": ema_throughput,
    "and": lambda block: All(build_policies(block.and_sub_policy)),
    "not": lambda block: Not(build_policies([block.not_sub_policy])[0]),
    "drop": lambda block: All(build_policies(block.drop_sub_policy), Vote.DROPPED),
    "composite": lambda block: Composite(block, build_policies(block.composite_sub_policy)),
}
"""Type to what makes a policy of its block; see `PolicyConfig`."""
