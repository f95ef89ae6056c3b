"""Let every tenant send so many spans and log records a second, and drop what is beyond.

A tenant is named by an attribute of the resource; resources without it share one quota.  Who has not sent for a while
may send more at once, up to `burst`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Self

from pydantic import Field, model_validator

from collector.api import Batch, ComponentConfig, ProcessorFactory, Settings, Signal, map_records

LONGEST_NAME = 256
"""Characters of a tenant's name that are remembered: whoever sends it decides how long it is."""


class TenantQuotaConfig(ComponentConfig):
    per_second: float = Field(gt=0, description="Spans and log records that a tenant may send per second.")
    burst: float = Field(default=0, ge=0, description="How many it may send at once; 0 for those of one second.")
    attribute: str = Field(default="tenant.id", description="The attribute of the resource that names the tenant.")
    tenants: int = Field(
        default=10_000, ge=1, description="How many are remembered; one more forgets who has been silent for longest."
    )

    @model_validator(mode="after")
    def _a_burst_has_room_for_one(self) -> Self:
        if (self.burst or self.per_second) < 1:
            raise ValueError("nothing would ever be let through: burst must be at least 1")
        return self


class TenantQuota:
    """Keeps a bucket per tenant, which fills with time and which every record takes one out of."""

    def __init__(self, config: TenantQuotaConfig, settings: Settings) -> None:
        self._config = config
        self._full = config.burst or config.per_second
        self._clock = settings.clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def process(self, batch: Batch) -> Batch | None:
        now = self._clock.monotonic()

        def within_quota(record: Any) -> Any:
            tenant = str(record.resource.get(self._config.attribute, ""))[:LONGEST_NAME]
            return record if self._take_one(tenant, now) else None

        return map_records(batch, within_quota)

    def _take_one(self, tenant: str, now: float) -> bool:
        left, since = self._buckets.pop(tenant, (self._full, now))
        left = min(self._full, left + (now - since) * self._config.per_second)
        taken = left >= 1
        self._buckets[tenant] = (left - taken, now)
        if len(self._buckets) > self._config.tenants:
            self._buckets.popitem(last=False)
        return taken


factory = ProcessorFactory(
    config=TenantQuotaConfig,
    build=TenantQuota,
    signals=frozenset({Signal.TRACES, Signal.LOGS}),
    example="per_second: 1000",
)
