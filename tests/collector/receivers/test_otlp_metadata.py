import asyncio
import socket

import aiohttp
import pytest

from collector.receivers.otlp.metadata import address_in, metadata_of
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door
from tests.collector.receivers.http import PROTOBUF, SPANS


async def test_the_address_of_a_client_is_kept_with_the_headers_over_http(start):
    otlp = await start("{http: {endpoint: '127.0.0.1:0', include_metadata: true}}")

    await otlp.post(SPANS.wire)

    assert "127.0.0.1" == otlp.door.batches[0].metadata["client.address"]


async def test_the_address_of_a_client_is_kept_with_the_headers_over_grpc(start):
    otlp = await start("{grpc: {endpoint: '127.0.0.1:0', include_metadata: true}}")

    await otlp.export(SPANS)

    assert "127.0.0.1" == otlp.door.batches[0].metadata["client.address"]


async def test_no_header_can_pretend_to_be_the_address_of_a_client(start):
    otlp = await start("{http: {endpoint: '127.0.0.1:0', include_metadata: true}}")

    await otlp.post(SPANS.wire, headers={"Client.Address": "10.0.0.1"})

    assert "127.0.0.1" == otlp.door.batches[0].metadata["client.address"]


async def test_who_comes_through_a_unix_socket_has_no_address(tmp_path):
    path, door = tmp_path / "otlp.sock", Door()
    receiver = build(f"{{http: {{endpoint: 'unix:{path}', include_metadata: true}}}}", door)
    headers = {"Content-Type": PROTOBUF, "Client.Address": "10.0.0.1", "X-Tenant": "one"}

    async with (
        receiver.lifespan(),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.post("http://x/v1/traces", data=SPANS.wire, headers=headers),
    ):
        metadata = door.batches[0].metadata

    assert ("one", None) == (metadata["x-tenant"], metadata.get("client.address"))


async def test_what_a_client_calls_its_own_end_of_a_unix_socket_is_no_address(tmp_path, monkeypatch):
    """
    It may be any path.
    """
    monkeypatch.chdir(tmp_path)
    door = Door()
    receiver = build("{http: {endpoint: 'unix:otlp.sock', include_metadata: true}}", door)
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(SPANS.wire)}\r\n\r\n"
    )

    async with receiver.lifespan():
        with socket.socket(socket.AF_UNIX) as client:
            client.bind("10.0.0.1")
            client.connect("otlp.sock")
            reader, writer = await asyncio.open_unix_connection(sock=client)
            writer.write(head.encode() + SPANS.wire)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

    assert door.batches[0].metadata.get("client.address") is None


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.1.2.3:51430", "10.1.2.3"),
        ("ipv6:%5B2001:db8::1%5D:60142", "2001:db8::1"),
        ("ipv6:[::1]:60142", "::1"),
        ("unix:", ""),
        ("unix:/run/otlp.sock", ""),
        ("", ""),
    ],
)
def test_grpc_names_a_peer_by_its_address(peer, address):
    assert address == address_in(peer)


@pytest.mark.parametrize(("given", "kept"), [("::ffff:10.1.2.3", "10.1.2.3"), ("::ffff:1", "::ffff:1"), ("::1", "::1")])
def test_an_ipv4_address_is_kept_as_such_behind_a_socket_for_both_versions(given, kept):
    assert {"client.address": kept} == metadata_of([], given)
