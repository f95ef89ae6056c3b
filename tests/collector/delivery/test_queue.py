import asyncio

import pytest

from collector.batch import Signal
from collector.delivery.queue import DirectDelivery, SendingQueue
from collector.delivery.retry import Delivery
from collector.delivery.settings import DeliveryConfig, QueueConfig
from collector.errors import PermanentError, RetryableError
from collector.nodes import Room
from collector.telemetry import DROPPED, HELD, SENT, Telemetry
from collector.testing import FakeBackend, make_batch, settings


class Stuck:
    async def export(self, batch):
        await asyncio.Event().wait()


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
