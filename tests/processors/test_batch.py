import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.batch import Batch, Signal
from collector.errors import RetryableError
from collector.telemetry import DROPPED, HELD
from collector.testing import Sink, make_batch, settings
from processors.batch import BatchConfig, BatchProcessor


class Stopped:
    """
    A clock on which no pause ever ends.
    """

    async def sleep(self, seconds):
        await asyncio.Event().wait()


class Immediate:
    async def sleep(self, seconds):
        await asyncio.sleep(0)


class Blocked:
    """
    Has no room, and lets nobody through.
    """

    def admits(self, items, size):
        return RetryableError("full")

    async def consume(self, batch):
        await asyncio.Event().wait()


def processor(next_, clock=None, **config):
    its = dataclasses.replace(settings("batch"), clock=clock or Stopped())
    return BatchProcessor(BatchConfig(**config), its, next_), its.telemetry.telemetry


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


SIZES = [make_batch(items=size) for size in range(51)]


@given(sizes=st.lists(st.integers(0, len(SIZES) - 1), max_size=20), limit=st.integers(1, 100), most=st.integers(0, 100))
def test_nothing_is_lost_and_nothing_is_invented(sizes, limit, most):
    """
    Whatever arrives in whatever portions leaves, in batches of no more than the maximum.
    """
    most = max(most, limit) if most else 0
    sink = Sink()

    async def scenario():
        batch, telemetry = processor(sink, send_batch_size=limit, send_batch_max_size=most)
        async with batch.lifespan():
            for size in sizes:
                await batch.consume(SIZES[size].copy())
        return telemetry.total(HELD)

    held = asyncio.run(scenario())

    assert (sum(sizes), 0) == (sink.items, held)
    assert not most or all(len(b) <= most for b in sink.batches)


async def test_the_size_triggers_sending():
    sink = Sink()
    batch, _ = processor(sink, send_batch_size=5)

    async with batch.lifespan():
        await batch.consume(make_batch(items=4))
        await settle()
        before = sink.items
        await batch.consume(make_batch(items=1))
        await settle()
        after = [len(b) for b in sink.batches]

    assert (0, [5]) == (before, after)


async def test_requests_are_joined_up_to_a_number_of_bytes():
    """
    A server refuses for good what is larger than its limit, and then all of it is lost.
    """
    sink, size = Sink(), len(make_batch(items=2).wire)
    batch, _ = processor(sink, send_batch_max_bytes=2 * size + 1)

    async with batch.lifespan():
        for items in (2, 2, 2, 10, 2):
            await batch.consume(make_batch(items=items))
            await settle()

    assert [4, 2, 10, 2] == [len(b) for b in sink.batches]


async def test_the_timeout_triggers_sending():
    sink = Sink()
    batch, _ = processor(sink, clock=Immediate())

    async with batch.lifespan():
        await batch.consume(make_batch(items=4))
        await settle()
        after = sink.items

    assert 4 == after


async def test_a_timeout_of_zero_sends_at_once():
    sink = Sink()
    batch, _ = processor(sink, timeout=0)

    async with batch.lifespan():
        await batch.consume(make_batch(items=4))
        await settle()
        after = sink.items

    assert 4 == after


async def test_batches_with_other_metadata_are_kept_apart():
    sink = Sink()
    batch, _ = processor(sink, metadata_keys=["Tenant"])

    async with batch.lifespan():
        for tenant in ("a", "b", "a"):
            await batch.consume(Batch(Signal.TRACES, wire=make_batch().wire, metadata={"tenant": tenant}))

    assert {"a": 2, "b": 1} == {b.metadata["tenant"]: len(b) for b in sink.batches}


async def test_more_combinations_than_allowed_send_the_oldest_on_early():
    sink = Sink()
    batch, _ = processor(sink, metadata_keys=["tenant"], metadata_cardinality_limit=2)

    async with batch.lifespan():
        for tenant in "abc":
            await batch.consume(Batch(Signal.TRACES, wire=make_batch().wire, metadata={"tenant": tenant}))
        await settle()
        early = [b.metadata["tenant"] for b in sink.batches]

    assert ["a"] == early


async def test_profiles_pass_one_by_one():
    sink = Sink()
    batch, _ = processor(sink)

    async with batch.lifespan():
        await batch.consume(make_batch(Signal.PROFILES, 1))
        await batch.consume(make_batch(Signal.PROFILES, 2))

    assert [1, 2] == [len(b) for b in sink.batches]


async def test_senders_have_to_wait_when_what_comes_next_is_behind():
    batch, telemetry = processor(Blocked(), send_batch_size=2)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), batch.lifespan():
            for _ in range(3):
                await batch.consume(make_batch(items=2))
            await settle()
            refusal = batch.admits(1, 1)

    assert isinstance(refusal, RetryableError)
    assert (4, 0) == (telemetry.total(DROPPED, reason="shutdown_deadline"), telemetry.total(HELD))


@pytest.mark.parametrize("config", [{"send_batch_size": 10, "send_batch_max_size": 5}, {"metadata_keys": ["a", "A"]}])
def test_settings_that_contradict_each_other_are_refused(config):
    with pytest.raises(ValidationError):
        BatchConfig(**config)


async def test_bytes_that_are_not_otlp_are_neither_held_for_ever_nor_do_they_take_others_with_them():
    """
    A component before this one may break its bytes and say how many items they are.
    """
    sink = Sink()
    batch, telemetry = processor(sink, send_batch_size=5, send_batch_max_size=5)

    async with batch.lifespan():
        await batch.consume(make_batch(items=3))
        await batch.consume(make_batch(items=3).replace(b"\xff\xff\xff", 3))

    assert (6, 0) == (sum(len(b) for b in sink.batches), telemetry.total(HELD))


async def test_what_comes_after_the_end_is_counted_once():
    batch, telemetry = processor(Sink())
    async with batch.lifespan():
        pass

    await batch.consume(make_batch(items=3))

    assert (3, 0) == (telemetry.total(DROPPED, reason="shutdown_deadline"), telemetry.total(HELD))
