"""Whatever fails, and wherever it is cancelled: every item that was accepted is sent, dropped for a reason, or held."""

import asyncio
import dataclasses
import functools
import random
from contextlib import suppress

import pytest

from collector.api import Outcome, Parcel, Prepared
from collector.batch import Batch, Signal
from collector.delivery.delivery import Delivery
from collector.delivery.drain import Drain
from collector.delivery.queue import DirectDelivery, SendingQueue
from collector.delivery.settings import DeliveryConfig
from collector.errors import ConsumeError, DropReason, PermanentError, RetryableError
from collector.nodes import ReceiverNode, Room
from collector.telemetry import HELD, Telemetry
from collector.testing import make_batch, settings


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


class Whim:
    """
    A backend, and a clock, that take some turns of the loop and then do anything at all.
    """

    def __init__(self, random):
        self.random = random
        self.now = 0.0

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        await steps(self.random.randrange(6))
        self.now += seconds

    async def export(self, batch):
        return await self.answer()

    async def answer(self):
        await steps(self.random.randrange(6))
        match self.random.randrange(8):
            case 0:
                raise PermanentError("no")
            case 1 | 2 | 3:
                raise RetryableError("busy", retry_after=self.random.choice([0, 100]))
            case 4:
                raise ValueError("a bug")
            case 5:
                return self.random.randrange(1000)
        return None


class TranslatingWhim(Whim):
    """
    Makes any number of parcels, in any lanes, and settles any part of one; it cannot always count.
    """

    export = None

    async def prepare(self, batch):
        some = self.random
        await steps(some.randrange(3))
        if some.randrange(10) == 0:
            raise some.choice([PermanentError("no"), ValueError("a bug")])
        parcels = [self.parcel(some.randrange(len(batch) + 1)) for _ in range(some.randrange(4))]
        return Prepared(tuple(parcels), {DropReason.UNSUPPORTED: some.randrange(2)})

    def parcel(self, items):
        return Parcel("content", items, lane=self.random.choice([None, 0, 1]))

    async def send(self, parcel):
        answer = await self.answer()
        if answer is None:
            return None
        some = self.random
        dropped = {some.choice(list(DropReason)): some.randrange(3)}
        return Outcome(dropped, rest=some.choice([None, self.parcel(some.randrange(parcel.items + 2))]))


def delivery_config(random):
    size = random.choice([0, 2, 5])
    batch = {"min_size": random.randrange(size + 1) if size else 3, "max_size": size, "flush_timeout": 1}
    queue = {
        "num_consumers": random.choice([1, 3]),
        "queue_size": 4,
        "sizer": random.choice(["requests", "items"]),
        "block_on_overflow": random.random() < 0.5,
        "wait_for_result": random.random() < 0.5,
        **({"batch": {**batch, "sizer": random.choice(["items", "bytes"])}} if random.random() < 0.5 else {}),
    }
    return DeliveryConfig(sending_queue=queue, retry_on_failure={"enabled": random.random() < 0.8}, timeout=0)


@functools.cache
def wire(signal, items):
    return make_batch(signal, items=items).wire


class Collector:
    """
    A receiver and an exporter, and senders that come when they like and leave when they like.
    """

    def __init__(self, seed, whim, *, queued):
        self.whim, self.telemetry, self.drain = whim(random.Random(seed)), Telemetry(), Drain()
        accounts, its = self.telemetry.component("fake"), dataclasses.replace(settings("fake"), clock=self.whim)
        config = delivery_config(self.whim.random)
        delivery = Delivery(self.whim, config, its, accounts, self.drain)
        self.queue = SendingQueue(delivery, config.sending_queue, its, accounts, Room())
        end = self.queue if queued else DirectDelivery(delivery, accounts)
        self.receiver = ReceiverNode(self.telemetry.component("receiver"), dict.fromkeys(Signal, end))
        self.senders = []

    def imbalance(self):
        return [self.telemetry.imbalance(signal) for signal in Signal]

    async def run(self):
        self.senders = [asyncio.create_task(self.send()) for _ in range(20)]
        try:
            async with self.queue.lifespan():
                await self.live()
                if self.whim.random.random() < 0.5:
                    await asyncio.gather(*self.senders, return_exceptions=True)
        finally:
            for sender in self.senders:
                sender.cancel()
            await asyncio.gather(*self.senders, return_exceptions=True)

    async def send(self):
        some = self.whim.random
        await steps(some.randrange(20))
        with suppress(ConsumeError):
            signal = some.choice(list(Signal))
            await self.receiver.consume(Batch(signal, wire=wire(signal, some.randrange(1, 7))))

    async def live(self):
        some = self.whim.random
        for _ in range(some.randrange(1, 40)):
            await steps(1)
            if some.random() < 0.1:
                some.choice(self.senders).cancel()
            assert [0] * 4 == self.imbalance()
        self.drain.begin()


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("queued", [True, False], ids=["queue", "direct"])
@pytest.mark.parametrize("whim", [Whim, TranslatingWhim], ids=["as-it-is", "translated"])
async def test_the_books_balance_at_every_moment(seed, queued, whim):
    """
    Half of the collectors are stopped by their drain deadline, at any moment.
    """
    collector = Collector(seed, whim, queued=queued)
    service = asyncio.create_task(collector.run())

    if seed % 2:
        await steps(collector.whim.random.randrange(60))
        service.cancel()
    await asyncio.wait([service])

    assert service.cancelled() or service.exception() is None
    assert ([0] * 4, 0) == (collector.imbalance(), collector.telemetry.total(HELD))
