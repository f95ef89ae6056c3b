import asyncio
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme
from pydantic import ValidationError

from collector.errors import ConfigError
from collector.net.tls import ClientTLS, Reloading, ServerTLS, check_grpc_can


class Hands:
    """
    A clock whose hands are moved by the test.
    """

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def write(tmp_path):
    def write_pem(name, *blobs):
        path = tmp_path / name
        new = tmp_path / f"{name}.new"
        new.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(new.rename(path))

    return write_pem


@pytest.fixture
def files(authority, write):
    def issue(name="localhost"):
        certificate = authority.issue_cert(name)
        return {
            "cert_file": write("cert", *certificate.cert_chain_pems),
            "key_file": write("key", certificate.private_key_pem),
        }

    return issue


def remove(path):
    Path(path).unlink()


@asynccontextmanager
async def echo(context):
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "localhost", 0, ssl=context, family=2)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def ask(port, context, host="localhost"):
    """
    Return the certificate that the server shows.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    try:
        writer.write(b"hello\n")
        assert b"hello\n" == await reader.readline()
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def grpc_echo(credentials):
    async def answer(request, context):
        return request

    server = grpc.aio.server()
    methods = {"Echo": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", methods),))
    port = server.add_secure_port("localhost:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def ask_grpc(port, credentials):
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
        return await channel.unary_unary("/test/Echo")(b"hello", timeout=5)


async def test_client_and_server_trust_each_other_by_files(authority, files, write):
    server = ServerTLS(**files())
    client = ClientTLS(ca_file=write("ca", authority.cert_pem))

    async with echo(server.context(Hands())) as port:
        assert await ask(port, client.context())


async def test_client_and_server_trust_each_other_by_text(authority):
    certificate = authority.issue_cert("localhost")
    server = ServerTLS(
        cert_pem=certificate.cert_chain_pems[0].bytes().decode(),
        key_pem=certificate.private_key_pem.bytes().decode(),
    )
    client = ClientTLS(ca_pem=authority.cert_pem.bytes().decode())

    async with echo(server.context(Hands())) as port, grpc_echo(server.credentials(Hands())) as grpc_port:
        assert await ask(port, client.context())
        assert b"hello" == await ask_grpc(grpc_port, client.credentials())


async def test_a_server_of_another_authority_is_not_trusted(files, write):
    server, client = ServerTLS(**files()), ClientTLS(ca_file=write("ca", trustme.CA().cert_pem))

    async with echo(server.context(Hands())) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, client.context())


async def test_a_server_of_another_name_is_not_trusted_unless_verification_is_off(authority, files, write):
    server, ca = ServerTLS(**files("example.org")), write("ca", authority.cert_pem)

    async with echo(server.context(Hands())) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, ClientTLS(ca_file=ca).context())
        await ask(port, ClientTLS(insecure_skip_verify=True).context())


async def test_a_client_without_certificate_is_refused_where_one_is_wanted(authority, files, write):
    ca = write("ca", authority.cert_pem)
    server, anonymous = ServerTLS(**files(), client_ca_file=ca), ClientTLS(ca_file=ca)
    known = authority.issue_cert("client@example.org")
    identified = ClientTLS(
        ca_file=ca,
        cert_file=write("client", *known.cert_chain_pems),
        key_file=write("client-key", known.private_key_pem),
    )

    async with echo(server.context(Hands())) as port, grpc_echo(server.credentials(Hands())) as grpc_port:
        assert await ask(port, identified.context())
        assert b"hello" == await ask_grpc(grpc_port, identified.credentials())
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            await ask(port, anonymous.context())
        with pytest.raises(grpc.aio.AioRpcError):
            await ask_grpc(grpc_port, anonymous.credentials())


async def test_versions_are_limited(authority, files, write):
    server = ServerTLS(**files(), min_version=1.3)
    client = ClientTLS(ca_file=write("ca", authority.cert_pem), max_version="1.2")

    async with echo(server.context(Hands())) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, client.context())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_server_shows_a_changed_certificate_to_new_connections(authority, files, write, host):
    clock, server = Hands(), ServerTLS(**files(host), reload_interval="10s")
    client = ClientTLS(ca_file=write("ca", authority.cert_pem)).context()

    async with echo(server.context(clock)) as port:
        first = await ask(port, client, host)
        files(host)
        assert first == await ask(port, client, host)
        clock.now = 10
        second = await ask(port, client, host)

    assert first != second


async def test_a_grpc_server_shows_a_changed_certificate_to_new_connections(files, write):
    """
    The new certificate is of an authority that the client does not trust, so that it is seen.
    """
    clock, other = Hands(), trustme.CA()
    server = ServerTLS(**files(), reload_interval=1)
    client = ClientTLS(ca_file=write("ca", other.cert_pem)).credentials()
    certificate = other.issue_cert("localhost")

    async with grpc_echo(server.credentials(clock)) as port:
        with pytest.raises(grpc.aio.AioRpcError):
            await ask_grpc(port, client)
        write("cert", *certificate.cert_chain_pems)
        write("key", certificate.private_key_pem)
        clock.now = 1
        assert b"hello" == await ask_grpc(port, client)


@pytest.mark.parametrize("damage", ["key of another certificate", "garbage", "gone"])
async def test_a_bad_reload_leaves_the_former_certificate_in_use(authority, files, write, damage, caplog):
    clock, its = Hands(), files()
    server = ServerTLS(**its, reload_interval=1)
    client = ClientTLS(ca_file=write("ca", authority.cert_pem)).context()

    async with echo(server.context(clock)) as port:
        first = await ask(port, client)
        match damage:
            case "gone":
                remove(its["key_file"])
            case "garbage":
                write("cert", trustme.Blob(b"garbage"))
            case _:
                write("key", authority.issue_cert("localhost").private_key_pem)
        for clock.now in (1, 2, 3):
            assert first == await ask(port, client)

    assert 1 == len([record for record in caplog.records if "former ones stay" in record.message])


def test_a_client_notices_changed_files_once_in_an_interval(authority, write):
    clock = Hands()
    tls = ClientTLS(ca_file=write("ca", authority.cert_pem), reload_interval=5)
    contexts = Reloading(tls, tls.context, clock)
    first = contexts.current()

    write("ca", trustme.CA().cert_pem)
    clock.now = 4.9
    early = contexts.current()
    clock.now = 5

    assert early is first
    assert contexts.current() is not first


@pytest.mark.parametrize("credentials", ["context", "credentials"])
async def test_a_file_that_breaks_later_is_named(authority, write, credentials):
    tls = ClientTLS(ca_file=write("ca", authority.cert_pem))
    path = write("ca", trustme.Blob(b""))

    with pytest.raises(ConfigError, match=f"ca_file {path}: Empty certificate data"):
        getattr(tls, credentials)()


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        (ClientTLS, {"ca_file": "/nowhere"}, "ca_file /nowhere: No such file or directory"),
        (ClientTLS, {"ca_pem": "text"}, "ca_pem: not what it should be in PEM"),
        (ClientTLS, {"ca_pem": ""}, "ca_pem: Empty certificate data"),
        (ClientTLS, {"ca_pem": "x", "ca_file": "y"}, "give ca_file or ca_pem, not both"),
        (ClientTLS, {"cert_file": "/nowhere"}, "a certificate needs its key"),
        (ClientTLS, {"key_pem": "x"}, "a certificate needs its key"),
        (ClientTLS, {"cert_file": "/nowhere", "key_pem": "x"}, "cert_file /nowhere: No such file"),
        (ClientTLS, {"cert_pem": "x", "cert_file": "y", "key_pem": "z"}, "not both"),
        (ClientTLS, {"min_version": "1.3", "max_version": "1.2"}, "min_version is newer"),
        (ClientTLS, {"min_version": "1.1"}, "'1.2' or '1.3'"),
        (ServerTLS, {}, "a server needs cert_file and key_file"),
        (ServerTLS, {"cert_pem": "x", "key_pem": "y"}, "cert_file given as text and key_file given as text: not what"),
        (ServerTLS, {"cert_file": "/nowhere", "key_file": "/nowhere"}, "cert_file /nowhere: No such file"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(model, config, message):
    with pytest.raises(ValidationError) as report:
        model.model_validate(config)

    assert message in str(report.value)


def test_a_key_that_is_not_that_of_the_certificate_is_a_mistake(authority, files, write):
    its = files()
    write("key", authority.issue_cert("localhost").private_key_pem)

    with pytest.raises(ValidationError, match="the key is not that of the certificate"):
        ServerTLS(**its)


def test_a_key_given_as_text_is_not_shown(authority):
    certificate = authority.issue_cert("localhost")
    key = certificate.private_key_pem.bytes().decode()

    tls = ServerTLS(cert_pem=certificate.cert_chain_pems[0].bytes().decode(), key_pem=key)

    assert "PRIVATE KEY" not in f"{tls!r} {tls.model_dump()} {tls.model_dump_json()}"


@pytest.mark.parametrize("config", [{"insecure_skip_verify": True}, {"min_version": "1.3"}, {"max_version": "1.2"}])
def test_what_grpc_cannot_do_is_refused(config):
    with pytest.raises(ValueError, match="cannot be set"):
        check_grpc_can(ClientTLS(**config))


def test_a_bundle_with_comments_in_any_language_is_read(authority):
    pem = "# Autorité\n" + authority.cert_pem.bytes().decode()

    assert ClientTLS(ca_pem=pem).context().cert_store_stats()["x509_ca"]


def test_the_systems_authorities_are_trusted_beside_the_given_ones_if_told(authority):
    pem = authority.cert_pem.bytes().decode()

    alone, beside = ClientTLS(ca_pem=pem), ClientTLS(ca_pem=pem, include_system_ca_certs_pool=True)

    assert alone.context().cert_store_stats()["x509_ca"] < beside.context().cert_store_stats()["x509_ca"]
