import pytest

from bench import processing
from bench.payloads import VARIANTS
from bench.processes import Cores
from bench.scenario import ProcessingLoad, ProcessingScenario


class Halves:
    """
    A processor that drops every second batch.
    """

    def __init__(self):
        self.batches = []

    def process(self, batch):
        self.batches.append(batch)
        return batch if len(self.batches) % 2 else None


def test_a_round_counts_what_went_in_by_cpu_time():
    processor = Halves()

    result = processing.run(processor, ProcessingLoad(payload="traces", items=40), 0.01)

    assert 40 * len(processor.batches) == result["items"]
    assert result["items"] / result["cpu_seconds"] == result["items_per_cpu_second"]
    assert result["items"] / 2 <= result["kept"] <= result["items"] / 2 + 40


def test_values_that_never_come_again_are_processed_once():
    processor = Halves()

    processing.run(processor, ProcessingLoad(payload="new_values", items=40), None)

    assert 5 * VARIANTS == len({batch.wire for batch in processor.batches})


@pytest.mark.parametrize("payload", ["traces", "new_values"])
def test_a_figure_is_the_cpu_time_of_one_item(payload):
    load = ProcessingLoad(payload=payload, items=10, microseconds_at_most=0.000001)
    scenario = ProcessingScenario(
        name="it", description="", measure="processing", processors={"memory_limiter": {"limit_mib": 100}}, loads=[load]
    )

    (figure,) = processing.measure(scenario, Cores(pin=False), rounds=2, seconds=0.01)

    assert ("us/item", "MISS", 2) == (figure.unit, figure.verdict, len(figure.rounds["pyotelcol"]))
    assert 0 < figure.spread[0] <= figure.ours <= figure.spread[1]
