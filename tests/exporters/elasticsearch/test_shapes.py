from pathlib import Path

import pytest

from collector.batch import Batch, Signal
from collector.net.otlp_json import decode
from tests.exporters.elasticsearch.written import as_text, write

SAMPLES = Path(__file__).parents[1] / "golden"
SHAPES = {
    "otel": [Signal.TRACES, Signal.LOGS, Signal.METRICS],
    "ecs": [Signal.TRACES, Signal.LOGS, Signal.METRICS],
    "none": [Signal.TRACES, Signal.LOGS],
    "raw": [Signal.TRACES, Signal.LOGS],
    "bodymap": [Signal.LOGS],
    "jaeger": [Signal.TRACES],
}


@pytest.mark.parametrize(("mode", "signal"), [(mode, signal) for mode, signals in SHAPES.items() for signal in signals])
def test_what_is_written(golden, mode, signal):
    batch = Batch(signal, wire=decode(signal, (SAMPLES / f"{signal}.json").read_bytes()))

    golden(f"{signal}.{mode}.txt", as_text(write(batch, f"{{mapping: {{mode: {mode}}}}}")))
