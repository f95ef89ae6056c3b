import asyncio
import ssl

import aiohttp
import grpc
import grpc.aio
import pytest
import trustme

from collector.batch import SHAPES, Signal
from collector.testing import FakeClock, make_batch

SPANS = make_batch(items=3)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


class Files:
    """Certificates where the configuration says they are."""

    def __init__(self, directory, authority):
        self.directory = directory
        self.authority = authority
        (directory / "ca.pem").write_bytes(authority.cert_pem.bytes())
        self.issue(authority)

    def issue(self, authority):
        certificate = authority.issue_cert("localhost")
        self.write(certificate.cert_chain_pems[0].bytes(), certificate.private_key_pem.bytes())
        return certificate

    def write(self, certificate, key):
        for name, data in (("cert.pem", certificate), ("key.pem", key)):
            new = self.directory / f"{name}.new"
            new.write_bytes(data)
            new.replace(self.directory / name)

    def tls(self, rest=""):
        return f"tls: {{cert_file: {self.directory}/cert.pem, key_file: {self.directory}/key.pem{rest}}}"


@pytest.fixture
def files(tmp_path, authority):
    return Files(tmp_path, authority)


def both(tls):
    return f"{{grpc: {{endpoint: 'localhost:0', {tls}}}, http: {{endpoint: 'localhost:0', {tls}}}}}"


async def over_http(otlp, authority, identity=None):
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    if identity:
        identity.configure_cert(context)
    url = f"https://localhost:{otlp.receiver.http.endpoint.port}/v1/traces"
    headers = {"Content-Type": "application/x-protobuf"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        session.post(url, data=SPANS.wire, headers=headers, ssl=context) as answer,
    ):
        return answer.status


async def over_grpc(otlp, authority, identity=None):
    chain, key = (None, None)
    if identity:
        chain, key = identity.cert_chain_pems[0].bytes(), identity.private_key_pem.bytes()
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain)
    async with grpc.aio.secure_channel(f"localhost:{otlp.receiver.grpc.endpoint.port}", credentials) as channel:
        return await channel.unary_unary(SHAPES[Signal.TRACES].rpc)(SPANS.wire, timeout=2)


BOTH = pytest.mark.parametrize("send", [over_http, over_grpc])
REFUSED = (aiohttp.ClientError, grpc.aio.AioRpcError)


@BOTH
async def test_a_secured_receiver_takes_data(start, files, authority, send):
    otlp = await start(both(files.tls()))

    await send(otlp, authority)

    assert 3 == otlp.door.items
    assert all(url.startswith("https://") for url in otlp.receiver.endpoints().values())


@BOTH
async def test_a_client_without_a_certificate_stays_outside_where_one_is_needed(start, files, authority, send):
    otlp = await start(both(files.tls(f", client_ca_file: {files.directory}/ca.pem")))

    with pytest.raises(REFUSED):
        await send(otlp, authority)
    with pytest.raises(REFUSED):
        await send(otlp, authority, trustme.CA().issue_cert("client@example.org"))
    await send(otlp, authority, authority.issue_cert("client@example.org"))

    assert 3 == otlp.door.items


@BOTH
async def test_changed_certificates_are_used_for_new_connections(start, files, authority, send):
    clock, other = FakeClock(), trustme.CA()
    otlp = await start(both(files.tls(", reload_interval: 10s")), clock=clock)
    await send(otlp, authority)

    files.issue(other)
    await clock.advance(10)

    await send(otlp, other)
    assert 6 == otlp.door.items


@BOTH
async def test_a_changed_certificate_that_does_not_fit_its_key_leaves_the_former_one(start, files, authority, send):
    clock = FakeClock()
    otlp = await start(both(files.tls(", reload_interval: 10s")), clock=clock)

    wrong = authority.issue_cert("localhost")
    files.write(files.issue(authority).cert_chain_pems[0].bytes(), wrong.private_key_pem.bytes())
    await clock.advance(10)

    await send(otlp, authority)
    assert 3 == otlp.door.items


async def test_a_handshake_that_does_not_come_is_not_waited_for(start, files):
    tls = f"{files.tls()}, read_header_timeout: 100ms"
    otlp = await start(f"{{http: {{endpoint: 'localhost:0', {tls}}}}}")
    reader, writer = await asyncio.open_connection("localhost", otlp.receiver.http.endpoint.port)
    begin = asyncio.get_running_loop().time()

    assert b"" == await reader.read()
    assert 1.0 > asyncio.get_running_loop().time() - begin
    writer.close()


async def test_plain_text_to_a_secured_receiver_is_no_news(start, files, caplog):
    otlp = await start(both(files.tls()))
    for listener in (otlp.receiver.http, otlp.receiver.grpc):
        reader, writer = await asyncio.open_connection("localhost", listener.endpoint.port)
        writer.write(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.read()
        writer.close()

    assert "Traceback" not in caplog.text
