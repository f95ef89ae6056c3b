"""What is remembered of a decision is bounded, whatever its values are."""

from __future__ import annotations

import tracemalloc

from collector.api import Batch, Signal
from collector.testing import Sink, make_batch, settings
from collector.testing.clock import FakeClock
from processors.tail_sampling.factory import factory

TRACES = 30
LONG = 200_000
PATTERN = {"key": "k", "values": ["x"], "enabled_regex_matching": True}


async def test_a_long_value_that_decided_is_not_remembered_whole() -> None:
    clock, sink = FakeClock(), Sink()
    config = factory.config.model_validate(
        {"decision_wait": "1s", "policies": [{"name": "a", "type": "string_attribute", "string_attribute": PATTERN}]}
    )
    processor = factory.build(config, settings("tail_sampling", clock), sink)
    batches = [make_batch(items=1, k=f"{number:06}" + "x" * LONG) for number in range(TRACES)]
    wires = [batch.wire.replace((1).to_bytes(16, "big"), n.to_bytes(16, "big")) for n, batch in enumerate(batches, 1)]
    del batches

    async with processor.lifespan():  # type: ignore[attr-defined]
        tracemalloc.start()
        for wire in wires:
            await processor.consume(Batch(Signal.TRACES, wire=bytes(wire), items=1))
            await clock.advance(1.2)
        kept = sink.items
        sink.batches.clear()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        told = processor.decisions_on((TRACES).to_bytes(16, "big"))  # type: ignore[attr-defined]

    assert TRACES == kept
    assert held < TRACES * LONG / 10
    value = told[-1]["policies"][0]["values"]["value"]
    assert 256 == len(value)
    assert value.startswith("000029x")
    assert value.endswith("x…")
