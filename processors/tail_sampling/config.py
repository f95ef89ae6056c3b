"""What a user may write under `tail_sampling`."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from collector.api import ComponentConfig, Duration
from collector.config_types import or_defaults
from processors.tail_sampling.policies.config import Policies


class Logs(enum.StrEnum):
    """What becomes of log records."""

    IGNORE = "ignore"
    FOLLOW = "follow"


class LogsWithoutTrace(enum.StrEnum):
    """What becomes of log records on whose trace nobody decides."""

    KEEP = "keep"
    DROP = "drop"


def _only_complete(value: Any) -> Any:
    if value == "span-ingest":
        raise ValueError(
            "span-ingest is not supported, since it decides on requests and not on traces: leave this out and set "
            "`decision_wait` to how long you can wait, or use the processor probabilistic_sampler, which holds nothing"
        )
    return value


def _only_memory(value: Any) -> Any:
    if value is not None:
        raise ValueError(
            "there is no storage for held spans but memory: leave this out and bound what is held with "
            "`maximum_held_bytes`"
        )
    return value


class DecisionCacheConfig(ComponentConfig):
    sampled_cache_size: int = Field(
        default=100_000,
        ge=0,
        description="Kept traces to remember, so that spans that come after the decision are sent too; each takes "
        "about 260 bytes. 0 for none.",
    )
    non_sampled_cache_size: int = Field(
        default=1_000_000,
        ge=0,
        description="Dropped traces to remember, so that spans that come after the decision are dropped too; each "
        "takes 8 bytes. 0 for none.",
    )


class TailSamplingConfig(ComponentConfig):
    policies: Policies = Field(
        description="What is asked of each trace. One policy that samples keeps it, unless another has a veto."
    )
    sample_on_first_match: bool = Field(
        default=False,
        description="Whether to stop asking at the first policy that samples. Put policies of chance last then: what "
        "others would have kept for certain is otherwise counted too often by the `th` that `record_rate` writes.",
    )
    decision_wait: Duration = Field(
        default=30.0, description="How long spans are held, from the first one of a trace on, before it is decided on."
    )
    decision_wait_after_root_received: Duration = Field(
        default=0.0,
        description="How long to wait at most once a span without a parent has come; 0 waits for `decision_wait`.",
    )
    num_traces: int = Field(
        default=50_000, ge=1, description="How many undecided traces are held at most; see `block_on_overflow`."
    )
    maximum_held_bytes: int = Field(
        default=0,
        ge=0,
        description="How many bytes of spans of undecided traces are held at most; see `block_on_overflow`. "
        "A span takes about 100 bytes more of memory than it has. 0 for any number.",
    )
    block_on_overflow: bool = Field(
        default=False,
        description="What to do with more than `num_traces` or `maximum_held_bytes`: false decides on the oldest trace "
        "before its time, true refuses data, which its senders then keep.",
    )
    maximum_trace_size_bytes: int = Field(
        default=0,
        ge=0,
        description="A trace whose spans have more bytes than this is dropped, and counted as too large. 0 for any.",
    )
    expected_new_traces_per_sec: int = Field(
        default=0, ge=0, description="Accepted, so that configurations of the Collector run; nothing depends on it."
    )
    num_shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Accepted, so that configurations of the Collector run; nothing depends on it: one process decides "
        "on one core, and several have to be chosen from by trace id.",
    )
    sampling_strategy: Annotated[Literal["trace-complete"], BeforeValidator(_only_complete)] = Field(
        default="trace-complete", description="When to decide: on whole traces. The Collector's other one is refused."
    )
    tail_storage: Annotated[None, BeforeValidator(_only_memory)] = Field(
        default=None, description="Where the Collector can hold spans instead of in memory. Refused."
    )
    decision_cache: Annotated[DecisionCacheConfig, BeforeValidator(or_defaults)] = Field(
        default=DecisionCacheConfig(), description="How many decisions are remembered for spans that come late."
    )
    drop_pending_traces_on_shutdown: bool = Field(
        default=False,
        description="What to do at the end with traces whose time has not come: false decides on what there is.",
    )
    logs: Logs = Field(
        default=Logs.IGNORE,
        description="What becomes of log records, if the same component stands in a pipeline of logs too: `ignore` "
        "passes them on, `follow` sends or drops them with the trace whose id they have. Those of a trace that is not "
        "decided on wait for it, those without a trace id do not.",
    )
    logs_without_trace: LogsWithoutTrace = Field(
        default=LogsWithoutTrace.KEEP,
        description="With `logs: follow`: what becomes of log records of whose trace no span came within "
        "`decision_wait`, or whose decision is forgotten.",
    )
    maximum_held_log_bytes: int = Field(
        default=64 << 20,
        ge=1,
        description="With `logs: follow`: how many bytes of log records wait for decisions at most, and they may be of "
        "`num_traces` traces. What is over passes on undecided, the oldest first; with `block_on_overflow` new ones "
        "are refused.",
    )
    record_policy: bool = Field(
        default=True,
        description="Write `tailsampling.policy`, and where they apply `tailsampling.composite_policy` and "
        "`tailsampling.cached_decision`, on the scope of kept spans.",
    )
    record_rate: bool = Field(
        default=True,
        description="Write the sampling threshold that kept spans passed by chance as `th` into the member `ot` of "
        "their trace state, so that whoever counts spans knows how many each stands for.",
    )
    decisions: int = Field(
        default=10_000,
        ge=0,
        description="How many decisions are remembered with their reasons, for `pyotelcol explain`.",
    )
