import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import Batch, Signal
from collector.delivery.batching import split
from collector.delivery.delivery import Delivery
from collector.delivery.queue import SendingQueue
from collector.delivery.settings import DeliveryConfig, QueueConfig, Sizer
from collector.errors import PermanentError
from collector.nodes import Room
from collector.telemetry import HELD, QUEUE_SIZE, SENT, Telemetry
from collector.testing import FakeBackend, make_batch, make_metrics, make_spans, settings

JOINABLE = [Signal.TRACES, Signal.METRICS, Signal.LOGS]


class Alarm:
    """
    A clock whose pauses end when the test says so.
    """

    def __init__(self):
        self.asked = []
        self.rings = asyncio.Event()

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        self.asked.append(seconds)
        await self.rings.wait()


def queue(backend, telemetry=None, clock=None, sizer="requests", *, wait=False, **batch):
    accounts = (telemetry or Telemetry()).component("fake")
    its = dataclasses.replace(settings("fake"), clock=clock or Alarm())
    delivery = Delivery(backend, DeliveryConfig(retry_on_failure={"enabled": False}), its, accounts)
    config = QueueConfig(batch=batch, sizer=sizer, num_consumers=1, queue_size=100_000, wait_for_result=wait)
    return SendingQueue(delivery, config, its, accounts, Room())


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


def sizes(backend):
    return [len(batch) for batch in backend.accepted]


async def test_requests_are_joined_until_there_are_enough_items():
    backend = FakeBackend()
    sending = queue(backend, min_size=10)

    async with sending.lifespan():
        for _ in range(5):
            await sending.consume(make_batch(items=4))
        await turns()
        in_time = sizes(backend)

    assert ([12], [12, 8]) == (in_time, sizes(backend))


async def test_what_is_not_enough_is_sent_after_the_timeout():
    backend, clock = FakeBackend(), Alarm()
    sending = queue(backend, clock=clock, min_size=10, flush_timeout="3s")

    async with sending.lifespan():
        for _ in range(2):
            await sending.consume(make_batch(items=2))
        await turns()
        early = sizes(backend)
        clock.rings.set()
        await turns()
        late = sizes(backend)

    assert ([], [4], [3]) == (early, late, clock.asked)


async def test_what_is_too_large_is_split():
    backend = FakeBackend()
    sending = queue(backend, min_size=5, max_size=6)

    async with sending.lifespan():
        await sending.consume(make_batch(items=14))

    assert [6, 6, 2] == sizes(backend)


async def test_signals_are_not_joined_with_each_other():
    backend = FakeBackend()
    sending = queue(backend, min_size=100)

    async with sending.lifespan():
        for signal in [*JOINABLE, *JOINABLE]:
            await sending.consume(make_batch(signal, items=2))

    assert sorted((signal, 4) for signal in JOINABLE) == sorted((b.signal, len(b)) for b in backend.accepted)


async def test_profiles_are_sent_one_by_one():
    backend = FakeBackend()
    sending = queue(backend, min_size=100, max_size=100)

    async with sending.lifespan():
        for _ in range(2):
            await sending.consume(make_batch(Signal.PROFILES, items=3))
        await turns()

        assert [3, 3] == sizes(backend)


@pytest.mark.parametrize(("keys", "expected"), [([], [4]), (["X-Tenant"], [1, 3])])
async def test_requests_of_different_metadata_are_kept_apart_if_told(keys, expected):
    backend = FakeBackend()
    sending = queue(backend, min_size=100, partition={"metadata_keys": keys})

    async with sending.lifespan():
        for tenant in ["a", "b", "a", "a"]:
            batch = make_batch()
            batch.metadata = {"x-tenant": tenant, "other": f"{id(batch)}"}
            await sending.consume(batch)

    assert expected == sorted(sizes(backend))


@pytest.mark.parametrize("sizer", ["requests", "items", "bytes"])
async def test_requests_take_room_until_all_their_pieces_are_done(sizer):
    """
    Each sender has room for its own, whatever happens to it on the way.
    """
    telemetry = Telemetry()
    sending = queue(FakeBackend([PermanentError("no")]), telemetry, sizer=sizer, min_size=10, max_size=10)
    batches = [make_batch(items=7), make_batch(items=5)]
    taken = sum(Sizer(sizer).measure(len(b), len(b.wire)) for b in batches)

    async with sending.lifespan():
        for batch in batches:
            await sending.consume(batch)
        during = telemetry.total(QUEUE_SIZE)

    assert (taken, 0, 0) == (during, telemetry.total(QUEUE_SIZE), telemetry.total(HELD))


async def test_every_sender_of_a_joined_request_learns_its_fate():
    backend = FakeBackend([PermanentError("no")])
    sending = queue(backend, wait=True, min_size=4, max_size=4)

    async with sending.lifespan():
        senders = [sending.consume(make_batch(items=3)) for _ in range(2)]
        answers = await asyncio.gather(*senders, return_exceptions=True)

    assert [PermanentError, PermanentError] == [type(answer) for answer in answers]
    assert [2] == sizes(backend)


async def test_bytes_that_cannot_be_joined_cost_nobody_else_anything(caplog):
    backend, telemetry = FakeBackend(), Telemetry()
    sending = queue(backend, telemetry, min_size=100, max_size=100)

    async with sending.lifespan():
        await sending.consume(make_batch(items=60))
        await sending.consume(Batch(Signal.TRACES, wire=b"\xff\xff", items=60))

    assert [60, 60] == sizes(backend)
    assert (120, 0) == (telemetry.total(SENT[Signal.TRACES]), telemetry.total(HELD))
    assert "cannot be joined" in caplog.text


@given(st.sampled_from(JOINABLE), st.integers(0, 60), st.integers(1, 2000), st.sampled_from([Sizer.ITEMS, Sizer.BYTES]))
def test_splitting_conserves_items_and_keeps_to_its_bound(signal, items, most, sizer):
    batch = make_batch(signal, items=items, key="value")

    parts = list(split(batch.copy(), most, sizer))

    assert [r.SerializeToString() for p in parts for r in p.records()] == [
        r.SerializeToString() for r in batch.records()
    ]
    assert all(len(p) == 1 or sizer.measure(len(p), len(p.wire)) <= most for p in parts if len(parts) > 1)


def test_one_item_larger_than_the_bound_is_sent_by_itself():
    batch = make_batch(items=3, key="x" * 1000)

    assert [1, 1, 1] == [len(part) for part in split(batch, 10, Sizer.BYTES)]


@pytest.mark.parametrize("beside", [0, 1, 3])
@pytest.mark.parametrize("most", [1, 5_000, 50_100, 60_000])
def test_a_large_resource_is_not_copied_for_each_of_its_records(most, beside):
    """
    Two megabytes would become one gigabyte, for the price of one request.
    """
    large = make_spans(*({} for _ in range(2000)), resource={"large": "x" * 50_000})
    batch = Batch.join([large, *(make_spans({}, resource={"host": "b"}) for _ in range(beside))])

    parts = list(split(batch, most, Sizer.BYTES))

    assert 2000 + beside == sum(map(len, parts))
    assert sum(len(part.wire) for part in parts) < 6 * len(batch.wire)


def test_metrics_of_one_resource_are_split_although_their_names_outweigh_their_points():
    batch = make_metrics(*({"name": "n" * 200} for _ in range(100)))

    parts = list(split(batch, len(batch.wire) // 5, Sizer.BYTES))

    assert 100 == sum(map(len, parts))
    assert max(len(part.wire) for part in parts) <= len(batch.wire) // 5
