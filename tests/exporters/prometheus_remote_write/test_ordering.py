"""
Samples of a series arrive in the order of their times, whatever a receiver does to the requests before them.
"""

import asyncio

import pytest

from collector.errors import DropReason
from tests.exporters.prometheus_remote_write.collectors import gauges, names, to
from tests.exporters.prometheus_remote_write.receivers import OUT_OF_ORDER, Receiver, Whim, samples_of
from tests.exporters.servers import reset, respond


@pytest.mark.parametrize("version", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_each_series_arrives_in_order_and_is_never_in_two_requests_at_once(seed, version):
    receiver = Whim(seed)
    async with receiver.running():
        collector = to(receiver, protobuf_message=version, max_batch_size_bytes=400)
        async with collector.running():
            await collector.consume(*(gauges(*names(12), at=at) for at in range(1, 16)))

    assert [] == receiver.overlaps
    assert receiver.most > 1
    for series in {name for name, _ in receiver.arrivals}:
        times = [time for name, time in receiver.arrivals if name == series]
        assert sorted(times) == times
    assert 180 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)


class OneLaneDown(Receiver):
    """
    Answers 503 to everything with one series in it, for as long as it is told to.
    """

    def __init__(self, name):
        super().__init__()
        self.name, self.is_down = name, True
        self.arrived = asyncio.Event()
        self.wanted = 0

    def take(self, request):
        if self.is_down and any(dict(series)["__name__"] == self.name for series, _, _ in samples_of(request)):
            return respond(503)
        answer = super().take(request)
        if len(self.samples) >= self.wanted:
            self.arrived.set()
        return answer


def lane_mates(collector_of, name, number):
    """
    Return which of the names share the lane of one.
    """
    from exporters.prometheus_remote_write.series import LabelSet

    lane = LabelSet({"__name__": name}).identity % number
    return {each for each in collector_of if LabelSet({"__name__": each}).identity % number == lane}


async def test_a_lane_that_is_refused_holds_up_itself_and_no_other():
    every, down = names(20), "metric_0"
    mates = lane_mates(every, down, 5)
    receiver = OneLaneDown(down)
    receiver.wanted = 3 * (20 - len(mates))
    async with receiver.running():
        collector = to(receiver)
        async with collector.running(), asyncio.timeout(10):
            await collector.consume(*(gauges(*every, at=at) for at in (1, 2, 3)))
            await receiver.arrived.wait()
            others = {dict(series)["__name__"] for series, _, _ in receiver.samples}
            receiver.is_down = False

    assert set(every) - mates == others
    assert 60 == len(receiver.samples) == collector.sent
    times = [time for series, time, _ in receiver.samples if dict(series)["__name__"] == down]
    assert sorted(times) == times
    assert ({}, True) == (collector.dropped, collector.is_balanced)


ONE_LANE = {"max_batch_request_parallelism": 1}


async def test_a_search_that_is_interrupted_goes_on_where_it_was_and_before_what_comes_later():
    """
    The second half of what was refused meets 503 twice, and a reset.
    """

    async def break_off(reader, writer):
        reset(writer)

    receiver = Receiver(
        [None, None, None, respond(503), respond(429, Retry_After="7"), break_off],
        refuses=lambda sample: sample[0] == (("__name__", "metric_5"),) and sample[2] == 1.0,
    )
    async with receiver.running():
        collector = to(receiver, **ONE_LANE)
        async with collector.running():
            await collector.consume(gauges(*names(16), at=1), gauges(*names(16), at=2))

    assert 31 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 1}, True) == (collector.dropped, collector.is_balanced)
    assert sorted(receiver.samples, key=lambda sample: sample[1]) == receiver.samples
    assert 7.0 in collector.clock.slept


async def test_what_was_written_before_the_receiver_went_away_for_good_is_sent_and_the_rest_is_not():
    receiver = Receiver([OUT_OF_ORDER, None, *[respond(503)] * 50])
    async with receiver.running():
        collector = to(receiver, retry_on_failure={"max_elapsed_time": "1m"}, **ONE_LANE)
        async with collector.running():
            await collector.consume(gauges(*names(16)))

    assert 8 == len(receiver.samples) == collector.sent
    assert ({DropReason.RETRY_EXHAUSTED: 8}, 8, True) == (collector.dropped, collector.failed, collector.is_balanced)


async def test_what_was_written_before_the_receiver_fell_silent_for_good_is_sent_and_the_rest_is_not():
    async def silent(reader, writer):
        await reader.read()

    receiver = Receiver([OUT_OF_ORDER, None, *[silent] * 50])
    async with receiver.running():
        collector = to(receiver, retry_on_failure={"max_elapsed_time": "1m"}, timeout="150ms", **ONE_LANE)
        async with collector.running():
            await collector.consume(gauges(*names(16)))

    assert 8 == len(receiver.samples) == collector.sent
    assert ({DropReason.RETRY_EXHAUSTED: 8}, 8, True) == (collector.dropped, collector.failed, collector.is_balanced)


async def test_what_is_out_of_order_costs_nothing_but_itself():
    series = (("__name__", "metric_3"),)
    receiver = Receiver(newest={series: 1_700_000_002_000})
    async with receiver.running():
        collector = to(receiver, **ONE_LANE)
        async with collector.running():
            await collector.consume(*(gauges(*names(10), at=at) for at in (1, 2, 3)))

    assert 28 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 2}, True) == (collector.dropped, collector.is_balanced)
    assert [] == collector.clock.slept


async def test_a_search_that_takes_long_ends_the_attempt_before_its_timeout_does():
    class Slow(Receiver):
        def take(self, request):
            self.clock.now += 0.4
            return super().take(request)

    receiver = Slow(refuses=lambda sample: sample[0] == (("__name__", "metric_5"),))
    async with receiver.running():
        collector = to(receiver, **ONE_LANE)
        receiver.clock = collector.clock
        async with collector.running():
            await collector.consume(gauges(*names(64)))

    assert len(collector.clock.slept) > 2
    assert 63 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 1}, True) == (collector.dropped, collector.is_balanced)


async def test_a_timeout_in_the_middle_of_a_search_loses_nothing_of_what_was_found():
    async def silent(reader, writer):
        await reader.read()

    receiver = Receiver([OUT_OF_ORDER, OUT_OF_ORDER, None, silent])
    receiver.refuses = lambda sample: sample[0] == (("__name__", "metric_0"),)
    async with receiver.running():
        collector = to(receiver, timeout=0.3, **ONE_LANE)
        async with collector.running():
            await collector.consume(gauges(*names(4)))

    assert 3 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 1}, True) == (collector.dropped, collector.is_balanced)
