"""
Laws of processors, tested on some that break them.
"""

from contextlib import asynccontextmanager

import pytest
from google.protobuf.message import DecodeError

from collector.api import (
    BufferingProcessorFactory,
    ComponentConfig,
    map_records,
)
from collector.batch import RECORD_SIGNALS, Batch, Signal
from collector.testing import check
from tests.collector.testing.lawless import breaks, processor


class Holding:
    """
    A buffering processor whose books do not close.
    """

    def __init__(self, config, settings, next):
        self.settings = settings
        self.next = next
        self.batches = []

    def admits(self, items, size):
        return None

    async def consume(self, batch):
        self.batches.append(batch)

    @asynccontextmanager
    async def lifespan(self):
        yield


def test_a_processor_that_lets_items_vanish_is_found():
    factory = BufferingProcessorFactory(config=ComponentConfig, build=Holding)

    assert "vanished without a name" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_still_holds_something_after_draining_is_found():
    class Hoarding(Holding):
        async def consume(self, batch):
            self.settings.telemetry.held(batch.signal, len(batch))

    factory = BufferingProcessorFactory(config=ComponentConfig, build=Hoarding)

    assert "still held after draining" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_drops_by_accident_is_found():
    factory = processor(lambda batch: 1 / 0)

    assert "dropped for plugin_error" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_may_drop_on_purpose_is_lawful():
    check(processor(lambda batch: None))


def test_a_processor_that_makes_something_of_nothing_is_found():
    def invent(batch):
        if len(batch) == 0 and batch.signal is Signal.LOGS:
            batch.request.resource_logs.add().scope_logs.add().log_records.add()
        return batch

    assert "something came out of nothing" in breaks(processor(invent), "an_empty_batch_is_tolerated")


def test_a_processor_that_passes_on_what_is_not_otlp_is_found():
    factory = processor(lambda batch: batch.replace(b"\x0a\x05", 3))

    with pytest.raises(DecodeError):
        breaks(factory, "the_signal_is_preserved_and_what_comes_out_is_otlp")


def rebuilt(message):
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    message.CopyFrom(known)


def rebuild_all(batch):
    rebuilt(batch.request)


def rebuild_records(batch):
    for record in batch.records():
        rebuilt(record)


def rebuild_what_is_joined(batch):
    """
    Only where there are more records than one.
    """
    if len(batch) > 1:
        rebuilt(batch.request)


@pytest.mark.parametrize("rebuild", [rebuild_all, rebuild_records])
def test_a_processor_that_rebuilds_messages_from_what_it_knows_is_found(rebuild):
    def process(batch):
        rebuild(batch)
        return batch

    assert "an unknown field was lost" in breaks(processor(process), "fields_it_does_not_know_survive")


def test_a_processor_that_loses_fields_when_it_joins_is_found():
    class Joining(Holding):
        @asynccontextmanager
        async def lifespan(self):
            yield
            for signal in {batch.signal for batch in self.batches}:
                joined = Batch.join([batch for batch in self.batches if batch.signal is signal])
                rebuild_what_is_joined(joined)
                await self.next.consume(joined)

    factory = BufferingProcessorFactory(config=ComponentConfig, build=Joining)

    assert "an unknown field was lost" in breaks(factory, "fields_it_does_not_know_survive")


def test_a_processor_that_writes_into_what_it_shares_is_found():
    def tag(batch):
        batch.metadata["x-tenant"] = "mallory"
        return batch

    complaint = breaks(processor(tag), "a_batch_shared_with_another_branch_is_left_alone")

    assert "the other branch's metadata changed" in complaint


def test_a_processor_that_writes_with_views_is_lawful():
    def tag(record):
        record.resource["x"] = 1
        return record

    check(processor(lambda batch: map_records(batch, tag), signals=RECORD_SIGNALS))
