"""What a user may write under `probabilistic_sampler`."""

from __future__ import annotations

import enum
import struct
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from collector.api import ComponentConfig

SMALLEST = 2.0**-56
"""The least part of all traces that a threshold can keep."""


class Mode(enum.StrEnum):
    HASH_SEED = "hash_seed"
    PROPORTIONAL = "proportional"
    EQUALIZING = "equalizing"


class AttributeSource(enum.StrEnum):
    TRACE_ID = "traceID"
    RECORD = "record"


class ProbabilisticSamplerConfig(ComponentConfig):
    sampling_percentage: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="Part of all traces or log records to keep, in percent; 100 or more keeps all, 0 none.",
    )
    mode: Mode = Field(
        default=Mode.HASH_SEED,
        description="What is compared with the percentage. `hash_seed`: a hash of the trace id, or of an attribute of "
        "log records. `proportional`: the randomness of the trace id, or `rv` of the trace state; so many percent of "
        "what comes pass, whatever earlier samplers kept. `equalizing`: the same randomness, but what earlier samplers "
        "kept so many percent of, or fewer, passes.",
    )
    hash_seed: int = Field(
        default=0,
        ge=0,
        lt=1 << 32,
        description="For mode `hash_seed`: collectors with the same seed decide the same on the same trace.",
    )
    sampling_precision: int = Field(
        default=4,
        ge=1,
        le=14,
        description="Hexadecimal digits to which the modes `proportional` and `equalizing` round a threshold.",
    )
    fail_closed: bool = Field(
        default=True,
        description="Whether to drop what cannot be decided on: without a trace id, with a trace state that cannot be "
        "read, with a threshold that it cannot have passed, or, in mode `hash_seed`, with a threshold or randomness of "
        "another sampler. Otherwise it is kept.",
    )
    attribute_source: AttributeSource = Field(
        default=AttributeSource.TRACE_ID,
        description="Log records in mode `hash_seed`: hash the `traceID`, or the attribute of the `record` that "
        "`from_attribute` names.",
    )
    from_attribute: str = Field(
        default="",
        description="Log records in mode `hash_seed`: the attribute to hash if there is no trace id, or always with "
        "`attribute_source: record`.",
    )
    sampling_priority: str = Field(
        default="",
        description="Log records: the attribute that has a percentage of its own, a number from 0, which drops the "
        "record, to 100, which keeps it. For spans it is always `sampling.priority`, where 0 drops and more keeps.",
    )

    @field_validator("sampling_percentage", "hash_seed", "sampling_precision", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any) -> Any:
        if isinstance(value, bool):  # which pydantic takes for 0 or 1
            raise ValueError(f"is a number, not {str(value).lower()}")  # noqa: TRY004  pydantic wants a ValueError
        return value

    @field_validator("sampling_percentage")
    @classmethod
    def _is_none_or_enough(cls, value: float) -> float:
        if 0 < value < 100 * SMALLEST:
            raise ValueError(f"is too small: write 0, or at least {100 * SMALLEST:.2g}")
        return value

    @model_validator(mode="after")
    def _attributes_have_a_meaning(self) -> Self:
        if self.attribute_source is AttributeSource.RECORD and not self.from_attribute:
            raise ValueError("attribute_source: record needs the attribute's name in from_attribute")
        if self.from_attribute and self.mode is not Mode.HASH_SEED:
            raise ValueError(f"from_attribute has no meaning in mode {self.mode}: write mode: hash_seed")
        return self

    @property
    def percentage(self) -> float:
        """The percentage, at most 100, with the 32 bits that the Collector has of it."""
        value: float = struct.unpack("f", struct.pack("f", min(self.sampling_percentage, 100.0)))[0]
        return value
