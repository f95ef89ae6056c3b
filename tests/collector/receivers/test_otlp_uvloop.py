"""What differs by event loop, on the one that the collector runs on."""

import asyncio
import ssl

import aiohttp
import grpc.aio
import pytest
import trustme
import uvloop

from collector.testing import make_batch
from tests.bad_input.http2 import EXPORT
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door

SPANS = make_batch(items=3)
HEADERS = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def identity(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    both = tmp_path / "both.pem"
    tls = f"tls: {{cert_file: {both}, key_file: {both}, reload_interval: 10s}}"
    return tls, ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


def run(protocols, *clients):
    """
    Run a receiver and clients of it; return how many items came in.
    """

    async def main():
        door = Door()
        receiver = build(protocols, door)
        async with receiver.lifespan():
            for client in clients:
                await client(receiver)
        return door.items

    return uvloop.run(main())


async def post(url, connector=None, tls=True):
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(f"{url}/v1/traces", data=SPANS.wire, headers=HEADERS, ssl=tls) as answer,
    ):
        assert 200 == answer.status


def test_unix_sockets(tmp_path):
    path = {name: tmp_path / name for name in ("grpc", "http")}

    async def over_http(receiver):
        await post("http://x", aiohttp.UnixConnector(str(path["http"])))

    async def over_grpc(receiver):
        async with grpc.aio.insecure_channel(f"unix:{path['grpc']}") as channel:
            await channel.unary_unary(EXPORT.decode())(SPANS.wire, timeout=5)

    protocols = f"{{grpc: {{endpoint: 'unix:{path['grpc']}'}}, http: {{endpoint: 'unix:{path['http']}'}}}}"

    assert 6 == run(protocols, over_http, over_grpc)
    assert [] == [each for each in path.values() if each.exists()]


def test_tls(identity):
    tls, context = identity

    async def over_http(receiver):
        await post(f"https://localhost:{receiver.http.endpoint.port}", tls=context)

    assert 3 == run(f"{{http: {{endpoint: 'localhost:0', {tls}}}}}", over_http)


def test_a_handshake_that_does_not_come_is_not_waited_for(identity):
    tls, _ = identity

    async def silence(receiver):
        reader, writer = await asyncio.open_connection("localhost", receiver.http.endpoint.port)
        async with asyncio.timeout(2):
            assert b"" == await reader.read()
        writer.close()

    assert 0 == run(f"{{http: {{endpoint: 'localhost:0', {tls}, read_header_timeout: 100ms}}}}", silence)


def test_a_body_that_does_not_come_is_not_waited_for():
    async def half(receiver):
        reader, writer = await asyncio.open_connection("localhost", receiver.http.endpoint.port)
        writer.write(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        async with asyncio.timeout(2):
            assert (await reader.read()).startswith(b"HTTP/1.1 408")
        writer.close()

    assert 0 == run("{http: {endpoint: 'localhost:0', read_timeout: 100ms}}", half)
