import asyncio
import itertools
import socket

import grpc
import pytest
import yaml
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.api import ComponentID
from collector.batch import SHAPES, Batch, Signal
from collector.errors import PermanentError, RetryableError
from collector.net.otlp_status import DETAILS
from collector.net.partial_success import partial_success
from collector.testing import make_batch
from tests.exporters.servers import GrpcBackend, TcpServer, exporter, longest_turn, reset

RETRYABLE = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


REFUSALS = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


LARGE = {"items": 300, "key": "value" * 100}


def plain(port, **config):
    return exporter("otlp_grpc", yaml.safe_dump({"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, **config}))


def with_delay(seconds):
    status = Status()
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
    return ((DETAILS, status.SerializeToString()),)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
async def test_the_bytes_arrive_as_they_are(signal, size, compression):
    backend, batch = GrpcBackend(), make_batch(signal, **size)

    async with backend.running():
        exporting = plain(backend.port, compression=compression)
        async with exporting.lifespan():
            assert 0 == await exporting.export(batch)

    (call,) = backend.calls
    assert (SHAPES[signal].rpc, batch.wire) == (call.method, call.request)


@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("code", REFUSALS, ids=lambda code: code.name)
async def test_each_status_is_an_error_by_the_table_of_the_specification(code, size):
    backend = GrpcBackend([(code, "because", ())])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError if code.name in RETRYABLE else PermanentError, match="because"):
                await exporting.export(make_batch(**size))


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE], ids=str)
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_a_delay_that_the_backend_asks_for_is_passed_on(code, size):
    backend = GrpcBackend([(code, "later", with_delay(7))])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError) as refusal:
                await exporting.export(make_batch(**size))

    assert 7 == refusal.value.retry_after


async def test_partial_success_is_counted_and_its_message_logged(caplog):
    backend = GrpcBackend([partial_success(Signal.LOGS, 3, "too old"), partial_success(Signal.LOGS, 0, "a warning")])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            rejected = [await exporting.export(make_batch(Signal.LOGS, items=5)) for _ in range(2)]

    assert [3, 0] == rejected
    assert "too old" in caplog.text
    assert "a warning" in caplog.text


@pytest.mark.parametrize("answer", [b"\xff\xff", b"\0" * (5 << 20)], ids=["garbage", "more than 4 MiB"])
async def test_an_answer_that_is_no_response_is_a_permanent_error(answer):
    backend = GrpcBackend([answer])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            with pytest.raises(PermanentError):
                await exporting.export(make_batch())


@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_a_cancelled_attempt_ends_the_call_and_not_the_connection(size):
    backend = GrpcBackend([GrpcBackend.silence])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch(**size)))
            await backend.asked.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
            async with asyncio.timeout(5):
                await backend.cancelled.wait()
            await exporting.export(make_batch(**size))

    assert attempt.cancelled()


async def test_an_attempt_cancelled_while_it_is_being_compressed_is_not_made_or_ended():
    backend = GrpcBackend([GrpcBackend.silence])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch(items=4000, key="value" * 10)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.wait([attempt])
        await asyncio.get_running_loop().shutdown_default_executor()
        if backend.asked.is_set():
            async with asyncio.timeout(5):
                await backend.cancelled.wait()

    assert attempt.cancelled()


async def test_leaving_the_block_closes_the_connection():
    async with TcpServer(read_only).running() as server:
        exporting = plain(server.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch()))
            await server.connections.get()
            attempt.cancel()
            await asyncio.wait([attempt])
            del attempt  # its traceback has the call
        async with asyncio.timeout(5):
            await server.connections.join()

    assert 1 == server.closed


@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_leaving_the_block_ends_a_call_that_is_under_way(size):
    """
    As a refusal that may be tried again, which is what is said of data that nobody has acknowledged.
    """
    backend = GrpcBackend([GrpcBackend.silence])

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch(**size)))
            await backend.asked.wait()
        async with asyncio.timeout(5):
            await asyncio.wait([attempt])

    assert isinstance(attempt.exception(), RetryableError)


SETTINGS = b"\0\0\0\4\0\0\0\0\0"


async def read_only(reader, writer):
    writer.write(SETTINGS)
    await reader.read()


async def reset_at_once(reader, writer):
    reset(writer)


async def close_after_the_preface(reader, writer):
    await reader.readexactly(24)


