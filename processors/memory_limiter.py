"""Refuse data at the front door while the process uses too much memory.

Put it first in every pipeline.  It looks at resident memory, which is what the kernel kills for, and is asked before a
request's body is read, so that refusing costs nothing.

What data took and has left is not given back to the system but used for the next data.  It does not count as used, or
a collector that was once full would refuse for ever.
"""

from __future__ import annotations

import gc
import sys
from typing import Self

from pydantic import Field, model_validator

from collector.api import ComponentConfig, Indivisible, ProcessorFactory, Settings
from collector.batch import Batch
from collector.config_types import Duration
from collector.errors import RefusalReason, RetryableError
from collector.memory import available_bytes, resident_bytes

MIB = 1 << 20


class MemoryLimiterConfig(ComponentConfig):
    check_interval: Duration = Field(default=0.1, gt=0, description="How long one measurement is believed.")
    limit_mib: int = Field(
        default=0, ge=0, description="Hard limit in MiB of resident memory in use; 0 uses the percentage."
    )
    spike_limit_mib: int = Field(
        default=0, ge=0, description="MiB below the hard limit where refusing starts; 0 for a fifth of the limit."
    )
    limit_percentage: int = Field(default=0, ge=0, le=100, description="Hard limit as a part of all memory allowed.")
    spike_limit_percentage: int = Field(
        default=0, ge=0, le=100, description="Part of all memory below the hard limit where refusing starts."
    )
    min_gc_interval_when_soft_limited: Duration = Field(
        default=10.0, description="Shortest pause between two garbage collections above the soft limit."
    )
    min_gc_interval_when_hard_limited: Duration = Field(
        default=1.0, description="Shortest pause between two garbage collections above the hard limit."
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if not self.limit_mib and not self.limit_percentage:
            raise ValueError("set limit_mib or limit_percentage")
        if self.limit_mib and self.spike_limit_mib >= self.limit_mib:
            raise ValueError("spike_limit_mib must be smaller than limit_mib")
        if not self.limit_mib and self.spike_limit_percentage >= self.limit_percentage:
            raise ValueError("spike_limit_percentage must be smaller than limit_percentage")
        return self


class Use:
    """Estimates how much of the resident memory is in use, from how much more there was when more was held.

    Never less than it would take to exceed what was resident before: new growth counts in full.
    """

    _NOTABLE = 1.02
    """Growth by which a new maximum is one; some blocks that stay behind are none."""

    def __init__(self) -> None:
        self._least = sys.maxsize
        self._most = self._held_then = 0

    def estimate(self, resident: int, held: int) -> int:
        """Return bytes.

        Args:
            resident: bytes of the process.
            held: items inside all of its components.
        """
        self._least = min(self._least, resident)
        if held and (resident > self._most * self._NOTABLE or (resident >= self._most and held >= self._held_then)):
            self._most, self._held_then = resident, held
        if held >= self._held_then:
            return resident
        left = (self._most - self._least) * (self._held_then - held) // self._held_then
        given_back = max(self._most - resident, 0)
        return resident - max(left - given_back, 0)


class MemoryLimiter:
    """Says no from the soft limit on, and that the collector is not ready from the hard limit on."""

    indivisible = Indivisible.REQUEST
    """It looks at nothing."""

    def __init__(self, config: MemoryLimiterConfig, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._hard, self._soft = limits(config)
        self._use = Use()
        self._used = 0
        self._measured = self._collected = float("-inf")
        self._refusing = False

    def process(self, batch: Batch) -> Batch:
        return batch

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Count the announced size as used already."""
        self._measure()
        refusing = self._used + size >= self._soft
        if refusing != self._refusing:
            self._refusing = refusing
            verb = "refusing data" if refusing else "taking data again"
            self._settings.logger.warning("%s: %d MiB in use, %s", self._settings.id, self._used // MIB, verb)
        if not refusing:
            return None
        message = "data refused due to high memory usage"
        return RetryableError(message, retry_after=1.0, reason=RefusalReason.MEMORY)

    def is_ready(self) -> bool:
        self._measure()
        return self._used < self._hard

    def _measure(self) -> None:
        now = self._settings.clock.monotonic()
        if now - self._measured < self._config.check_interval:
            return
        self._used, self._measured = self._in_use(), now
        if self._used >= self._soft and now - self._collected >= self._pause():
            gc.collect()
            self._used, self._collected = self._in_use(), now

    def _in_use(self) -> int:
        return self._use.estimate(resident_bytes(), self._settings.telemetry.held_by_all())

    def _pause(self) -> float:
        if self._used >= self._hard:
            return self._config.min_gc_interval_when_hard_limited
        return self._config.min_gc_interval_when_soft_limited


def limits(config: MemoryLimiterConfig) -> tuple[int, int]:
    """Return the hard and the soft limit in bytes."""
    if config.limit_mib:
        hard = config.limit_mib * MIB
        return hard, hard - (config.spike_limit_mib * MIB or hard // 5)
    total = available_bytes()
    hard = total * config.limit_percentage // 100
    return hard, hard - (total * config.spike_limit_percentage // 100 or hard // 5)


factory = ProcessorFactory(config=MemoryLimiterConfig, build=MemoryLimiter, example="limit_mib: 4000")
