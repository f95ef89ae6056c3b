"""Scenarios are files: a collector configuration, the peer's flags that mean the same, and what is measured.

`${env:BENCH_GRPC}`, `${env:BENCH_HTTP}`, `${env:BENCH_METRICS}` and `${env:BENCH_SINK}` are the ports of one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bench.payloads import KINDS

FOLDER = Path(__file__).parent / "scenarios"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Model):
    payload: str
    """What the items are like: a key of `bench.payloads.KINDS`."""
    items: int
    """In each request."""
    ratio_at_least: float | None = None
    """The target: how many times the peer's items per CPU-second."""
    microseconds_at_most: float | None = None
    """The target in CPU time for one item, where it is not a ratio."""

    @property
    def signal(self) -> str:
        return KINDS[self.payload].signal


class _Named(_Model):
    name: str
    """The file's name."""
    description: str


class _Scenario(_Named):
    collector: dict[str, Any]
    """The configuration, as a user writes it."""
    peer: list[str]
    """The peer's command line."""


class ThroughputScenario(_Scenario):
    measure: Literal["throughput"]
    protocol: Literal["grpc", "http"]
    loads: list[Load]
    drops: list[str] = []
    """Reasons for which the collector is configured to drop items, which count as arrived then; the peer drops none."""


class LatencyScenario(_Scenario):
    measure: Literal["latency"]
    protocol: Literal["grpc", "http"]
    load: Load
    rate: int
    """Items per second."""
    batch_timeout: float
    """Seconds that the first request of a batch waits by configuration, which are subtracted."""
    p99_below: float | None = None
    rss_mib_below: float | None = None


class IdleScenario(_Scenario):
    measure: Literal["idle"]
    rss_mib_below: float
    validate_seconds_below: float


class EncodingLoad(_Model):
    payload: str
    """What the items are like: a key of `bench.payloads.KINDS`."""
    items: int
    """In each batch."""
    items_per_cpu_second_at_least: float | None = None
    """The target."""


class EncodingScenario(_Named):
    """What exporters make of batches, up to the bytes that they would send; there is neither backend nor peer."""

    measure: Literal["encoding"]
    exporters: dict[str, dict[str, Any]]
    """As a user writes them, by id; each is measured with each load."""
    loads: list[EncodingLoad]


class ProcessingLoad(_Model):
    payload: str
    items: int
    """In each batch."""
    microseconds_at_most: float | None = None
    """The target: CPU time for one item."""


class ProcessingScenario(_Named):
    """What processors do to batches, alone: neither receiver nor exporter, and no peer."""

    measure: Literal["processing"]
    processors: dict[str, dict[str, Any]]
    """As a user writes them, by id; each is measured with each load."""
    loads: list[ProcessingLoad]


Scenario = Annotated[
    ThroughputScenario | LatencyScenario | IdleScenario | EncodingScenario | ProcessingScenario,
    Field(discriminator="measure"),
]
_SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)


def load_scenarios(names: Sequence[str] = (), folder: Path = FOLDER) -> list[Scenario]:
    """Read the scenarios with these names, or all of them.

    Raises:
        SystemExit: there is none of that name.
        pydantic.ValidationError: a file is not a scenario.
    """
    files = dict(sorted((path.stem, path) for path in folder.glob("*.yaml")))
    if unknown := set(names) - set(files):
        raise SystemExit(f"no scenario {', '.join(sorted(unknown))}; there are: {', '.join(files)}")
    chosen = {name: files[name] for name in names or files}
    return [_SCENARIO.validate_python({"name": n, **yaml.safe_load(path.read_text())}) for n, path in chosen.items()]
