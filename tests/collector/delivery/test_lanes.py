import asyncio
from contextlib import suppress

from collector.delivery.lanes import Lanes


class Line:
    """
    Notes who has its turn, and ends a turn when told to.
    """

    def __init__(self):
        self.lanes, self.served, self.ends = Lanes(), [], {}

    def join(self, name, lane=0):
        turn, self.ends[name] = self.lanes.line_up(lane), asyncio.Event()

        async def serve():
            async with turn:
                self.served.append(name)
                await self.ends[name].wait()

        return turn, asyncio.create_task(serve())


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_of_a_lane_come_in_the_order_of_lining_up():
    line = Line()
    tasks = [line.join(name)[1] for name in "abc"]
    await settle()
    assert ["a"] == line.served

    for name in "abc":
        line.ends[name].set()
    await asyncio.gather(*tasks)

    assert ["a", "b", "c"] == line.served


async def test_lanes_do_not_wait_for_each_other():
    line = Line()
    tasks = [line.join("a", 1)[1], line.join("b", 2)[1]]
    await settle()

    assert ["a", "b"] == line.served
    line.ends["a"].set()
    line.ends["b"].set()
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_in_the_line_lets_nobody_overtake():
    line = Line()
    _, first = line.join("a")
    turn, second = line.join("b")
    _, third = line.join("c")
    await settle()

    second.cancel()
    turn.give_way()
    await settle()
    assert ["a"] == line.served

    line.ends["a"].set()
    line.ends["c"].set()
    await asyncio.gather(first, third)
    assert ["a", "c"] == line.served
    with suppress(asyncio.CancelledError):
        await second


async def test_who_is_cancelled_before_it_starts_blocks_nobody():
    line = Line()
    turn, first = line.join("a")
    first.cancel()
    turn.give_way()
    _, second = line.join("b")
    line.ends["b"].set()

    await second

    assert ["b"] == line.served


async def test_a_lane_that_is_empty_is_forgotten():
    line = Line()
    tasks = [line.join(str(lane), lane)[1] for lane in range(100)]
    for end in line.ends.values():
        end.set()
    await asyncio.gather(*tasks)
    await settle()

    assert {} == line.lanes._last
