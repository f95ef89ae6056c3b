import asyncio
import gzip
import itertools
import socket
import zlib

import cramjam
import orjson
import pytest
import trustme
import yaml

from collector.api import ComponentID
from collector.batch import SHAPES, Signal
from collector.errors import PermanentError, RetryableError
from collector.net.otlp_json import decode
from collector.net.otlp_status import grpc_status
from collector.net.partial_success import partial_success
from collector.net.tls import ServerTLS
from collector.testing import make_batch
from tests.exporters.servers import HttpBackend, exporter, reset, respond

LARGE = {"items": 300, "key": "value" * 100}
"""A batch that is compressed in a thread."""
RETRYABLE = {429, 502, 503, 504}
DECODERS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
    None: bytes,
}


def to(port, **config):
    return exporter("otlp_http", yaml.safe_dump({"endpoint": f"http://127.0.0.1:{port}", **config}))


async def outcome(step, batch=None, **config):
    """
    Return what becomes of one export to a backend that answers with `step`.
    """
    backend = HttpBackend([step])
    async with backend.running():
        exporting = to(backend.port, **config)
        async with exporting.lifespan():
            return await exporting.export(batch or make_batch())


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


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 432), 451, *range(500, 512)])
async def test_each_status_is_an_error_by_the_table_of_the_specification(status):
    body = b"" if status == 304 else grpc_status(3, "because")

    with pytest.raises(RetryableError if status in RETRYABLE else PermanentError, match=f"HTTP {status}"):
        await outcome(respond(status, body, Retry_After="7"))


@pytest.mark.parametrize("status", sorted(RETRYABLE))
@pytest.mark.parametrize(("value", "asked"), [("7", 7), ("-7", 0), ("NaN", 0), ("1e9", 0), ("99999999999", 86_400)])
async def test_a_delay_that_the_backend_asks_for_is_passed_on(status, value, asked):
    with pytest.raises(RetryableError) as refusal:
        await outcome(respond(status, Retry_After=value))

    assert asked == refusal.value.retry_after


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (grpc_status(3, "because"), "application/x-protobuf"),
        (orjson.dumps({"code": 3, "message": "because"}), "application/json; charset=utf-8"),
        (b"because", "text/plain"),
    ],
)
async def test_what_the_backend_says_of_an_error_is_told_in_any_encoding(body, kind):
    with pytest.raises(PermanentError, match="HTTP 400: because"):
        await outcome(respond(400, body, kind))


async def test_a_redirect_is_not_followed():
    backend = HttpBackend([respond(307, Location="http://127.0.0.1:1/v1/traces")])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(PermanentError, match="redirects are not followed"):
                await exporting.export(make_batch())

    assert 1 == len(backend.requests)


@pytest.mark.parametrize("json", [False, True])
async def test_partial_success_is_counted_and_its_message_logged(json, caplog):
    answer = respond(200, partial_success(Signal.TRACES, 3, "too old"))
    if json:
        body = orjson.dumps({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}})
        answer = respond(200, body, "application/json")

    assert 3 == await outcome(answer, make_batch(items=5))
    assert "too old" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, b"\xff\xff"),
        respond(200, b"<html>", "application/json"),
        respond(200, bytes(70_000)),
        respond(200, b"\xff", Content_Encoding="gzip"),
        respond(200, b"", Content_Encoding="br"),
        respond(200, gzip.compress(bytes(1_000_000)), Content_Encoding="gzip"),
    ],
    ids=["garbage", "not JSON", "too large", "not gzip", "brotli", "a bomb"],
)
async def test_a_success_that_cannot_be_read_is_a_permanent_error(answer):
    with pytest.raises(PermanentError, match="not an OTLP response"):
        await outcome(answer)


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, b"", ""),
        respond(202, b"", "text/plain"),
        respond(204, b"", ""),
        respond(200, b"{}", "application/json"),
        respond(200, gzip.compress(b""), Content_Encoding="gzip"),
    ],
)
async def test_any_2xx_without_objections_is_success(answer):
    assert 0 == await outcome(answer)


