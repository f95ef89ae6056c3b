import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from collector.net.bad_input import BadData, TooLarge
from collector.net.endpoint import Endpoint
from collector.net.http_server import Connection, Deadlines, read_body, serve
from tests.collector.receivers.door import until

ANY = Endpoint("127.0.0.1", 0)
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
OK = b"HTTP/1.1 200 OK"


class Site:
    """Reads the body of each request, waits to be let go, and answers with the body or what was wrong with it."""

    def __init__(self):
        self.go = asyncio.Event()
        self.go.set()
        self.entered = asyncio.Event()
        self.answered = 0
        self.size = 0

    async def respond(self, request):
        self.entered.set()
        try:
            body = await read_body(request, 1000)
        except (BadData, TooLarge, TimeoutError) as error:
            return web.Response(status=408 if isinstance(error, TimeoutError) else 400, text=f"{error}")
        await self.go.wait()
        self.answered += 1
        return web.Response(body=body + bytes(self.size))


@asynccontextmanager
async def served(site, **options):
    options = {"deadlines": Deadlines(), **options}
    async with serve(site.respond, ANY, **options) as server:
        yield server


@pytest.fixture
async def connect():
    """
    Opens connections, which end with the test.
    """
    writers = []

    async def open_one(server, sent=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
        writer.write(sent)
        return reader, writer

    yield open_one
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def rest(reader, seconds=5):
    """
    Return what comes until the server ends the connection.
    """
    try:
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""


async def cut_off(server):
    """
    Let the loop turn until the server has no connection.
    """
    while True:
        if not server.connections:
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 1000])
async def test_a_body_is_read_whole(body, connect):
    async with served(Site()) as server:
        reader, _ = await connect(server, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await reader.readuntil(b"\r\n\r\n")

        assert body == await reader.readexactly(len(body))


async def test_a_body_in_pieces_is_read_whole(connect):
    site = Site()
    async with served(site) as server:
        reader, writer = await connect(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        await site.entered.wait()
        writer.write(b"5\r\nhello\r\n")
        writer.write(b"6\r\n world\r\n0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

        assert b"hello world" == await reader.readexactly(11)


async def test_malformed_chunks_are_bad_data_and_end_the_connection(connect):
    site = Site()
    async with served(site) as server:
        reader, writer = await connect(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await site.entered.wait()
        writer.write(b"nonsense\r\n")

        assert b"malformed body" in await rest(reader)


@pytest.mark.parametrize(
    ("deadlines", "sent"),
    [
        (Deadlines(header=0.1), b""),
        (Deadlines(header=0.1), HEAD),
        (Deadlines(body=0.1), HEAD + b"Content-Length: 10\r\n\r\n"),
        (Deadlines(body=0.1), HEAD + b"Content-Length: 10\r\n\r\nhalf"),
        (Deadlines(body=0.1), HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        (Deadlines(idle=0.1), HEAD + b"Content-Length: 0\r\n\r\n"),
    ],
    ids=["no bytes", "half a head", "no body", "half a body", "half a chunk", "no second request"],
)
async def test_every_phase_of_a_connection_has_a_deadline(deadlines, sent, connect):
    async with served(Site(), deadlines=deadlines) as server:
        reader, _ = await connect(server, sent)
        start = asyncio.get_running_loop().time()

        await rest(reader)

    assert 0.05 < asyncio.get_running_loop().time() - start < 0.5


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"Content-Length: 10\r\n\r\nhalf"])
async def test_who_is_too_slow_is_told_so(sent, connect):
    async with served(Site(), deadlines=Deadlines(header=0.1, body=0.1)) as server:
        reader, _ = await connect(server, sent)

        assert b"HTTP/1.1 408" in await rest(reader)


@pytest.mark.parametrize("sent", [HEAD[:20], HEAD + b"Content-Length: 100\r\n\r\n"])
async def test_a_byte_now_and_then_does_not_put_a_deadline_off(sent, connect):
    async with served(Site(), deadlines=Deadlines(header=0.2, body=0.2)) as server:
        reader, writer = await connect(server, sent)
        start = asyncio.get_running_loop().time()

        async def drip():
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await rest(reader)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)

    assert 0.5 > asyncio.get_running_loop().time() - start


@pytest.mark.parametrize("head", [HEAD, HEAD + b"Connection: close\r\n"])
async def test_who_does_not_read_the_answer_is_cut_off(head):
    site = Site()
    site.size = 50_000_000
    async with served(site, deadlines=Deadlines(write=0.1)) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(head + b"Content-Length: 0\r\n\r\n")
            await site.entered.wait()
            start = asyncio.get_running_loop().time()
            await cut_off(server)

    assert 0.5 > asyncio.get_running_loop().time() - start


async def test_work_has_no_deadline(connect):
    site = Site()
    site.go.clear()
    async with served(site, deadlines=Deadlines(header=0.02, body=0.02, write=0.02, idle=0.02)) as server:
        reader, _ = await connect(server, HEAD + b"Content-Length: 0\r\n\r\n")
        await site.entered.wait()
        await asyncio.sleep(0.1)
        site.go.set()

        assert (await rest(reader)).startswith(OK)


async def test_without_deadlines_nothing_is_cut_off(connect):
    async with served(Site(), deadlines=Deadlines(header=0, body=0, write=0, idle=0)) as server:
        reader, _ = await connect(server, HEAD)
        server.watch()

        with pytest.raises(TimeoutError):
            await rest(reader, 0.1)


async def test_a_stop_waits_for_the_requests_under_way(connect):
    site = Site()
    site.go.clear()
    async with served(site) as server:
        reader, _ = await connect(server, HEAD + b"Content-Length: 0\r\n\r\n")
        await site.entered.wait()
        asyncio.get_running_loop().call_later(0.05, site.go.set)

    answer = await rest(reader)
    assert answer.startswith(OK)
    assert b"Connection: close" in answer


async def test_a_stop_waits_for_a_body_that_is_on_its_way(connect):
    site = Site()
    async with served(site) as server:
        reader, writer = await connect(server, HEAD + b"Content-Length: 10\r\n\r\nhello")
        await site.entered.wait()
        asyncio.get_running_loop().call_later(0.05, writer.write, b"world")

    assert (await rest(reader)).endswith(b"helloworld")


async def test_a_stop_waits_no_longer_than_its_grace(connect):
    site = Site()
    start = asyncio.get_running_loop().time()
    async with served(site, grace=0.1) as server:
        reader, _ = await connect(server, HEAD + b"Content-Length: 10\r\n\r\nhello")
        await site.entered.wait()

    assert 1.5 > asyncio.get_running_loop().time() - start
    assert 0 == site.answered
    assert b"" == await rest(reader)


async def test_a_stop_ends_connections_that_rest(connect):
    async with served(Site()) as server:
        reader, _ = await connect(server, HEAD + b"Content-Length: 0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

    assert b"" == await rest(reader)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_without_a_traceback_and_without_an_echo(sent, caplog, connect):
    async with served(Site()) as server:
        reader, _ = await connect(server, sent)
        answer = await rest(reader)

    assert b" 400 Bad Request\r\n" in answer
    assert answer.endswith(b"400 bad request\n")
    assert "" == caplog.text


async def test_a_large_body_that_is_refused_unread_does_not_reset_the_connection_before_the_answer_is_read(connect):
    async with served(Site()) as server:
        reader, writer = await connect(server, HEAD + b"Connection: close\r\nContent-Length: 10000000\r\n\r\n")
        sending = asyncio.create_task(_send(writer, bytes(10_000_000)))
        answer = await rest(reader)
        await asyncio.gather(sending, return_exceptions=True)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"the limit is 1000" in answer


async def _send(writer, data):
    writer.write(data)
    await writer.drain()


async def test_a_taken_port_is_named():
    async with served(Site()) as server:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            async with serve(Site().respond, server.endpoint, deadlines=Deadlines()):
                pass


async def test_a_connection_that_ended_a_moment_ago_is_left_alone(connect):
    async with served(Site(), deadlines=Deadlines(header=0.02)) as server:
        reader, _ = await connect(server, HEAD)
        await until(lambda: server.connections)
        for transport in server._connections.values():
            transport.abort()

        server.watch()
        server.watch()
        server._timer.cancel()

    assert b"" == await rest(reader)


async def test_one_connection_that_cannot_be_ended_is_not_the_end_of_all_deadlines(connect, monkeypatch):
    async with served(Site(), deadlines=Deadlines(header=0.1)) as server:
        reader, _ = await connect(server, HEAD)
        await until(lambda: server.connections)
        monkeypatch.setattr(Connection, "close_if_late", None)
        with pytest.raises(TypeError):
            server.watch()
        monkeypatch.undo()

        assert b"HTTP/1.1 408" in await rest(reader)


def test_no_deadline_makes_the_server_look_all_the_time():
    assert (0.01, 1.0) == (Deadlines(header=1e-9).resolution, Deadlines(header=0, body=0, write=0, idle=0).resolution)
