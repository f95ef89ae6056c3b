import asyncio
import gzip
import itertools
import socket
import zlib

import cramjam
import pytest
import trustme
import yaml

from collector.api import ComponentID
from collector.batch import SHAPES, Batch, Signal
from collector.errors import PermanentError, RetryableError
from collector.net.otlp_json import decode
from collector.net.tls import ServerTLS
from collector.testing import make_batch
from tests.exporters.servers import HttpBackend, exporter, longest_turn, respond

LARGE = {"items": 300, "key": "value" * 100}
"""A batch that is compressed in a thread."""
DECODERS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
    None: bytes,
}


def to(port, **config):
    return exporter("otlp_http", yaml.safe_dump({"endpoint": f"http://127.0.0.1:{port}", **config}))


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("compression", ["gzip", "deflate", "zstd", "none"])
async def test_the_bytes_arrive_as_they_are(signal, size, compression):
    backend, batch = HttpBackend(), make_batch(signal, **size)

    async with backend.running():
        exporting = to(backend.port, compression=compression)
        async with exporting.lifespan():
            assert 0 == await exporting.export(batch)

    (request,) = backend.requests
    assert ("POST", SHAPES[signal].url_path) == (request.method, request.path)
    assert "application/x-protobuf" == request.headers["content-type"]
    assert batch.wire == DECODERS[request.headers.get("content-encoding")](request.body)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_json_arrives_as_json(signal, size):
    backend, batch = HttpBackend(), make_batch(signal, **size)

    async with backend.running():
        exporting = to(backend.port, encoding="json", compression="none")
        async with exporting.lifespan():
            assert 0 == await exporting.export(batch)

    (request,) = backend.requests
    assert "application/json" == request.headers["content-type"]
    assert batch.wire == decode(signal, request.body)


async def test_the_level_of_compression_is_used():
    backend, batch = HttpBackend(), make_batch(items=100, key="value")

    async with backend.running():
        for level in (1, 9):
            exporting = to(backend.port, compression_params={"level": level})
            async with exporting.lifespan():
                await exporting.export(batch)

    fast, thorough = backend.requests
    assert len(thorough.body) < len(fast.body)


async def test_nobody_there_is_retryable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        exporting = to(unused.getsockname()[1])
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())


async def test_a_connection_is_used_again_unless_told_otherwise():
    for disable, connections in ((False, 1), (True, 3)):
        backend = HttpBackend()
        async with backend.running():
            exporting = to(backend.port, disable_keep_alives=disable)
            async with exporting.lifespan():
                for _ in range(3):
                    await exporting.export(make_batch())

        assert connections == backend.opened


async def test_no_more_connections_than_told_are_opened():
    backend = HttpBackend()

    async with backend.running():
        exporting = to(backend.port, max_conns_per_host=2)
        async with exporting.lifespan():
            await asyncio.gather(*(exporting.export(make_batch()) for _ in range(10)))

    assert 2 == backend.opened


async def test_leaving_the_block_closes_every_connection():
    backend = HttpBackend()

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            await asyncio.gather(*(exporting.export(make_batch()) for _ in range(3)))
            opened, closed = backend.opened, backend.closed
        async with asyncio.timeout(5):
            await backend.connections.join()

    assert (3, 0, 3) == (opened, closed, backend.closed)


async def test_headers_and_credentials_are_sent_and_asked_for_each_time():
    class Tokens:
        tokens = itertools.count(1)

        def credentials(self):
            return {"authorization": f"Bearer {next(self.tokens)}"}

    backend = HttpBackend()
    async with backend.running():
        exporting = exporter(
            "otlp_http",
            f"""
            endpoint: http://127.0.0.1:{backend.port}
            headers: {{X-Scope-OrgID: tenant}}
            auth: {{authenticator: tokens}}
            """,
            extensions={ComponentID("tokens"): Tokens()},
        )
        async with exporting.lifespan():
            for _ in range(2):
                await exporting.export(make_batch())

    sent = [(r.headers["x-scope-orgid"], r.headers["authorization"]) for r in backend.requests]
    assert [("tenant", "Bearer 1"), ("tenant", "Bearer 2")] == sent


async def test_says_who_it_is_and_does_not_ask_for_compressed_answers():
    backend = HttpBackend()

    async with backend.running():
        for headers in ({}, {"user-agent": "mine"}):
            exporting = to(backend.port, headers=headers)
            async with exporting.lifespan():
                await exporting.export(make_batch())

    first, second = backend.requests
    assert first.headers["user-agent"].startswith("pyotelcol/")
    assert "mine" == second.headers["user-agent"]
    assert "accept-encoding" not in first.headers


async def test_cookies_are_not_kept():
    backend = HttpBackend([respond(Set_Cookie="a=b")])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            for _ in range(2):
                await exporting.export(make_batch())

    assert "cookie" not in backend.requests[1].headers


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{}/base", "http://127.0.0.1:{}/base/"])
async def test_paths_are_added_to_the_endpoint(endpoint):
    backend = HttpBackend()

    async with backend.running():
        exporting = exporter("otlp_http", f"endpoint: {endpoint.format(backend.port)}")
        async with exporting.lifespan():
            for signal in Signal:
                await exporting.export(make_batch(signal))

    assert [
        "/base/v1/traces",
        "/base/v1/metrics",
        "/base/v1/logs",
        "/base/v1development/profiles",
    ] == [request.path for request in backend.requests]