async def test_a_success_in_html_is_wondered_at_once(caplog):
    backend = HttpBackend([respond(200, b"<html>Please log in</html>" * 9000, "text/html")] * 2)

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            answers = [await exporting.export(make_batch()) for _ in range(2)]

    assert [0, 0] == answers
    assert 1 == caplog.text.count("answers 200 with text/html, which is not OTLP")


async def endless(reader, writer):
    writer.write(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def test_an_answer_without_end_is_cut_off_and_its_connection_closed():
    backend = HttpBackend([endless])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError, match="HTTP 503: xxx"):
                await exporting.export(make_batch())
            async with asyncio.timeout(5):
                await backend.connections.join()


async def vanish(reader, writer):
    pass


async def reset_it(reader, writer):
    reset(writer)


async def half_a_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")


async def half_an_answer(reader, writer):
    writer.write(respond(200, b"\x0a\x02\x08\x01")[:-2])


async def half_an_answer_then_reset(reader, writer):
    await half_an_answer(reader, writer)
    await writer.drain()
    reset(writer)


async def no_http(reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


async def huge_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "behave", [vanish, reset_it, half_a_head, half_an_answer, half_an_answer_then_reset, no_http, huge_head]
)
async def test_a_connection_that_breaks_is_retryable(behave):
    with pytest.raises(RetryableError, match=r"http://127\.0\.0\.1"):
        await outcome(behave)


async def half_a_refusal(reader, writer):
    writer.write(respond(400, grpc_status(3, "because"))[:-2])


async def test_a_refusal_counts_even_if_its_body_breaks_off():
    with pytest.raises(PermanentError, match="HTTP 400"):
        await outcome(half_a_refusal)


async def test_a_reset_before_the_request_was_read_is_retryable():
    class Rude(HttpBackend):
        async def _answer(self, reader, writer):
            reset(writer)

    async with Rude().running() as backend:
        exporting = to(backend.port)
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())


async def answer_and_reset(reader, writer):
    writer.write(respond())
    await writer.drain()
    reset(writer)


async def test_a_reset_after_the_answer_changes_nothing():
    assert 0 == await outcome(answer_and_reset)


async def silent(reader, writer):
    await reader.read()


async def half_then_silent(reader, writer):
    await half_an_answer(reader, writer)
    await reader.read()


@pytest.mark.parametrize("behave", [silent, half_then_silent])
@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_a_cancelled_attempt_leaves_no_socket_open(behave, size):
    backend = HttpBackend([behave])

    async with backend.running():
        exporting = to(backend.port)
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch(**size)))
            await backend.asked.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
            async with asyncio.timeout(5):
                await backend.connections.join()

    assert attempt.cancelled()


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
        async with asyncio.timeout(5):
            await backend.connections.join()


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
    certificate = authority.issue_cert("localhost")
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
        exporting = exporter("otlp_http", yaml.safe_dump({"endpoint": f"https://localhost:{backend.port}", "tls": tls}))
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch(**LARGE))


@pytest.mark.parametrize(
    ("tls", "error"),
    [({}, RetryableError), ({"insecure_skip_verify": True}, None), ({"server_name_override": "other"}, RetryableError)],
)
async def test_a_backend_that_is_not_trusted_is_not_sent_anything(server_context, tls, error):
    backend = HttpBackend()

    async with backend.running(server_context):
        config = {"endpoint": f"https://localhost:{backend.port}", "tls": tls}
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
        tls = {"ca_file": str(ca), "server_name_override": "localhost"}
        exporting = exporter("otlp_http", yaml.safe_dump({"endpoint": f"https://127.0.0.1:{backend.port}", "tls": tls}))
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch())


async def test_a_changed_authority_is_used_for_the_next_request(authority, server_context, tmp_path):
    backend, ca, clock = HttpBackend(), tmp_path / "ca.pem", Hands()
    trustme.CA().cert_pem.write_to_path(str(ca))

    async with backend.running(server_context):
        tls = {"ca_file": str(ca), "reload_interval": "1s"}
        config = yaml.safe_dump({"endpoint": f"https://localhost:{backend.port}", "tls": tls})
        exporting = exporter("otlp_http", config, clock=clock)
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())
            authority.cert_pem.write_to_path(str(ca))
            clock.now = 1
            assert 0 == await exporting.export(make_batch())
