import asyncio
import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import Signal
from collector.delivery.retry import LONGEST_PAUSE, Delivery, backoff
from collector.delivery.settings import DeliveryConfig, RetryConfig
from collector.errors import PermanentError, RetryableError
from collector.telemetry import DROPPED, SENT, Telemetry
from collector.testing import FakeBackend, make_batch, settings


class Pauses:
    """
    A clock on which sleeping takes no time and is written down.
    """

    def __init__(self):
        self.slept = []

    def monotonic(self):
        return sum(self.slept)

    def time(self):
        return sum(self.slept)

    async def sleep(self, seconds):
        self.slept.append(seconds)


def delivery(backend, telemetry=None, clock=None, **config):
    its = dataclasses.replace(settings("fake"), clock=clock or Pauses())
    return Delivery(backend, DeliveryConfig(**config), its, (telemetry or Telemetry()).component("fake"))


async def test_sends_again_what_may_be_accepted_later():
    backend = FakeBackend([RetryableError("busy"), RetryableError("busy")])

    await delivery(backend).deliver(make_batch())

    assert 3 == backend.attempts


async def test_never_sends_again_what_was_refused_for_good():
    backend, telemetry = FakeBackend([PermanentError("no")]), Telemetry()

    with pytest.raises(PermanentError):
        await delivery(backend, telemetry).deliver(make_batch(items=3))

    assert (1, 3) == (backend.attempts, telemetry.total(DROPPED, reason="rejected_permanent"))


@pytest.mark.parametrize(("asked", "paused"), [(60, 60), (1e9, LONGEST_PAUSE)])
async def test_honours_what_the_backend_asks_for_within_reason(asked, paused):
    clock = Pauses()
    config = {"retry_on_failure": {"max_elapsed_time": 0}}

    await delivery(FakeBackend([RetryableError("busy", retry_after=asked)]), clock=clock, **config).deliver(
        make_batch()
    )

    assert [paused] == clock.slept


@given(elapsed=st.floats(30, 1000))
def test_never_tries_for_longer_than_told(elapsed):
    clock, telemetry = Pauses(), Telemetry()
    backend = FakeBackend(itertools.repeat(RetryableError("busy")))
    config = {"retry_on_failure": {"max_elapsed_time": elapsed}}

    with pytest.raises(RetryableError):
        asyncio.run(delivery(backend, telemetry, clock, **config).deliver(make_batch(items=2)))

    assert sum(clock.slept) <= elapsed
    assert 2 == telemetry.total(DROPPED, reason="retry_exhausted")


async def test_items_that_the_backend_rejected_are_not_counted_as_sent():
    class Partial:
        async def export(self, batch):
            return 2

    telemetry = Telemetry()

    await delivery(Partial(), telemetry).deliver(make_batch(items=5))

    assert (3, 2) == (telemetry.total(SENT[Signal.TRACES]), telemetry.total(DROPPED, reason="partial_success"))


async def test_an_attempt_that_takes_too_long_is_tried_again():
    class SlowOnce:
        attempts = 0

        async def export(self, batch):
            self.attempts += 1
            if self.attempts == 1:
                await asyncio.Event().wait()

    backend = SlowOnce()

    await delivery(backend, timeout=0.01).deliver(make_batch())

    assert 2 == backend.attempts


@given(st.floats(0, 1), st.floats(1, 3))
def test_pauses_grow_and_stay_within_their_spread(spread, multiplier):
    config = RetryConfig(randomization_factor=spread, multiplier=multiplier)

    pauses = list(itertools.islice(backoff(config), 20))

    assert all(pause <= 30 * (1 + spread) for pause in pauses)
    assert 5 * (1 - spread) <= pauses[0] <= 5 * (1 + spread)
