import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
import grpc
import pytest

from collector.testing import make_batch
from tests.bad_input.http2 import EXPORT
from tests.collector.receivers.conftest import BOTH, build
from tests.collector.receivers.door import Door, until


def refuses_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ports(receiver):
    return receiver.grpc.endpoint.port, receiver.http.endpoint.port


async def test_both_protocols_stop_accepting_at_once_while_one_of_them_finishes(start):
    door = Door()
    door.is_open.clear()
    receiver = build(BOTH, door)
    async with AsyncExitStack() as running:
        await running.enter_async_context(receiver.lifespan())
        grpc_port, http_port = ports(receiver)
        reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
        body = make_batch().wire
        head = (
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n"
        )
        writer.write(head.format(len(body)).encode() + body)
        await door.entered.wait()

        stopping = asyncio.create_task(running.pop_all().aclose())
        await until(lambda: refuses_connections(grpc_port) and refuses_connections(http_port))
        door.is_open.set()

        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        await stopping
        writer.close()


@pytest.mark.parametrize("turns", [1, 2, 3, 30])
async def test_a_stop_whose_time_is_over_leaves_no_request_and_no_task_behind(turns, caplog):
    """
    A request that goes on would come to exporters that have stopped, and a server that does would crash the process.
    """
    door = Door()
    door.is_open.clear()
    receiver, running = build(BOTH, door), AsyncExitStack()
    before = asyncio.all_tasks()
    await running.enter_async_context(receiver.lifespan())
    grpc_port, http_port = ports(receiver)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel, aiohttp.ClientSession() as session:
        url, body, kind = f"http://127.0.0.1:{http_port}/v1/traces", make_batch().wire, "application/x-protobuf"
        clients = [
            asyncio.ensure_future(session.post(url, data=body, headers={"Content-Type": kind})),
            asyncio.ensure_future(channel.unary_unary(EXPORT.decode())(body)),
        ]
        await until(lambda: door.accepted() == 2)

        stopping = asyncio.create_task(running.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait([stopping])
        left = {task for task in asyncio.all_tasks() - before if "grpc" not in str(task) or "server" in str(task)}
        answers = await asyncio.gather(*clients, return_exceptions=True)

    assert stopping.cancelled()
    assert left <= {*clients}
    assert refuses_connections(grpc_port)
    assert refuses_connections(http_port)
    assert isinstance(answers[0], aiohttp.ServerDisconnectedError)
    assert grpc.StatusCode.UNAVAILABLE is answers[1].code()
    assert [] == caplog.messages


async def test_if_one_protocol_cannot_listen_the_other_one_stops(unused_port):
    grpc = f"grpc: {{endpoint: '127.0.0.1:{unused_port}'}}"
    receiver = build(f"{{{grpc}, http: {{endpoint: 'host.invalid:1'}}}}", Door())

    with pytest.raises(OSError, match=r"cannot listen on host\.invalid:1"):
        async with receiver.lifespan():
            pass

    assert refuses_connections(unused_port)


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_receiver_can_be_started_again():
    door = Door()
    receiver = build(BOTH, door)

    for _ in range(2):
        async with receiver.lifespan():
            assert not refuses_connections(receiver.http.endpoint.port)
            assert not refuses_connections(receiver.grpc.endpoint.port)


async def test_it_says_where_it_listens(start):
    otlp = await start()
    grpc_port, http_port = ports(otlp.receiver)

    expected = {"OTLP over gRPC": f"http://localhost:{grpc_port}", "OTLP over HTTP": f"http://localhost:{http_port}"}
    assert expected == otlp.receiver.endpoints()


async def test_the_method_that_is_served_is_that_of_the_specification(start):
    otlp = await start()

    assert b"" == await otlp.call(EXPORT.decode(), b"")