async def test_a_signal_may_have_an_endpoint_of_its_own_or_none():
    backend = HttpBackend()

    async with backend.running():
        exporting = exporter("otlp_http", f"logs_endpoint: http://127.0.0.1:{backend.port}/my/logs")
        async with exporting.lifespan():
            await exporting.export(make_batch(Signal.LOGS))
            with pytest.raises(PermanentError, match="no endpoint for traces"):
                await exporting.export(make_batch(Signal.TRACES))

    assert ["/my/logs"] == [request.path for request in backend.requests]


async def test_a_proxy_is_gone_through():
    proxy = HttpBackend()

    async with proxy.running():
        config = {"endpoint": "http://backend.example:4318", "proxy_url": f"http://user:pass@127.0.0.1:{proxy.port}"}
        exporting = exporter("otlp_http", yaml.safe_dump(config))
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch())

    (request,) = proxy.requests
    assert "http://backend.example:4318/v1/traces" == request.path
    assert request.headers["proxy-authorization"].startswith("Basic ")


async def test_the_proxy_of_the_environment_is_gone_through_except_where_it_says_not_to(monkeypatch):
    proxy, backend = HttpBackend(), HttpBackend()

    async with proxy.running(), backend.running():
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        exporting = to(backend.port, logs_endpoint="http://backend.example/v1/logs")
        async with exporting.lifespan():
            for signal in (Signal.TRACES, Signal.LOGS):
                await exporting.export(make_batch(signal))

    assert ["/v1/traces"] == [request.path for request in backend.requests]
    assert ["http://backend.example/v1/logs"] == [request.path for request in proxy.requests]


class Hands:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def server_context(authority):
    certificate = authority.issue_cert("127.0.0.1", "backend.example")
    tls = ServerTLS(
        cert_pem=certificate.cert_chain_pems[0].bytes().decode(),
        key_pem=certificate.private_key_pem.bytes().decode(),
    )
    return tls.context(Hands())


@pytest.mark.parametrize("insecure", [False, True])
async def test_https_is_secured(authority, server_context, tmp_path, insecure):
    backend, ca = HttpBackend(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))

    async with backend.running(server_context):
        tls = {"ca_file": str(ca), "insecure": insecure}
        exporting = exporter("otlp_http", yaml.safe_dump({"endpoint": f"https://127.0.0.1:{backend.port}", "tls": tls}))
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch(**LARGE))


@pytest.mark.parametrize(
    ("tls", "error"),
    [({}, RetryableError), ({"insecure_skip_verify": True}, None), ({"server_name_override": "other"}, RetryableError)],
)
async def test_a_backend_that_is_not_trusted_is_not_sent_anything(server_context, tls, error):
    backend = HttpBackend()

    async with backend.running(server_context):
        config = {"endpoint": f"https://127.0.0.1:{backend.port}", "tls": tls}
        exporting = exporter("otlp_http", yaml.safe_dump(config))
        async with exporting.lifespan():
            if error:
                with pytest.raises(error, match="certificate"):
                    await exporting.export(make_batch())
            else:
                await exporting.export(make_batch())

    assert (0 if error else 1) == len(backend.requests)


async def test_a_certificate_may_have_another_name_than_the_endpoint(authority, server_context, tmp_path):
    backend, ca = HttpBackend(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))

    async with backend.running(server_context):
        tls = {"ca_file": str(ca), "server_name_override": "backend.example"}
        exporting = exporter("otlp_http", yaml.safe_dump({"endpoint": f"https://127.0.0.1:{backend.port}", "tls": tls}))
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch())


async def test_a_changed_authority_is_used_for_the_next_request(authority, server_context, tmp_path):
    backend, ca, clock = HttpBackend(), tmp_path / "ca.pem", Hands()
    trustme.CA().cert_pem.write_to_path(str(ca))

    async with backend.running(server_context):
        tls = {"ca_file": str(ca), "reload_interval": "1s"}
        config = yaml.safe_dump({"endpoint": f"https://127.0.0.1:{backend.port}", "tls": tls})
        exporting = exporter("otlp_http", config, clock=clock)
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())
            authority.cert_pem.write_to_path(str(ca))
            clock.now = 1
            assert 0 == await exporting.export(make_batch())


async def test_an_authority_that_is_gone_for_a_moment_costs_no_data(authority, server_context, tmp_path):
    """
    Mounted secrets are replaced by removing them first.
    """
    backend, ca = HttpBackend(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))

    async with backend.running(server_context):
        config = f"{{endpoint: 'https://127.0.0.1:{backend.port}', tls: {{ca_file: {ca}}}}}"
        exporting = exporter("otlp_http", config)
        async with exporting.lifespan():
            ca.rename(tmp_path / "gone")
            with pytest.raises(RetryableError, match=r"ca\.pem: No such file"):
                await exporting.export(make_batch())
            (tmp_path / "gone").rename(ca)
            assert 0 == await exporting.export(make_batch())


async def test_compressing_some_megabytes_does_not_hold_up_the_loop():
    backend, batch = HttpBackend(), Batch.join([make_batch(items=400, key="value", other="thing" * 10)] * 100)

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            await exporting.export(make_batch())
            turns = [await longest_turn(exporting.export(batch)) for _ in range(3)]

    assert min(longest / took for longest, took in turns) < 1 / 2  # what else the machine does holds up the loop too
