"""What one exporter makes of batches, per CPU-second, in steady state: translated and written, sent nowhere."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

from bench.figures import Figure, Target
from bench.payloads import KINDS, bodies
from bench.processes import BrokenError, Cores
from bench.scenario import EncodingLoad, EncodingScenario
from collector.api import ComponentID, HasLifespan, PreparingExporter
from collector.batch import Batch, Signal
from collector.registry import Kind, load_factory
from collector.testing import settings

WARM_UP = 0.5


def measure(scenario: EncodingScenario, cores: Cores, *, rounds: int, seconds: float) -> Iterator[Figure]:
    """Yield one figure for each exporter and load.

    Raises:
        BrokenError: an exporter does not account for all items, or does not prepare what it sends.
    """
    for (id_, config), load in itertools.product(scenario.exporters.items(), scenario.loads):
        with cores.measured():
            done = asyncio.run(_rounds(id_, config, load, rounds, seconds))
        yield _figure(scenario.name, id_, load, done)


async def _rounds(
    id_: str, config: Mapping[str, Any], load: EncodingLoad, rounds: int, seconds: float
) -> list[dict[str, float]]:
    async with running(id_, config) as exporter:
        await run(exporter, load, min(WARM_UP, seconds))
        return [await run(exporter, load, seconds) for _ in range(rounds)]


@asynccontextmanager
async def running(id_: str, config: Mapping[str, Any]) -> AsyncIterator[PreparingExporter]:
    """Build an exporter of its configuration, without the engine around it, and run it."""
    factory = load_factory(Kind.EXPORTER, ComponentID.parse(id_).type)
    exporter = factory.build(factory.config.model_validate(config), settings(id_))
    if not isinstance(exporter, PreparingExporter):
        raise BrokenError(f"{id_} sends batches as they are: there is nothing to measure")
    if isinstance(exporter, HasLifespan):
        async with exporter.lifespan():
            yield exporter
    else:
        yield exporter


async def run(exporter: PreparingExporter, load: EncodingLoad, seconds: float) -> dict[str, float]:
    """Have batches prepared, one after another, for so many seconds of CPU time; each is decoded anew.

    Raises:
        BrokenError: an item is neither in a parcel nor counted as dropped.
    """
    signal, wires = Signal(KINDS[load.payload].signal), itertools.cycle(bodies(load.payload, load.items))
    started = time.process_time()
    batches = 0
    while (used := time.process_time() - started) < seconds or not batches:
        prepared = await exporter.prepare(Batch(signal, wire=next(wires)))
        items = sum(parcel.items for parcel in prepared.parcels)
        if items != load.items:
            raise BrokenError(f"{items} of {load.items} items are in parcels, and dropped are {dict(prepared.dropped)}")
        batches += 1
    return {
        "items": batches * load.items,
        "cpu_seconds": used,
        "items_per_cpu_second": batches * load.items / used,
        "parcels_of_last": len(prepared.parcels),
    }


def _figure(scenario: str, id_: str, load: EncodingLoad, done: list[dict[str, float]]) -> Figure:
    rates = [result["items_per_cpu_second"] for result in done]
    wanted = load.items_per_cpu_second_at_least
    return Figure(
        scenario=scenario,
        what=f"{id_}: {load.payload}, {load.items} per batch",
        unit="items/CPU-s",
        ours=median(rates),
        spread=(min(rates), max(rates)),
        target=Target(at_least=wanted) if wanted else None,
        rounds={"pyotelcol": list(done)},
    )
