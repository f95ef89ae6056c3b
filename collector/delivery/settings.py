"""The keys that every exporter has without declaring them, with the Collector's names and defaults."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from collector.api import ComponentConfig
from collector.config_types import Duration, or_defaults


class Sizer(enum.StrEnum):
    REQUESTS = "requests"
    ITEMS = "items"
    BYTES = "bytes"

    def measure(self, items: int, size: int) -> int:
        """Return how much one batch of `items` records and `size` bytes is."""
        match self:
            case Sizer.REQUESTS:
                return 1
            case Sizer.ITEMS:
                return items
            case Sizer.BYTES:
                return size


class PartitionConfig(ComponentConfig):
    metadata_keys: list[str] = Field(default=[], description="Batches with other values of these are kept apart.")

    @field_validator("metadata_keys")
    @classmethod
    def _in_lower_case(cls, keys: list[str]) -> list[str]:
        lower = [key.lower() for key in keys]
        if len(set(lower)) < len(lower):
            raise ValueError("has a key twice")
        return lower


class BatchingConfig(ComponentConfig):
    flush_timeout: Duration = Field(default=0.2, gt=0, description="How long the first item waits at most.")
    min_size: int = Field(default=8192, ge=0, description="How much is sent at once, in units of `sizer`.")
    max_size: int = Field(
        default=0, ge=0, description="How much is sent in one request; what is larger is split. 0 for any."
    )
    sizer: Sizer = Field(
        default=Sizer.ITEMS, description="What the sizes count: items or bytes; as the queue's sizer if that is one."
    )
    partition: PartitionConfig = Field(default=PartitionConfig(), description="What is never joined.")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.sizer is Sizer.REQUESTS:
            raise ValueError("sizer must be items or bytes")
        if 0 < self.max_size < self.min_size:
            raise ValueError("max_size must be 0 or at least min_size")
        return self


def _or_disabled(value: Any) -> Any:
    return {"enabled": False} if value is None else value


class QueueConfig(ComponentConfig):
    enabled: bool = Field(default=True, description="Whether batches wait in a queue and are sent in the background.")
    num_consumers: int = Field(default=10, ge=1, le=1000, description="How many batches are sent at the same time.")
    queue_size: int = Field(default=1000, ge=1, description="How much the queue takes, in units of `sizer`.")
    sizer: Sizer = Field(default=Sizer.REQUESTS, description="What `queue_size` counts: requests, items or bytes.")
    block_on_overflow: bool = Field(
        default=False, description="Whether a full queue makes senders wait instead of refusing their data."
    )
    wait_for_result: bool = Field(
        default=False, description="Whether a sender gets its answer only when the backend has given its own."
    )
    batch: Annotated[BatchingConfig | None, BeforeValidator(or_defaults)] = Field(
        default=None, description="How batches are joined and split before they are sent; absent leaves them alone."
    )

    @model_validator(mode="before")
    @classmethod
    def _batches_are_measured_like_the_queue(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "batch" not in value or value.get("sizer") not in {"items", "bytes"}:
            return value
        batch = or_defaults(value["batch"])
        return {**value, "batch": {"sizer": value["sizer"], **batch}} if isinstance(batch, dict) else value

    @model_validator(mode="after")
    def _holds_a_batch(self) -> Self:
        if self.batch and self.batch.sizer is self.sizer and self.batch.min_size > self.queue_size:
            raise ValueError("batch::min_size must not be more than queue_size")
        return self


class RetryConfig(ComponentConfig):
    enabled: bool = Field(default=True, description="Whether a batch that may be accepted later is sent again.")
    initial_interval: Duration = Field(default=5.0, description="Pause before the first retry.")
    max_interval: Duration = Field(default=30.0, description="Upper bound of the pause, before it is spread.")
    max_elapsed_time: Duration = Field(
        default=300.0, description="How long a batch is retried before it is dropped; 0 for ever."
    )
    multiplier: float = Field(
        default=1.5, ge=1, allow_inf_nan=False, description="How much longer each pause is than the one before."
    )
    randomization_factor: float = Field(
        default=0.5, ge=0, le=1, description="How far a pause is spread, as a part of it, either way."
    )

    @model_validator(mode="after")
    def _reaches_its_own_intervals(self) -> Self:
        if 0 < self.max_elapsed_time < max(self.initial_interval, self.max_interval):
            raise ValueError("max_elapsed_time must be 0 or at least initial_interval and max_interval")
        return self


class DeliveryConfig(ComponentConfig):
    sending_queue: Annotated[QueueConfig, BeforeValidator(_or_disabled)] = Field(
        default=QueueConfig(), description="The queue before the exporter; null for none."
    )
    retry_on_failure: Annotated[RetryConfig, BeforeValidator(or_defaults)] = Field(
        default=RetryConfig(), description="When a failed batch is sent again."
    )
    timeout: Duration = Field(default=5.0, description="How long one attempt may take; 0 for no limit.")
