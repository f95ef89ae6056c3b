"""
What becomes of data when the receiver, or what is between, fails: in the end everything is there once or is counted.
"""

import asyncio
import gzip
from contextlib import AsyncExitStack
from email.utils import formatdate

import pytest

from collector.errors import DropReason, PermanentError, RetryableError
from tests.exporters.prometheus_remote_write.collectors import (
    NOW,
    TYPE,
    Collector,
    Leaps,
    endpoint,
    gauges,
    names,
    to,
    write,
)
from tests.exporters.prometheus_remote_write.receivers import Receiver, samples_of
from tests.exporters.servers import HttpBackend, reset, respond

ONE_LANE = {"max_batch_request_parallelism": 1}


class Down(Receiver):
    """
    Answers as it is told until some time of the collector's clock.
    """

    def __init__(self, until, answer):
        super().__init__()
        self.until, self.answer = until, answer

    def take(self, request):
        return self.answer if self.clock.now < self.until else super().take(request)


@pytest.mark.parametrize("answer", [respond(503), respond(500), respond(502, b"<html>", "text/html"), respond(429)])
async def test_down_for_two_minutes_costs_nothing(answer):
    receiver = Down(120, answer)
    async with receiver.running():
        collector = to(receiver)
        receiver.clock = collector.clock
        async with collector.running():
            await collector.consume(*(gauges(*names(10), at=at) for at in (1, 2, 3)))

    assert collector.clock.now >= 120
    assert 30 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)
    assert len(receiver.requests) < 150  # pauses grow: a receiver that is down is not run over


async def test_what_comes_back_too_late_is_counted_as_given_up():
    receiver = Down(400, respond(503))
    async with receiver.running():
        collector = to(receiver, retry_on_failure={"max_elapsed_time": "5m"}, **ONE_LANE)
        receiver.clock = collector.clock
        async with collector.running():
            await collector.consume(gauges(*names(10)))

    assert (0, {DropReason.RETRY_EXHAUSTED: 10}, 10) == (collector.sent, collector.dropped, collector.failed)
    assert collector.is_balanced


class OpensLater(Leaps):
    """
    A clock on whose fifth pause a receiver begins to listen where nobody did.
    """

    def __init__(self, receiver, port, stack):
        super().__init__()
        self.receiver, self.port, self.stack = receiver, port, stack

    async def sleep(self, seconds):
        await super().sleep(seconds)
        if len(self.slept) == 5:
            await self.stack.enter_async_context(await asyncio.start_server(self.serve, "127.0.0.1", self.port))

    async def serve(self, reader, writer):
        try:
            await self.receiver._answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()


async def test_nobody_there_for_a_while_costs_nothing():
    receiver = Receiver()
    async with receiver.running():
        pass  # its port is free now

    async with AsyncExitStack() as stack:
        collector = to(receiver, OpensLater(receiver, receiver.port, stack), **ONE_LANE)
        async with collector.running():
            await collector.consume(gauges(*names(3), at=1), gauges(*names(3), at=2))

    assert 6 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)


async def vanish(reader, writer):
    pass


async def reset_it(reader, writer):
    reset(writer)


async def half_a_head(reader, writer):
    writer.write(b"HTTP/1.1 204 No Con")


async def half_an_answer(reader, writer):
    writer.write(respond(200, b"written")[:-3])


async def half_an_answer_then_reset(reader, writer):
    await half_an_answer(reader, writer)
    await writer.drain()
    reset(writer)


