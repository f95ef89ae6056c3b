import asyncio
import dataclasses
import itertools
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import Signal
from collector.delivery.delivery import Delivery
from collector.delivery.retry import LONGEST_PAUSE, backoff
from collector.delivery.settings import DeliveryConfig, RetryConfig
from collector.errors import LONGEST_RETRY_AFTER, PermanentError, RetryableError
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


async def test_each_attempt_is_of_the_same_data():
    class Rewriting:
        """
        Leaves everything out of what it is given, and fails at first.
        """

        def __init__(self):
            self.given = []

        async def export(self, batch):
            self.given.append(len(batch))
            batch.keep(lambda record: False)
            if len(self.given) == 1:
                raise RetryableError("busy")

    backend = Rewriting()

    await delivery(backend).deliver(make_batch(items=3))

    assert [3, 3] == backend.given


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


@pytest.mark.parametrize(
    ("asked", "understood"),
    [(None, 0.0), (-5, 0.0), (math.nan, 0.0), (math.inf, LONGEST_RETRY_AFTER), ("2", 2.0), (1.5, 1.5)],
)
async def test_whatever_a_component_was_told_to_wait_can_be_waited_for(asked, understood):
    refusal = RetryableError("busy", retry_after=asked)
    backend = FakeBackend([refusal])

    await delivery(backend, retry_on_failure={"max_elapsed_time": 0}).deliver(make_batch())

    assert (understood, 2) == (refusal.retry_after, backend.attempts)


async def test_a_pause_that_is_no_number_costs_its_batch_and_not_the_process():
    class Confused:
        async def export(self, batch):
            raise RetryableError("busy", retry_after="soon")

    telemetry = Telemetry()

    with pytest.raises(PermanentError, match="ValueError"):
        await delivery(Confused(), telemetry).deliver(make_batch(items=2))

    assert 2 == telemetry.total(DROPPED, reason="plugin_error")


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


@pytest.mark.parametrize(("asked", "pause"), [(0, 5), (3, 5), (5.5, 5.5), (600, 600)])
async def test_pauses_for_the_longer_of_its_own_interval_and_what_the_backend_asks(asked, pause):
    clock = Pauses()
    config = {"retry_on_failure": {"randomization_factor": 0, "max_elapsed_time": 0}}

    await delivery(FakeBackend([RetryableError("busy", retry_after=asked)]), clock=clock, **config).deliver(
        make_batch()
    )

    assert [pause] == clock.slept


async def test_gives_up_before_a_pause_that_would_take_it_past_its_time():
    clock, telemetry = Pauses(), Telemetry()

    with pytest.raises(RetryableError):
        await delivery(FakeBackend([RetryableError("busy", retry_after=301)]), telemetry, clock).deliver(make_batch())

    assert ([], 1) == (clock.slept, telemetry.total(DROPPED, reason="retry_exhausted"))


async def test_no_setting_makes_a_tight_loop():
    clock = Pauses()
    config = {"retry_on_failure": {"initial_interval": 0, "max_interval": 0, "max_elapsed_time": 1}}

    with pytest.raises(RetryableError):
        await delivery(FakeBackend(itertools.repeat(RetryableError("busy"))), clock=clock, **config).deliver(
            make_batch()
        )

    assert len(clock.slept) <= 100


async def test_does_not_retry_if_told_so():
    backend, clock = FakeBackend([RetryableError("busy")]), Pauses()

    with pytest.raises(RetryableError):
        await delivery(backend, clock=clock, retry_on_failure={"enabled": False}).deliver(make_batch())

    assert (1, []) == (backend.attempts, clock.slept)


async def test_a_bug_in_an_exporter_costs_one_batch_and_is_not_retried():
    backend, telemetry = FakeBackend([KeyError("oops")]), Telemetry()
    sending = delivery(backend, telemetry)

    with pytest.raises(PermanentError):
        await sending.deliver(make_batch(items=2))
    await sending.deliver(make_batch(items=3))

    assert (2, 3) == (telemetry.total(DROPPED, reason="plugin_error"), telemetry.total(SENT[Signal.TRACES]))


@pytest.mark.parametrize(("rejected", "sent"), [(-1, 5), (99, 0)])
async def test_a_backend_cannot_reject_fewer_than_none_or_more_than_all(rejected, sent):
    class Partial:
        async def export(self, batch):
            return rejected

    telemetry = Telemetry()

    await delivery(Partial(), telemetry).deliver(make_batch(items=5))

    assert sent == telemetry.total(SENT[Signal.TRACES])
    assert 5 - sent == telemetry.total(DROPPED)


class Endless:
    """
    A clock on which no pause ends by itself.
    """

    def __init__(self):
        self.asked = []

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        self.asked.append(seconds)
        await asyncio.Event().wait()


async def test_draining_cuts_a_pause_short():
    clock, backend = Endless(), FakeBackend([RetryableError("busy", retry_after=60)])
    sending = delivery(backend, clock=clock)
    waiting = asyncio.create_task(sending.deliver(make_batch()))
    await turns()
    attempts = backend.attempts

    sending.drain.begin()
    await waiting

    assert (1, 2, [60]) == (attempts, backend.attempts, clock.asked)


async def test_draining_goes_on_asking_in_short_pauses_whatever_the_backend_wants():
    clock = Pauses()
    sending = delivery(FakeBackend([RetryableError("busy", retry_after=60)] * 4), clock=clock)
    sending.drain.begin()

    await sending.deliver(make_batch())

    assert 4 == len(clock.slept)
    assert all(0.5 <= pause <= 1 for pause in clock.slept)


async def test_a_cancelled_pause_leaves_nothing_behind():
    sending = delivery(FakeBackend([RetryableError("busy")]), clock=Endless())
    waiting = asyncio.create_task(sending.deliver(make_batch()))
    await turns()

    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_exporter_that_swallows_its_cancellation_is_not_asked_again():
    class Deaf:
        attempts = 0

        def __init__(self):
            self.asked = asyncio.Event()

        async def export(self, batch):
            self.attempts += 1
            self.asked.set()
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            raise RetryableError("busy")

    telemetry, exporter = Telemetry(), Deaf()
    delivering = asyncio.create_task(delivery(exporter, telemetry, timeout=0).deliver(make_batch(items=2)))
    await exporter.asked.wait()

    delivering.cancel()
    await asyncio.wait([delivering], timeout=5)

    assert (True, 1) == (delivering.cancelled(), exporter.attempts)
    assert 2 == telemetry.total(DROPPED, reason="shutdown_deadline")
