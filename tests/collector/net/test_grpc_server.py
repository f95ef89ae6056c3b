import asyncio
import logging
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest

from collector.net.endpoint import Endpoint
from collector.net.grpc_server import NoMessageError, abort, serve
from tests.bad_input.http2 import Http2

ANY = Endpoint("127.0.0.1", 0)
METHOD = "/a.B/C"
UNIMPLEMENTED, DEADLINE_EXCEEDED, INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 12, 4, 3, 8


class Echo:
    def __init__(self):
        self.server = None
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, call):
        self.entered.set()
        try:
            message = await self.server.receive(call)
        except (NoMessageError, grpc.aio.AbortError):
            return await abort(call, grpc.StatusCode.INVALID_ARGUMENT, "no message")
        await self.go.wait()
        return message


@asynccontextmanager
async def served(echo=None, **options):
    echo = echo or Echo()
    async with serve({METHOD: echo}, ANY, **options) as echo.server:
        yield echo.server


async def call(server, message=b"hello", method=METHOD):
    async with grpc.aio.insecure_channel(str(server.endpoint)) as channel:
        return await channel.unary_unary(method)(message, timeout=5)


async def raw(server, script):
    """
    Run a script of frames beside the loop; return what it returns.
    """

    def run():
        with Http2(server.endpoint.port) as client:
            return script(client)

    return await asyncio.to_thread(run)


async def test_a_message_is_received_and_answered():
    async with served() as server:
        assert b"hello" == await call(server)


@pytest.mark.parametrize("path", [b"/unknown/Method", b"/a.B/D", b"/", b"a.B/C", b"/\xff\xfe", b"/a.B/C\x00", b"*"])
async def test_no_name_of_a_method_ends_the_server(path, caplog):
    """
    grpcio 1.85 stops serving for good when a name is not UTF-8.
    """
    async with served() as server:
        answer = await raw(server, lambda client: client.answer(client.call(b"x", path)))

        assert b"hello" == await call(server)
    assert answer in {UNIMPLEMENTED, "reset 1", "closed"}
    assert "" == caplog.text


_ROOT = Path(__file__).parents[3]
_DIES = """
import asyncio, grpc.aio
from collector.net import grpc_server
from tests.bad_input.http2 import Http2
from tests.collector.net.test_grpc_server import call, raw, served

async def main():
    grpc_server._guard = lambda *_: None
    async with served() as server:
        await raw(server, lambda client: client.answer(client.call(b"x", b"/\\xff")))
        while True:
            try:
                print(await call(server), flush=True)
                return
            except grpc.aio.AioRpcError:
                continue

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_server_that_dies_is_replaced_at_the_same_address():
    """
    In a process of its own, since grpcio leaves behind what it never cleans up.
    """
    command = [sys.executable, "-c", _DIES]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=_ROOT)

    assert "b'hello'\n" == result.stdout, result.stderr
    assert "the gRPC server died; starting another one" in result.stderr


async def test_a_message_that_does_not_come_is_not_waited_for():
    async with served(read_timeout=0.1) as server:
        assert DEADLINE_EXCEEDED == await raw(server, lambda client: client.answer(client.open(METHOD.encode())))


def _half_a_message(client):
    stream = client.open(METHOD.encode())
    client.send(stream, b"\0\0\0\0\x10abc")
    return client.answer(stream)


async def test_half_a_message_is_not_waited_for():
    async with served(read_timeout=0.1) as server:
        assert DEADLINE_EXCEEDED == await raw(server, _half_a_message)


async def test_when_too_many_wait_the_one_that_waits_longest_gives_way():
    def script(client):
        first, _ = client.open(METHOD.encode()), client.open(METHOD.encode())
        return client.answer(first)

    async with served(max_waiting=1) as server:
        assert DEADLINE_EXCEEDED == await raw(server, script)
        assert b"hello" == await call(server)


async def test_a_call_without_a_message_is_answered():
    async with served() as server:
        answer = await raw(server, lambda client: client.answer(client.open(METHOD.encode(), end=True)))

    assert INVALID_ARGUMENT == answer


async def test_a_message_over_the_limit_is_refused_by_the_library_and_nothing_is_logged(caplog):
    async with served(options=[("grpc.max_receive_message_length", 100)]) as server:
        answer = await raw(server, lambda client: client.answer(client.call(bytes(200), METHOD.encode())))

    assert RESOURCE_EXHAUSTED == answer
    assert "" == caplog.text


async def test_a_header_that_is_not_text_is_not_logged(caplog):
    """
    It may be a secret.
    """
    caplog.set_level(logging.DEBUG, "grpc")
    headers = [(b"authorization", b"Bearer canary\xff")]
    async with served() as server:
        await raw(server, lambda client: client.answer(client.call(b"x", METHOD.encode(), headers=headers)))

    assert "canary" not in caplog.text


async def test_a_server_that_is_freed_is_not_in_a_log(caplog):
    """
    Its memory would be used by others when the record is freed: a crash at some other place.
    """
    caplog.set_level(logging.DEBUG, "grpc")
    async with served() as server:
        await call(server)

    assert [] == [record.msg for record in caplog.records if "__dealloc__" in record.msg]


async def test_a_client_that_goes_away_is_not_logged_and_leaves_no_task_behind(caplog):
    def leave(client):
        for _ in range(20):
            stream = client.open(METHOD.encode())
            client.connection.reset_stream(stream)
            client.flush()

    async with served() as server:
        await raw(server, leave)
        assert b"hello" == await call(server)
    assert [] == [task for task in asyncio.all_tasks() if task.get_name() == "rpc_task"]
    assert "" == caplog.text


async def test_a_stop_waits_for_the_calls_under_way():
    echo = Echo()
    echo.go.clear()
    async with served(echo) as server:
        calling = asyncio.create_task(call(server))
        await echo.entered.wait()
        asyncio.get_running_loop().call_later(0.05, echo.go.set)

    assert b"hello" == await calling


async def test_a_stop_waits_no_longer_than_its_grace():
    echo = Echo()
    echo.go.clear()
    start = asyncio.get_running_loop().time()
    async with served(echo, grace=0.1) as server:
        calling = asyncio.create_task(call(server))
        await echo.entered.wait()

    assert 1.0 > asyncio.get_running_loop().time() - start
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calling
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_a_unix_socket_is_listened_on_and_removed_at_the_end(tmp_path):
    path, echo = tmp_path / "socket", Echo()
    async with serve({METHOD: echo}, Endpoint(path=str(path))) as echo.server:
        answer = await call(echo.server)

    assert b"hello" == answer
    assert not path.exists()


@pytest.mark.parametrize("host", ["", "localhost", "::1", "0.0.0.0"])
async def test_every_form_of_an_address_is_listened_on(host):
    echo = Echo()
    async with serve({METHOD: echo}, Endpoint(host, 0)) as echo.server:
        port = echo.server.endpoint.port
        async with grpc.aio.insecure_channel(f"{'[::1]' if host == '::1' else '127.0.0.1'}:{port}") as channel:
            assert b"hello" == await channel.unary_unary(METHOD)(b"hello", timeout=5)


async def test_one_address_of_a_host_is_not_enough():
    """
    Else a client that tries the other address first talks to whoever has it.
    """
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(OSError, match=f"cannot listen on localhost:{port}: Address already in use"):
            async with serve({METHOD: Echo()}, Endpoint.parse(f"localhost:{port}")):
                pass


async def test_a_taken_port_is_named():
    async with served() as server:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.endpoint.port}: Address already in use"):
            async with serve({}, server.endpoint):
                pass