async def no_http(reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


async def huge_head(reader, writer):
    writer.write(b"HTTP/1.1 204 X\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")


async def silent(reader, writer):
    await reader.read()


async def half_then_silent(reader, writer):
    await half_an_answer(reader, writer)
    await reader.read()


@pytest.mark.parametrize("version", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
@pytest.mark.parametrize(
    "behave",
    [
        vanish,
        reset_it,
        half_a_head,
        half_an_answer,
        half_an_answer_then_reset,
        no_http,
        huge_head,
        silent,
        half_then_silent,
    ],
)
async def test_a_connection_that_breaks_or_hangs_costs_another_attempt(behave, version):
    receiver = Receiver([behave, behave])

    collector = await write(receiver, gauges("up"), timeout=0.3, protobuf_message=version)

    assert 3 == len(receiver.requests)
    assert (1, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_a_reset_before_the_request_was_read_costs_another_attempt():
    class Rude(Receiver):
        is_rude = True

        async def _answer(self, reader, writer):
            if self.is_rude:
                self.is_rude = False
                reset(writer)
            else:
                await super()._answer(reader, writer)

    collector = await write(Rude(), gauges("up"))

    assert (1, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_a_reset_after_the_answer_changes_nothing():
    async def answer_and_reset(reader, writer):
        writer.write(respond(204))
        await writer.drain()
        reset(writer)

    receiver = Receiver([answer_and_reset])

    collector = await write(receiver, gauges("up", at=1), gauges("up", at=2), **ONE_LANE)

    assert (2, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)
    assert {1.0, 2.0} >= {value for _, _, value in receiver.samples}


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (None, 0.05),
        ("3", 3),
        ("-3", 0.05),
        ("soon", 0.05),
        ("9" * 30, 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0.05),
    ],
)
async def test_the_receiver_is_asked_again_when_it_wants_to_be_and_not_before(status, value, pause):
    receiver = Receiver([respond(status, **({} if value is None else {"Retry_After": value}))])

    collector = await write(receiver, gauges("up"))

    assert [pause] == [pytest.approx(slept) for slept in collector.clock.slept]
    assert (1, True) == (collector.sent, collector.is_balanced)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (respond(401, b"no credentials", "text/plain"), "the receiver does not know who sends"),
        (respond(403, b"not yours", "text/plain"), "the receiver does not let this sender write"),
        (respond(404, b"404 page not found", "text/plain"), "is `endpoint` right"),
        (respond(307, Location="http://127.0.0.1:1/"), "redirects are not followed; the receiver points to"),
        (respond(400, b"<html><h1>Bad</h1></html>", "text/html"), "HTTP 400: a page in HTML"),
        (respond(410), "HTTP 410"),
        (respond(415), "HTTP 415"),
    ],
    ids=["401", "403", "404", "307", "400 in HTML", "410", "415"],
)
async def test_what_no_attempt_can_mend_is_told_and_tried_once(answer, told, caplog):
    receiver = Receiver([answer])

    collector = await write(receiver, gauges(*names(9)), **ONE_LANE)

    assert 1 == len(receiver.requests)
    assert (0, {DropReason.REJECTED_PERMANENT: 9}, 9) == (collector.sent, collector.dropped, collector.failed)
    assert collector.is_balanced
    assert [record.levelname for record in caplog.records if told in record.getMessage()] == ["ERROR"]


async def test_a_wrong_turn_in_the_middle_of_a_search_gives_up_the_rest_and_counts_it():
    receiver = Receiver([respond(400, b"out of order sample"), None, respond(401)])

    collector = await write(receiver, gauges(*names(10)), **ONE_LANE)

    assert 5 == len(receiver.samples) == collector.sent
    assert ({DropReason.REJECTED_PERMANENT: 5}, True) == (collector.dropped, collector.is_balanced)


async def test_whoever_answers_400_to_everything_is_not_asked_about_every_sample():
    receiver = Receiver([respond(400, b"bad gateway configuration", "text/plain")] * 100)

    collector = await write(
        receiver, *(gauges(*names(400), at=at) for at in (1, 2, 3)), sending_queue={"num_consumers": 1}, **ONE_LANE
    )

    assert 33 + 17 + 9 == len(receiver.requests)
    assert (0, {DropReason.REJECTED_PERMANENT: 1200}) == (collector.sent, collector.dropped)
    assert collector.is_balanced


