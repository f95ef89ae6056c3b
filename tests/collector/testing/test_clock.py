import asyncio

import pytest

from collector.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(time=1000.0)


async def test_time_passes_only_when_told(clock):
    before = clock.monotonic(), clock.time()

    await clock.advance(2.5)

    assert (0.0, 1000.0) == before
    assert (2.5, 1002.5) == (clock.monotonic(), clock.time())


async def test_sleepers_wake_in_the_order_of_their_times_each_at_its_own(clock):
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3, 1, 2, 0):
            tasks.create_task(sleeper(seconds))
        await clock.advance(2.5)
        meanwhile = list(woken)
        await clock.advance(10)

    assert [(0, 0.0), (1, 1.0), (2, 2.0)] == meanwhile
    assert (3, 3.0) == woken[-1]


async def test_who_sleeps_again_wakes_again_on_the_way(clock):
    ticks = []

    async def ticking():
        while len(ticks) < 3:
            await clock.sleep(1)
            ticks.append(clock.monotonic())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ticking())
        await clock.advance(3)

    assert [1.0, 2.0, 3.0] == ticks


async def test_who_was_cancelled_is_left_alone(clock):
    task = asyncio.create_task(clock.sleep(1))
    await clock.advance(0.5)
    task.cancel()

    await clock.advance(1)

    assert task.cancelled()


async def test_a_sleep_into_the_past_ends_with_the_next_step(clock):
    task = asyncio.create_task(clock.sleep(-1))

    await clock.advance(0)

    assert task.done()
