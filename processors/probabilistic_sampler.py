"""Keep a part of all traces and log records, the same part wherever the same is set."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from collector.api import ComponentConfig, DropReason, ProcessorFactory, Settings, Signal
from collector.batch import Batch

_BUCKETS = 1 << 14
_PRIME = 0x01000193
_BASIS = 0x811C9DC5


class ProbabilisticSamplerConfig(ComponentConfig):
    sampling_percentage: float = Field(
        ge=0, description="Part of all traces or log records to keep, in percent; 100 or more keeps all."
    )
    hash_seed: int = Field(
        default=0, ge=0, lt=1 << 32, description="Collectors with the same seed decide the same on the same trace."
    )


def hash32(data: bytes, seed: int = 0) -> int:
    """Return 32 bits of FNV-1a over a seed of four bytes, the lowest first, and `data`."""
    value = _BASIS
    for byte in seed.to_bytes(4, "little") + data:
        value = (value ^ byte) * _PRIME & 0xFFFFFFFF
    return value


class ProbabilisticSampler:
    """Keeps what falls into the first of 16384 buckets, as many as the percentage says."""

    def __init__(self, config: ProbabilisticSamplerConfig, settings: Settings) -> None:
        self._seed = config.hash_seed
        self._buckets = int(min(config.sampling_percentage, 100.0) * _BUCKETS / 100)

    def process(self, batch: Batch) -> Batch | None:
        batch.keep(self._wants)
        return batch if len(batch) else None

    def _wants(self, record: Any) -> bool:
        return hash32(record.trace_id, self._seed) % _BUCKETS < self._buckets


factory = ProcessorFactory(
    config=ProbabilisticSamplerConfig,
    build=ProbabilisticSampler,
    signals=frozenset({Signal.TRACES, Signal.LOGS}),
    drop_reason=DropReason.SAMPLED_OUT,
    example="sampling_percentage: 25",
)
