"""The keys that every exporter has without declaring them, with the Collector's names and defaults."""

from __future__ import annotations

import enum
from typing import Self

from pydantic import Field, model_validator

from collector.api import ComponentConfig
from collector.config_types import Duration


class Sizer(enum.StrEnum):
    REQUESTS = "requests"
    ITEMS = "items"
    BYTES = "bytes"


class QueueConfig(ComponentConfig):
    enabled: bool = Field(default=True, description="Whether batches wait in a queue and are sent in the background.")
    num_consumers: int = Field(default=10, ge=1, description="How many batches are sent at the same time.")
    queue_size: int = Field(default=1000, ge=1, description="How much the queue takes, in units of `sizer`.")
    sizer: Sizer = Field(default=Sizer.REQUESTS, description="What `queue_size` counts: requests, items or bytes.")
    block_on_overflow: bool = Field(
        default=False, description="Whether a full queue makes senders wait instead of refusing their data."
    )
    wait_for_result: bool = Field(
        default=False, description="Whether a sender gets its answer only when the backend has given its own."
    )


class RetryConfig(ComponentConfig):
    enabled: bool = Field(default=True, description="Whether a batch that may be accepted later is sent again.")
    initial_interval: Duration = Field(default=5.0, description="Pause before the first retry.")
    max_interval: Duration = Field(default=30.0, description="Upper bound of the pause, before it is spread.")
    max_elapsed_time: Duration = Field(
        default=300.0, description="How long a batch is retried before it is dropped; 0 for ever."
    )
    multiplier: float = Field(default=1.5, ge=1, description="How much longer each pause is than the one before.")
    randomization_factor: float = Field(
        default=0.5, ge=0, le=1, description="How far a pause is spread, as a part of it, either way."
    )

    @model_validator(mode="after")
    def _reaches_its_own_intervals(self) -> Self:
        if 0 < self.max_elapsed_time < max(self.initial_interval, self.max_interval):
            raise ValueError("max_elapsed_time must be 0 or at least initial_interval and max_interval")
        return self


class DeliveryConfig(ComponentConfig):
    sending_queue: QueueConfig = Field(default=QueueConfig(), description="The queue before the exporter.")
    retry_on_failure: RetryConfig = Field(default=RetryConfig(), description="When a failed batch is sent again.")
    timeout: Duration = Field(default=5.0, description="How long one attempt may take; 0 for no limit.")
