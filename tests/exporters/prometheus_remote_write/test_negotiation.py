"""
A receiver that does not understand 2.0 is found out by using it, and loses nothing by that.
"""

import pytest

from collector.errors import DropReason
from tests.exporters.prometheus_remote_write.collectors import gauges, names, to, write
from tests.exporters.prometheus_remote_write.receivers import OUT_OF_ORDER, Receiver, decoded, is_v2, written
from tests.exporters.servers import respond

V2 = {"protobuf_message": "io.prometheus.write.v2.Request", "max_batch_request_parallelism": 1}


def versions(receiver):
    return [2 if is_v2(request) else 1 for request in receiver.requests]


@pytest.mark.parametrize(
    "answer",
    [
        respond(200),
        respond(204, X_Prometheus_Remote_Write_Samples_Written="all"),
        respond(415, b"application/x-protobuf, please", "text/plain"),
        respond(400, b"proto: illegal wireType 7", "text/plain"),
    ],
    ids=["silence", "nonsense", "415", "400"],
)
async def test_a_receiver_of_1_0_is_sent_the_same_again_in_1_0_and_nothing_else_from_then_on(answer, caplog):
    receiver = Receiver([answer])

    collector = await write(receiver, gauges("up", at=1), gauges("up", at=2), **V2)

    assert [2, 1, 1] == versions(receiver)
    assert [1.0, 2.0] == [value for _, _, value in receiver.samples]
    assert (2, {}, True, []) == (collector.sent, collector.dropped, collector.is_balanced, collector.clock.slept)
    assert 1 == caplog.text.count("does not understand remote write 2.0, so it gets 1.0")


async def test_a_receiver_that_takes_no_notice_of_the_version_is_a_receiver_of_1_0():
    receiver = Receiver(speaks_v2=False)

    collector = await write(receiver, gauges(*names(20)), **V2)

    assert [2, 1] == versions(receiver)
    assert (20, 20, True) == (len(receiver.samples), collector.sent, collector.is_balanced)


async def test_lanes_find_out_together_or_each_for_itself():
    receiver = Receiver(speaks_v2=False)

    collector = await write(
        receiver, *(gauges(*names(20), at=at) for at in (1, 2, 3)), **V2 | {"max_batch_request_parallelism": 5}
    )

    assert (60, 60, True) == (len(receiver.samples), collector.sent, collector.is_balanced)
    assert versions(receiver).count(2) <= 5


async def test_a_receiver_that_has_understood_2_0_is_not_taken_for_another_because_of_a_refusal():
    receiver = Receiver([written(1), OUT_OF_ORDER])

    collector = await write(receiver, gauges("up", at=1), gauges("up", at=2), gauges("up", at=3), **V2)

    assert [2, 2, 2] == versions(receiver)
    assert (2, {DropReason.OUT_OF_ORDER: 1}) == (collector.sent, collector.dropped)


@pytest.mark.parametrize("answer", [respond(503), respond(429), respond(408)])
async def test_a_receiver_that_is_busy_is_asked_again_in_2_0(answer):
    receiver = Receiver([answer])

    await write(receiver, gauges("up"), **V2)

    assert [2, 2] == versions(receiver)


async def test_what_1_0_writes_larger_is_cut_again():
    """
    In 2.0 each text stands once in a request, in 1.0 once in each series.
    """
    receiver = Receiver(speaks_v2=False)

    collector = await write(receiver, gauges(*names(100), host="a" * 200), max_batch_size_bytes=10_000, **V2)

    assert 2 == versions(receiver)[0]
    assert versions(receiver).count(1) > 2
    assert all(request.ByteSize() <= 10_000 for request in map(decoded, receiver.requests))
    assert (100, 100, True) == (len(receiver.samples), collector.sent, collector.is_balanced)


async def test_what_was_written_anew_before_the_receiver_wanted_nothing_more_is_sent():
    receiver = Receiver([respond(415), None, respond(401)])

    collector = await write(receiver, gauges(*names(40), host="a" * 200), max_batch_size_bytes=6000, **V2)

    assert 0 < len(receiver.samples) == collector.sent < 40
    assert ({DropReason.REJECTED_PERMANENT: 40 - collector.sent}, True) == (collector.dropped, collector.is_balanced)


async def test_a_refusal_of_1_0_after_one_of_2_0_is_about_the_data():
    receiver = Receiver([respond(415)], refuses=lambda sample: sample[0] == (("__name__", "metric_3"),))

    collector = await write(receiver, gauges(*names(8)), **V2)

    assert 7 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 1}, True) == (collector.dropped, collector.is_balanced)


async def test_a_receiver_of_2_0_keeps_the_rest_of_a_request_and_what_it_does_not_is_counted():
    receiver = Receiver(refuses=lambda sample: sample[0] == (("__name__", "metric_3"),))

    collector = await write(receiver, gauges(*names(8)), **V2)

    assert 1 == len(receiver.requests)
    assert 7 == len(receiver.samples) == collector.sent
    assert ({DropReason.OUT_OF_ORDER: 1}, True) == (collector.dropped, collector.is_balanced)


async def test_a_success_that_wrote_less_is_a_loss():
    receiver = Receiver([written(5)])

    collector = await write(receiver, gauges(*names(8)), **V2)

    assert (5, {DropReason.PARTIAL_SUCCESS: 3}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_a_restarted_collector_asks_for_2_0_again():
    receiver = Receiver([respond(415)])
    async with receiver.running():
        for at in (1, 2):
            collector = to(receiver, **V2)
            async with collector.running():
                await collector.consume(gauges("up", at=at))

    assert [2, 1, 2] == versions(receiver)
