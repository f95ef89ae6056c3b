"""
Exporters that swallow the cancellation they are told of.
"""

import asyncio
from contextlib import suppress

import pytest

from collector.api import Parcel
from collector.errors import DropReason, PermanentError, RetryableError
from tests.collector.delivery.test_translated import Books, Translating


class Deaf(Translating):
    """
    Swallows the cancellation of its first translation or attempt; its backend is down.
    """

    def __init__(self, where, answer):
        super().__init__(*(Parcel(number, 1, lane=0) for number in range(3)))
        self.where, self.answer = where, answer
        self.entered = asyncio.Event()

    async def reach(self, where):
        if where == self.where and not self.entered.is_set():
            self.entered.set()
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()

    async def prepare(self, batch):
        await self.reach("prepare")
        return await super().prepare(batch)

    async def send(self, parcel):
        self.sent.append(parcel.content)
        await self.reach("send")
        raise self.answer


@pytest.mark.parametrize(
    ("where", "answer", "sent", "dropped"),
    [
        ("prepare", RetryableError("down"), [], {"shutdown_deadline": 3}),
        ("send", RetryableError("down"), [0], {"shutdown_deadline": 3}),
        ("send", PermanentError("no"), [0], {"rejected_permanent": 1, "shutdown_deadline": 2}),
    ],
)
async def test_who_swallows_a_cancellation_is_not_asked_again(where, answer, sent, dropped):
    exporter = Deaf(where, answer)
    books = Books(exporter, timeout=0)
    delivery = asyncio.create_task(books.deliver(3))
    await exporter.entered.wait()

    delivery.cancel()
    await asyncio.wait([delivery])

    assert delivery.cancelled()
    assert (sent, 0, 0) == (exporter.sent, books.sent, books.held)
    assert dropped == {reason: n for reason in DropReason if (n := books.dropped(reason))}
