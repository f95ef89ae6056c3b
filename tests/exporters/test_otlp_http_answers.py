"""What an exporter makes of every answer that a backend may give, and of none."""

import asyncio
import gzip

import orjson
import pytest
import yaml

from collector.batch import Signal
from collector.errors import PermanentError, RetryableError
from collector.net.otlp_status import grpc_status
from collector.net.partial_success import partial_success
from collector.testing import make_batch
from tests.exporters.servers import HttpBackend, exporter, reset, respond

LARGE = {"items": 300, "key": "value" * 100}
"""A batch that is compressed in a thread."""
RETRYABLE = {429, 502, 503, 504}


def to(port, **config):
    return exporter("otlp_http", yaml.safe_dump({"endpoint": f"http://127.0.0.1:{port}", **config}))


async def outcome(step, batch=None, **config):
    """
    Return what becomes of one export to a backend that answers with `step`.
    """
    backend = HttpBackend([step])
    async with backend.running():
        exporting = to(backend.port, **config)
        async with exporting.lifespan():
            return await exporting.export(batch or make_batch())


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 432), 451, *range(500, 512)])
async def test_each_status_is_an_error_by_the_table_of_the_specification(status):
    body = b"" if status == 304 else grpc_status(3, "because")

    with pytest.raises(RetryableError if status in RETRYABLE else PermanentError, match=f"HTTP {status}"):
        await outcome(respond(status, body, Retry_After="7"))


@pytest.mark.parametrize("status", sorted(RETRYABLE))
@pytest.mark.parametrize(("value", "asked"), [("7", 7), ("-7", 0), ("NaN", 0), ("1e9", 0), ("99999999999", 86_400)])
async def test_a_delay_that_the_backend_asks_for_is_passed_on(status, value, asked):
    with pytest.raises(RetryableError) as refusal:
        await outcome(respond(status, Retry_After=value))

    assert asked == refusal.value.retry_after


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (grpc_status(3, "because"), "application/x-protobuf"),
        (orjson.dumps({"code": 3, "message": "because"}), "application/json; charset=utf-8"),
        (b"because", "text/plain"),
    ],
)
async def test_what_the_backend_says_of_an_error_is_told_in_any_encoding(body, kind):
    with pytest.raises(PermanentError, match="HTTP 400: because"):
        await outcome(respond(400, body, kind))


async def test_a_redirect_is_not_followed():
    backend = HttpBackend([respond(307, Location="http://127.0.0.1:1/v1/traces")])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(PermanentError, match="redirects are not followed"):
                await exporting.export(make_batch())

    assert 1 == len(backend.requests)


@pytest.mark.parametrize("json", [False, True])
async def test_partial_success_is_counted_and_its_message_logged(json, caplog):
    answer = respond(200, partial_success(Signal.TRACES, 3, "too old"))
    if json:
        body = orjson.dumps({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}})
        answer = respond(200, body, "application/json")

    assert 3 == await outcome(answer, make_batch(items=5))
    assert "too old" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, b"\xff\xff"),
        respond(200, b"<html>", "application/json"),
        respond(200, bytes(70_000)),
        respond(200, b"\xff", Content_Encoding="gzip"),
        respond(200, b"", Content_Encoding="br"),
        respond(200, gzip.compress(bytes(1_000_000)), Content_Encoding="gzip"),
    ],
    ids=["garbage", "not JSON", "too large", "not gzip", "brotli", "a bomb"],
)
async def test_a_success_that_cannot_be_read_is_a_permanent_error(answer):
    with pytest.raises(PermanentError, match="not an OTLP response"):
        await outcome(answer)


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, b"", ""),
        respond(202, b"", "text/plain"),
        respond(204, b"", ""),
        respond(200, b"{}", "application/json"),
        respond(200, gzip.compress(b""), Content_Encoding="gzip"),
    ],
)
async def test_any_2xx_without_objections_is_success(answer):
    assert 0 == await outcome(answer)


async def test_a_success_in_html_is_wondered_at_once(caplog):
    backend = HttpBackend([respond(200, b"<html>Please log in</html>" * 9000, "text/html")] * 2)

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            answers = [await exporting.export(make_batch()) for _ in range(2)]

    assert [0, 0] == answers
    assert 1 == caplog.text.count("answers 200 with text/html, which is not OTLP")


async def endless(reader, writer):
    writer.write(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def test_an_answer_without_end_is_cut_off_and_its_connection_closed():
    backend = HttpBackend([endless])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError, match="HTTP 503: xxx"):
                await exporting.export(make_batch())
            async with asyncio.timeout(5):
                await backend.connections.join()


async def vanish(reader, writer):
    pass


async def reset_it(reader, writer):
    reset(writer)


async def half_a_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")


async def half_an_answer(reader, writer):
    writer.write(respond(200, b"\x0a\x02\x08\x01")[:-2])


async def half_an_answer_then_reset(reader, writer):
    await half_an_answer(reader, writer)
    await writer.drain()
    reset(writer)


async def no_http(reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


async def huge_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "behave", [vanish, reset_it, half_a_head, half_an_answer, half_an_answer_then_reset, no_http, huge_head]
)
async def test_a_connection_that_breaks_is_retryable(behave):
    with pytest.raises(RetryableError, match=r"http://127\.0\.0\.1"):
        await outcome(behave)


async def half_a_refusal(reader, writer):
    writer.write(respond(400, grpc_status(3, "because"))[:-2])


async def test_a_refusal_counts_even_if_its_body_breaks_off():
    with pytest.raises(PermanentError, match="HTTP 400"):
        await outcome(half_a_refusal)


async def test_a_reset_before_the_request_was_read_is_retryable():
    class Rude(HttpBackend):
        async def _answer(self, reader, writer):
            reset(writer)

    async with Rude().running() as backend:
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())


async def answer_and_reset(reader, writer):
    writer.write(respond())
    await writer.drain()
    reset(writer)


async def test_a_reset_after_the_answer_changes_nothing():
    assert 0 == await outcome(answer_and_reset)


async def silent(reader, writer):
    await reader.read()


async def half_then_silent(reader, writer):
    await half_an_answer(reader, writer)
    await reader.read()


@pytest.mark.parametrize("behave", [silent, half_then_silent])
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_a_cancelled_attempt_leaves_no_socket_open(behave, size):
    backend = HttpBackend([behave])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch(**size)))
            await backend.asked.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
            async with asyncio.timeout(5):
                await backend.connections.join()

    assert attempt.cancelled()
