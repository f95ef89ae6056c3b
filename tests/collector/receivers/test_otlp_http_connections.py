import asyncio
import re
from contextlib import AsyncExitStack

import pytest

from collector.errors import (
    RefusalReason,
    RetryableError,
)
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door, until
from tests.collector.receivers.http import HTTP, SPANS, connect, exchange, raw


async def test_back_pressure_is_told_before_the_body_is_sent(start):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", reason=RefusalReason.MEMORY)
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: 1000000\r\n\r\n"
    )

    assert b"HTTP/1.1 503" in await exchange(otlp, head)


async def test_after_back_pressure_the_connection_goes_on(start):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", reason=RefusalReason.MEMORY)
    request = raw(SPANS.wire)

    answers = await exchange(otlp, request + request)

    assert 2 == answers.count(b"HTTP/1.1 503")


async def test_without_keep_alive_every_answer_ends_the_connection(start):
    otlp = await start("{http: {endpoint: 'localhost:0', keep_alives_enabled: false}}")

    assert "close" == (await otlp.post(SPANS.wire)).headers["Connection"]


async def test_who_expects_to_be_asked_is_asked_for_the_body(start):
    """
    RFC 9110, 10.1.1: curl waits a second for this before it sends more than a mebibyte.
    """
    otlp = await start(HTTP)
    reader, writer = await connect(otlp)
    writer.write(raw(b"", b"Expect: 100-continue\r\n", length=len(SPANS.wire)))

    asked = await reader.readuntil(b"\r\n\r\n")
    writer.write(SPANS.wire)
    answered = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert b"HTTP/1.1 100 Continue\r\n\r\n" == asked
    assert answered.startswith(b"HTTP/1.1 200")


async def test_a_client_that_goes_away_in_the_middle_is_no_news(start, caplog):
    otlp = await start(HTTP)
    _, writer = await connect(otlp)
    writer.write(raw(b"half", length=100))
    await until(lambda: otlp.receiver.http._server._under_way)

    writer.transport.abort()
    await until(lambda: not otlp.receiver.http._server._under_way)

    assert "" == caplog.text
    assert {} == otlp.door.refused()


async def test_a_stop_finishes_what_is_under_way_and_refuses_what_comes_later():
    door = Door()
    door.is_open.clear()
    receiver = build(HTTP, door)
    async with AsyncExitStack() as running:
        await running.enter_async_context(receiver.lifespan())
        first, second = [await asyncio.open_connection("localhost", receiver.http.endpoint.port) for _ in range(2)]
        first[1].write(raw(SPANS.wire))
        await door.entered.wait()

        stopping = asyncio.create_task(running.pop_all().aclose())
        await until(lambda: receiver.http._server.is_draining)
        second[1].write(raw(SPANS.wire))
        refused = await second[0].read()
        door.is_open.set()

        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1\r\n" in refused
        assert (await first[0].read()).startswith(b"HTTP/1.1 200")
        assert (3, {"shutting_down": 1}) == (door.items, door.refused())
        await stopping
        for _, writer in (first, second):
            writer.close()


GET, HEAD, OPTIONS = (method + b" /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n" for method in (b"GET", b"HEAD", b"OPTIONS"))
CHUNKED = raw(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"%x;x=y\r\n%b\r\n0\r\nX: y\r\n\r\n"
BIG = bytes(3_000_000)
REQUESTS = {
    "success": (raw(SPANS.wire), 200),
    "in chunks": (CHUNKED % (len(SPANS.wire), SPANS.wire), 200),
    "bad data": (raw(b"\xff"), 400),
    "bad gzip": (raw(b"\xff", b"Content-Encoding: gzip\r\n"), 400),
    "unknown encoding": (raw(b"\xff", b"Content-Encoding: br\r\n"), 415),
    "unknown type": (raw(SPANS.wire).replace(b"application/x-protobuf", b"text/plain"), 415),
    "unknown type of much": (raw(BIG).replace(b"application/x-protobuf", b"text/plain"), 415),
    "unknown path": (raw(SPANS.wire).replace(b"/v1/traces", b"/v1/x"), 404),
    "unknown path of much": (raw(BIG).replace(b"/v1/traces", b"/v1/x"), 404),
    "unknown method": (raw(SPANS.wire).replace(b"POST", b"PUT"), 405),
    "get": (GET, 405),
    "head": (HEAD, 405),
    "options": (OPTIONS, 405),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_after_an_answer_the_connection_serves_the_next_request(start, name):
    """
    Nothing of one request is left to be taken for the next.
    """
    request, status = REQUESTS[name]
    otlp = await start(HTTP)

    answers = await exchange(otlp, request + raw(SPANS.wire))

    assert [status, 200] == [int(each) for each in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]
    assert (6 if status == 200 else 3) == otlp.door.items


@pytest.mark.parametrize(("asked", "stays"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
async def test_an_old_client_has_its_connection_for_itself_if_it_asks(start, asked, stays):
    """
    HTTP/1.0: RFC 9112, 9.3.
    """
    otlp = await start(HTTP)
    reader, writer = await connect(otlp)
    request = raw(SPANS.wire, asked).replace(b"HTTP/1.1", b"HTTP/1.0")

    writer.write(request)
    received = await reader.readuntil(b"\r\n\r\n")
    if stays:
        writer.write(request)
    following = await reader.read(8)
    writer.close()

    assert received.startswith(b"HTTP/1.0 200")
    assert (b"HTTP/1.0" if stays else b"") == following
