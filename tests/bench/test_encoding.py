import pytest

from bench.encoding import run, running
from bench.payloads import KINDS, bodies
from bench.processes import BrokenError
from bench.scenario import EncodingLoad
from collector.batch import Batch, Signal
from collector.parcels import Parcel, Prepared
from collector.records.mapping import records_of

LOAD = EncodingLoad(payload="numbers", items=40)


class Prepares:
    """
    An exporter that puts so many items of each batch into parcels.
    """

    def __init__(self, items):
        self.batches = []
        self._items = items

    async def prepare(self, batch):
        self.batches.append(batch)
        return Prepared((Parcel(None, self._items), Parcel(None, 0)))

    async def send(self, parcel):
        return None


async def test_a_round_counts_what_was_prepared_by_cpu_time():
    exporter = Prepares(40)

    result = await run(exporter, LOAD, 0.01)

    assert 40 * len(exporter.batches) == result["items"] == sum(map(len, exporter.batches))
    assert result["items"] / result["cpu_seconds"] == result["items_per_cpu_second"]
    assert 0.01 <= result["cpu_seconds"] < 1


async def test_an_exporter_that_loses_something_has_no_figure():
    with pytest.raises(BrokenError, match="39 of 40 items"):
        await run(Prepares(39), LOAD, 0.01)


async def test_an_exporter_that_does_not_translate_has_no_figure():
    with pytest.raises(BrokenError, match="as they are"):
        async with running("debug", {}):
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_load_has_as_many_items_as_were_ordered(kind):
    assert {40} == {len(Batch(Signal(KINDS[kind].signal), wire=body)) for body in bodies(kind, 40)}


@pytest.mark.parametrize("kind", ["numbers", "metrics"])
def test_data_points_are_a_series_each(kind):
    batch = Batch(Signal.METRICS, wire=bodies(kind, 400)[0])
    seen = {(metric.name, tuple(sorted(point.items()))) for metric in records_of(batch) for point in metric.points}

    assert 400 == len(seen)