async def endless(reader, writer):
    writer.write(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def test_an_error_without_end_is_read_up_to_a_bound(caplog):
    caplog.set_level("INFO")
    receiver = Receiver([endless])

    collector = await write(receiver, gauges("up"))

    assert (1, True) == (collector.sent, collector.is_balanced)
    (line,) = [record.getMessage() for record in caplog.records if "HTTP 503" in record.getMessage()]
    assert len(line) < 700


@pytest.mark.parametrize("size", [0, 1_000_000], ids=["honest", "a bomb"])
async def test_an_error_that_is_compressed_is_read_or_left(size, caplog):
    body = gzip.compress(b"label name too long" + bytes(size))
    answer = respond(400, body, "text/plain", Content_Encoding="gzip")

    collector = await write(Receiver([answer]), gauges("up"))

    assert ({DropReason.REJECTED_PERMANENT: 1}, True) == (collector.dropped, collector.is_balanced)
    assert ("label name too long" in caplog.text) is (size == 0)


async def test_what_is_too_large_for_the_receiver_is_sent_in_smaller_requests_from_then_on():
    class Small(Receiver):
        def take(self, request):
            return respond(413) if len(request.body) > 2000 else super().take(request)

    receiver = Small()

    collector = await write(receiver, gauges(*names(400), host="a"), **ONE_LANE)

    assert 400 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)


async def test_one_data_point_that_is_too_large_is_counted_as_that():
    receiver = Receiver([respond(413)])

    collector = await write(receiver, gauges("up"))

    assert ({DropReason.LIMIT_ITEM: 1}, True) == (collector.dropped, collector.is_balanced)


async def test_a_full_queue_refuses_at_the_front_door():
    receiver = Down(1e9, respond(503))
    async with receiver.running():
        collector = to(receiver, sending_queue={"queue_size": 2, "num_consumers": 1}, **ONE_LANE)
        receiver.clock = collector.clock
        async with collector.running():
            await collector.consume(gauges(*names(5), at=1), gauges(*names(5), at=2))
            with pytest.raises(RetryableError, match="queue of prometheus_remote_write is full"):
                await collector.consume(gauges(*names(5), at=3))
            receiver.until = 0

    assert 10 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)


async def test_without_a_queue_the_sender_hears_what_the_receiver_says():
    receiver = Receiver([respond(403)])
    async with receiver.running():
        collector = to(receiver, sending_queue=None, **ONE_LANE)
        async with collector.running():
            with pytest.raises(PermanentError, match="HTTP 403"):
                await collector.consume(gauges(*names(5), at=1))
            await collector.consume(gauges(*names(5), at=2))

    assert (5, {DropReason.REJECTED_PERMANENT: 5}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_a_deadline_for_draining_counts_what_is_left():
    receiver = Down(1e9, respond(503))
    async with receiver.running():
        collector = to(receiver)
        receiver.clock = collector.clock
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), collector.running():
                await collector.consume(gauges(*names(5)))

    assert (0, {DropReason.SHUTDOWN_DEADLINE: 5}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_one_that_fails_neither_holds_up_another_nor_makes_it_send_twice():
    broken, good = HttpBackend([respond(503)] * 1000), Receiver()
    async with broken.running(), good.running():
        exporters = {
            f"{TYPE}/{name}": {"endpoint": endpoint(each.port), "retry_on_failure": {"max_elapsed_time": 0}}
            for name, each in (("broken", broken), ("good", good))
        }
        collector = Collector(exporters)
        async with asyncio.timeout(20), collector.running():
            await collector.consume(*(gauges(*names(7), at=at) for at in (1, 2, 3)))
            while len(good.samples) < 21:
                await good.asked.wait()
                good.asked.clear()
            asked = len(broken.requests)
            broken.script = iter(())

    assert 21 == len(good.samples) == len([sample for request in good.requests for sample in samples_of(request)])
    assert asked > 0
    assert (42, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)
