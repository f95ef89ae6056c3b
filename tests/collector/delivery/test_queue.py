import asyncio

import pytest

from collector.batch import Signal
from collector.delivery.delivery import Delivery
from collector.delivery.queue import DirectDelivery, SendingQueue
from collector.delivery.settings import DeliveryConfig, QueueConfig
from collector.errors import PermanentError, RefusalReason, RetryableError
from collector.nodes import Room
from collector.telemetry import DROPPED, ENQUEUE_FAILED, HELD, QUEUE_SIZE, SENT, Telemetry
from collector.testing import FakeBackend, make_batch, settings


class Stuck:
    async def export(self, batch):
        await asyncio.Event().wait()


class Gate:
    """
    A backend that answers once it is opened.
    """

    def __init__(self):
        self.open = asyncio.Event()

    async def export(self, batch):
        await self.open.wait()


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


def queue(backend, telemetry=None, **config):
    accounts = (telemetry or Telemetry()).component("fake")
    delivery = Delivery(backend, DeliveryConfig(retry_on_failure={"enabled": False}), settings("fake"), accounts)
    return SendingQueue(delivery, QueueConfig(**config), settings("fake"), accounts, Room())


async def test_leaving_the_block_means_that_everything_was_delivered():
    backend, telemetry = FakeBackend(), Telemetry()
    sending = queue(backend, telemetry)

    async with sending.lifespan():
        for _ in range(30):
            await sending.consume(make_batch(items=2))

    assert (60, 60, 0) == (
        sum(map(len, backend.accepted)),
        telemetry.total(SENT[Signal.TRACES]),
        telemetry.total(HELD),
    )


@pytest.mark.parametrize(
    ("sizer", "capacity", "fits"),
    [("requests", 2, True), ("items", 5, False), ("items", 6, True), ("bytes", 10, False)],
)
async def test_capacity_is_counted_by_the_sizer(sizer, capacity, fits):
    sending = queue(Stuck(), sizer=sizer, queue_size=capacity)

    await sending.consume(make_batch(items=3))

    assert fits is (sending.admits(3, 100) is None)


async def test_an_empty_queue_takes_what_is_larger_than_it():
    assert queue(Stuck(), sizer="items", queue_size=1).admits(1000, 1) is None


async def test_what_a_deadline_leaves_behind_is_counted_as_dropped():
    telemetry = Telemetry()
    sending = queue(Stuck(), telemetry, num_consumers=1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), sending.lifespan():
            await sending.consume(make_batch(items=2))
            await sending.consume(make_batch(items=3))

    assert (5, 0) == (telemetry.total(DROPPED, reason="shutdown_deadline"), telemetry.total(HELD))


async def test_wait_for_result_gives_the_sender_the_backends_answer():
    sending = queue(FakeBackend([PermanentError("never")]), wait_for_result=True)

    async with sending.lifespan():
        with pytest.raises(PermanentError):
            await sending.consume(make_batch())


async def test_without_a_queue_the_sender_gets_the_backends_answer():
    accounts = Telemetry().component("fake")
    config = DeliveryConfig(retry_on_failure={"enabled": False})
    direct = DirectDelivery(
        Delivery(FakeBackend([RetryableError("busy")]), config, settings("fake"), accounts), accounts
    )

    with pytest.raises(RetryableError):
        await direct.consume(make_batch())


async def test_an_exporter_without_room_makes_senders_wait_if_told():
    gate, telemetry = Gate(), Telemetry()
    sending = queue(gate, telemetry, block_on_overflow=True, queue_size=1)

    async with sending.lifespan(), asyncio.TaskGroup() as senders:
        await sending.consume(make_batch())
        waiting = senders.create_task(sending.consume(make_batch()))
        await turns()
        was_waiting, held = not waiting.done(), telemetry.total(HELD)
        gate.open.set()
        await waiting

    assert (True, 2, 0) == (was_waiting, held, telemetry.total(HELD))


