"""What one processor costs, in CPU time for one item: batches in, batches out, with nothing around it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bench.figures import Figure, in_microseconds
from bench.payloads import KINDS, bodies
from bench.processes import Cores
from bench.scenario import ProcessingLoad, ProcessingScenario
from bench.yardstick import AT_REFERENCE, microseconds_to_parse_a_span
from collector.api import ComponentID, Processor
from collector.batch import Batch, Signal
from collector.registry import Kind, load_factory
from collector.testing import settings

WARM_UP = 0.5


def measure(scenario: ProcessingScenario, cores: Cores, *, rounds: int, seconds: float) -> Iterator[Figure]:
    """Yield one figure for each processor and load."""
    for (id_, config), load in itertools.product(scenario.processors.items(), scenario.loads):
        with cores.measured():
            before = microseconds_to_parse_a_span()
            done = list(_rounds(id_, config, load, rounds, seconds))
            slowness = (before + microseconds_to_parse_a_span()) / 2 / AT_REFERENCE
        yield in_microseconds(
            [result["items_per_cpu_second"] for result in done],
            (),
            load.microseconds_at_most,
            slowness=slowness,
            scenario=scenario.name,
            what=f"{id_}: {load.payload.replace('_', ' ')}, {load.items} per batch",
            rounds={"pyotelcol": done},
        )


def _rounds(
    id_: str, config: Mapping[str, Any], load: ProcessingLoad, rounds: int, seconds: float
) -> Iterator[dict[str, float]]:
    """Yield the rounds; where values never come again, each has a processor that has seen none of them."""
    processor = built(id_, config)
    if KINDS[load.payload].comes_again:
        run(processor, load, min(WARM_UP, seconds))
        for _ in range(rounds):
            yield run(processor, load, seconds)
    else:
        for _ in range(rounds):
            yield run(built(id_, config), load, None)


def built(id_: str, config: Mapping[str, Any]) -> Processor:
    """Build a processor of its configuration, without the engine around it."""
    factory = load_factory(Kind.PROCESSOR, ComponentID.parse(id_).type)
    processor: Processor = factory.build(factory.config.model_validate(config), settings(id_))
    return processor


def run(processor: Processor, load: ProcessingLoad, seconds: float | None) -> dict[str, float]:
    """Have batches processed, one after another, for so many seconds of CPU time; None for each body once.

    What comes out is made bytes, since whoever comes next needs them.
    """
    signal, made = Signal(KINDS[load.payload].signal), bodies(load.payload, load.items)
    wires = itertools.cycle(made)
    batches = kept = 0
    started = time.process_time()
    while (used := time.process_time() - started) < seconds if seconds else batches < len(made):
        result = processor.process(Batch(signal, wire=next(wires), items=load.items))
        if result is not None and result.wire:
            kept += len(result)
        batches += 1
    used = time.process_time() - started
    items = batches * load.items
    return {"items": items, "kept": kept, "cpu_seconds": used, "items_per_cpu_second": items / used}
