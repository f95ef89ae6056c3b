import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
import grpc.aio
import pytest

from collector.batch import SHAPES, Signal
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door, until
from tests.collector.receivers.http import PROTOBUF, SPANS


@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
async def test_a_unix_socket_is_listened_on_and_removed_at_the_end(tmp_path, form):
    path, door = tmp_path / "otlp.sock", Door()
    receiver = build(f"{{http: {{endpoint: '{form.format(path)}'}}}}", door)

    async with (
        receiver.lifespan(),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.post("http://x/v1/traces", data=SPANS.wire, headers={"Content-Type": PROTOBUF}) as answer,
    ):
        status = answer.status

    assert (200, 3) == (status, door.items)
    assert not path.exists()


async def test_the_unix_transport_makes_the_endpoint_a_path(tmp_path):
    path, door = tmp_path / "otlp.sock", Door()
    receiver = build(f"{{http: {{endpoint: '{path}', transport: unix}}}}", door)

    async with receiver.lifespan():
        assert path.is_socket()
        assert {"OTLP over HTTP": f"unix:{path}"} == receiver.endpoints()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_socket_that_somebody_serves_is_not_taken_away(tmp_path, protocol):
    path = tmp_path / "otlp.sock"
    protocols = f"{{{protocol}: {{endpoint: 'unix:{path}'}}}}"

    async with build(protocols, Door()).lifespan():
        with pytest.raises(OSError, match=f"cannot listen on unix:{path}: Address already in use"):
            async with build(protocols, Door()).lifespan():
                pass

        assert path.is_socket()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_socket_left_behind_is_replaced(tmp_path, protocol):
    path = tmp_path / "otlp.sock"
    with socket.socket(socket.AF_UNIX) as former:
        former.bind(str(path))

    async with build(f"{{{protocol}: {{endpoint: 'unix:{path}'}}}}", Door()).lifespan():
        assert path.is_socket()

    assert not path.exists()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_who_still_finishes_its_requests_leaves_its_place_to_the_next(tmp_path, protocol):
    """
    A process is replaced by another one that starts while the first one drains.
    """
    path, door = tmp_path / "otlp.sock", Door()
    door.is_open.clear()
    protocols = f"{{{protocol}: {{endpoint: 'unix:{path}'}}}}"
    async with AsyncExitStack() as former, AsyncExitStack() as clients:
        await former.enter_async_context(build(protocols, door).lifespan())
        under_way = asyncio.create_task(SEND[protocol](path, clients))
        await door.entered.wait()

        stopping = asyncio.create_task(former.pop_all().aclose())
        await until(lambda: not path.exists())
        async with build(protocols, Door()).lifespan():
            door.is_open.set()
            await asyncio.gather(under_way, stopping)

            assert path.is_socket()

    assert 3 == door.items


async def over_http(path, clients):
    session = await clients.enter_async_context(aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))))
    async with session.post("http://x/v1/traces", data=SPANS.wire, headers={"Content-Type": PROTOBUF}) as answer:
        assert 200 == answer.status


async def over_grpc(path, clients):
    channel = await clients.enter_async_context(grpc.aio.insecure_channel(f"unix:{path}"))
    await channel.unary_unary(SHAPES[Signal.TRACES].rpc)(SPANS.wire, timeout=5)


SEND = {"http": over_http, "grpc": over_grpc}