async def answer_in_http_1(reader, writer):
    await reader.readexactly(24)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def go_away_after_the_request(reader, writer):
    """
    Speak just enough HTTP/2: settings, then read the request, then vanish.
    """
    writer.write(SETTINGS)
    await writer.drain()
    await reader.readexactly(24)
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == 0 and head[4] & 1:  # DATA with END_STREAM
            reset(writer)
            return


@pytest.mark.parametrize(
    "behave", [reset_at_once, close_after_the_preface, answer_in_http_1, go_away_after_the_request]
)
async def test_a_connection_that_breaks_is_retryable(behave):
    async with TcpServer(behave).running() as server:
        exporting = plain(server.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError, match="gRPC status 14"):
                await exporting.export(make_batch())


async def test_nobody_there_is_retryable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        exporting = plain(unused.getsockname()[1])
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())


async def test_a_backend_that_comes_back_is_found_again():
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        exporting, backend = plain(port, wait_for_ready=True), GrpcBackend()
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch()))
            await asyncio.sleep(0)
            reserved.close()
            async with backend.running(f"127.0.0.1:{port}"):
                assert 0 == await attempt


async def test_headers_and_credentials_are_sent_and_asked_for_each_time():
    class Tokens:
        tokens = itertools.count(1)

        def credentials(self):
            return {"authorization": f"Bearer {next(self.tokens)}"}

    backend = GrpcBackend()
    async with backend.running():
        exporting = exporter(
            "otlp_grpc",
            f"""
            endpoint: 127.0.0.1:{backend.port}
            tls: {{insecure: true}}
            headers: {{X-Scope-OrgID: tenant, trace-bin: bytes}}
            auth: {{authenticator: tokens}}
            """,
            extensions={ComponentID("tokens"): Tokens()},
        )
        async with exporting.lifespan():
            for size in ({}, LARGE):
                await exporting.export(make_batch(**size))

    sent = [(c.metadata["x-scope-orgid"], c.metadata["trace-bin"], c.metadata["authorization"]) for c in backend.calls]
    assert [("tenant", b"bytes", "Bearer 1"), ("tenant", b"bytes", "Bearer 2")] == sent
    assert backend.calls[0].metadata["user-agent"].startswith("pyotelcol/")


@pytest.mark.parametrize("token", ["\u043a\u043b\u044e\u0447", "a\nb"])
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_credentials_that_cannot_be_sent_are_a_refusal_in_words_without_the_credentials(token, size):
    class Tokens:
        def credentials(self):
            return {"authorization": token}

    config = "{endpoint: '127.0.0.1:9', tls: {insecure: true}, auth: {authenticator: tokens}}"
    exporting = exporter("otlp_grpc", config, extensions={ComponentID("tokens"): Tokens()})

    async with exporting.lifespan():
        with pytest.raises(PermanentError, match="the credentials in authorization have characters") as refusal:
            await exporting.export(make_batch(**size))

    assert token not in str(refusal.value)


async def test_a_name_of_its_own_and_an_authority_are_sent():
    backend = GrpcBackend()

    async with backend.running():
        exporting = plain(backend.port, user_agent="mine", authority="example.org")
        async with exporting.lifespan():
            await exporting.export(make_batch())

    assert backend.calls[0].metadata["user-agent"].startswith("mine ")


async def test_a_unix_socket_is_an_endpoint(tmp_path):
    backend = GrpcBackend()

    async with backend.running(f"unix:{tmp_path}/socket"):
        exporting = exporter("otlp_grpc", f"{{endpoint: 'unix://{tmp_path}/socket', tls: {{insecure: true}}}}")
        async with exporting.lifespan():
            await exporting.export(make_batch())

    assert 1 == len(backend.calls)


async def test_compressing_some_megabytes_does_not_hold_up_the_loop():
    """
    Where grpc compresses on the loop, that is held up for most of the time that an export takes.
    """
    backend, batch = GrpcBackend(), Batch.join([make_batch(items=400, key="value", other="thing" * 10)] * 100)

    async with backend.running():
        exporting = plain(backend.port)
        async with exporting.lifespan():
            await exporting.export(make_batch())
            turns = [await longest_turn(exporting.export(batch)) for _ in range(3)]

    assert min(longest / took for longest, took in turns) < 1 / 2  # what else the machine does holds up the loop too