async def test_a_sender_that_hangs_up_while_it_waits_for_room_is_counted():
    telemetry = Telemetry()
    sending = queue(Stuck(), telemetry, block_on_overflow=True, queue_size=1)
    await sending.consume(make_batch())
    waiting = asyncio.create_task(sending.consume(make_batch(items=3)))
    await turns()

    waiting.cancel()
    await asyncio.wait([waiting])

    assert (3, 3, 1) == (
        telemetry.total(DROPPED, reason="sender_gone"),
        telemetry.total(ENQUEUE_FAILED[Signal.TRACES]),
        telemetry.total(HELD),
    )


async def test_a_sender_that_hangs_up_while_it_waits_for_the_result_changes_nothing():
    gate, telemetry = Gate(), Telemetry()
    sending = queue(gate, telemetry, wait_for_result=True)

    async with sending.lifespan():
        waiting = asyncio.create_task(sending.consume(make_batch(items=3)))
        await turns()
        waiting.cancel()
        await asyncio.wait([waiting])
        gate.open.set()

    assert (3, 0) == (telemetry.total(SENT[Signal.TRACES]), telemetry.total(HELD))


async def test_a_sender_that_waits_for_the_result_learns_that_time_is_over():
    sending = queue(Stuck(), wait_for_result=True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), sending.lifespan():
            waiting = asyncio.create_task(sending.consume(make_batch()))
            await turns()

    with pytest.raises(RetryableError, match="fake has stopped") as refusal:
        await waiting
    assert RefusalReason.SHUTTING_DOWN is refusal.value.reason


async def test_what_comes_after_the_end_is_refused_or_counted():
    telemetry = Telemetry()
    sending = queue(FakeBackend(), telemetry)
    async with sending.lifespan():
        pass

    assert RefusalReason.SHUTTING_DOWN is sending.admits(1, 1).reason
    with pytest.raises(RetryableError):
        await sending.consume(make_batch(items=4))
    assert (4, 0) == (telemetry.total(DROPPED, reason="shutdown_deadline"), telemetry.total(HELD))


async def test_a_queue_can_be_started_again():
    backend = FakeBackend()
    sending = queue(backend)

    for _ in range(2):
        async with sending.lifespan():
            await sending.consume(make_batch())

    assert 2 == len(backend.accepted)


async def test_what_is_held_is_delivered_even_if_another_component_dies():
    backend = FakeBackend()
    sending = queue(backend)

    with pytest.raises(ExceptionGroup):
        async with sending.lifespan():
            await sending.consume(make_batch())
            raise OSError("another component")

    assert 1 == len(backend.accepted)


async def test_a_batch_takes_room_until_the_backend_has_answered():
    gate, telemetry = Gate(), Telemetry()
    sending = queue(gate, telemetry, queue_size=1)

    async with sending.lifespan():
        await sending.consume(make_batch())
        await turns()
        refusal, size = sending.admits(1, 1), telemetry.total(QUEUE_SIZE)
        gate.open.set()

    assert (RefusalReason.QUEUE_FULL, 1, 0) == (refusal.reason, size, telemetry.total(QUEUE_SIZE))


async def test_an_exporter_that_swallows_its_cancellation_does_not_hold_up_the_end():
    class Deaf:
        async def export(self, batch):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return 0

    telemetry = Telemetry()
    sending = queue(Deaf(), telemetry, num_consumers=1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), sending.lifespan():
            await sending.consume(make_batch())

    assert 0 == telemetry.total(HELD)


async def test_without_a_queue_a_sender_that_hangs_up_is_counted():
    telemetry = Telemetry()
    accounts = telemetry.component("fake")
    direct = DirectDelivery(Delivery(Stuck(), DeliveryConfig(), settings("fake"), accounts), accounts)
    waiting = asyncio.create_task(direct.consume(make_batch(items=3)))
    await turns()

    waiting.cancel()
    await asyncio.wait([waiting])

    assert (3, 0) == (telemetry.total(DROPPED, reason="sender_gone"), telemetry.total(HELD))
