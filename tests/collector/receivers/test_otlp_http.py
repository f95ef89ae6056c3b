import asyncio
import gzip
import json
import zlib
from contextlib import AsyncExitStack

import aiohttp
import cramjam
import pytest
from google.rpc.status_pb2 import Status

from collector.batch import SHAPES, Signal
from collector.errors import (
    ConfigError,
    DropReason,
    PermanentError,
    RefusalReason,
    RetryableError,
    UnauthenticatedError,
)
from collector.net.otlp_json import encode
from collector.testing import make_batch
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door, until

PROTOBUF, JSON = "application/x-protobuf", "application/json"
HTTP = "{http: {endpoint: 'localhost:0'}}"
SPANS = make_batch(items=3)
PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}


def status_of(answer):
    """
    Return the google.rpc.Status in the body, in either encoding.
    """
    body = answer.body
    if answer.content_type == JSON:
        parsed = json.loads(body)
        return Status(code=parsed["code"], message=parsed["message"])
    assert PROTOBUF == answer.content_type
    return Status.FromString(body)


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_each_signal_is_taken_in_both_encodings_and_answered_in_that_of_the_request(start, signal, kind):
    otlp, batch = await start(HTTP), make_batch(signal, items=3)
    body = batch.wire if kind == PROTOBUF else encode(batch)

    answer = await otlp.post(body, SHAPES[signal].url_path, kind)

    assert (200, kind, b"" if kind == PROTOBUF else b"{}") == (answer.status, answer.content_type, answer.body)
    assert 3 == otlp.door.items == otlp.door.accepted(signal)
    assert batch.request == otlp.door.batches[0].request


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_an_empty_request_is_a_success_without_data(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(b"" if kind == PROTOBUF else b"{}", kind=kind)

    assert (200, 0) == (answer.status, otlp.door.items)


@pytest.mark.parametrize("encoding", sorted(PACK))
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_compressed_bodies_are_taken(start, encoding, kind):
    otlp = await start(HTTP)
    body = PACK[encoding](SPANS.wire if kind == PROTOBUF else encode(SPANS))

    answer = await otlp.post(body, kind=kind, headers={"Content-Encoding": encoding})

    assert (200, 3) == (answer.status, otlp.door.items)


async def test_a_large_body_is_worked_on_beside_the_loop_with_the_same_result(start):
    otlp, many = await start(HTTP), make_batch(items=5000, key="x" * 100)

    plain = await otlp.post(many.wire)
    packed = await otlp.post(gzip.compress(encode(many), 1), kind=JSON, headers={"Content-Encoding": "gzip"})

    assert (200, 200, 10_000) == (plain.status, packed.status, otlp.door.items)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_what_is_not_otlp_is_bad_data_with_a_status_in_the_encoding_of_the_request(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(b"\xff", kind=kind)

    assert 400 == answer.status
    assert 3 == status_of(answer).code
    assert {"bad_data": 1} == otlp.door.refused()


async def test_the_content_type_may_have_parameters(start):
    otlp = await start(HTTP)

    answer = await otlp.post(encode(SPANS), kind="application/json; charset=utf-8")

    assert (200, JSON) == (answer.status, answer.content_type)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-protobuf2", "", "application/x-protobuf, application/json"]
)
async def test_another_content_type_is_unsupported(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(SPANS.wire, kind=kind, skip_auto_headers=["Content-Type"])

    assert (415, 0) == (answer.status, otlp.door.items)
    assert "supported: [application/json, application/x-protobuf]" in answer.body.decode()


async def test_another_path_is_not_found(start):
    otlp = await start(HTTP)

    assert 404 == (await otlp.post(SPANS.wire, "/v1/trace")).status


async def test_a_signal_without_a_pipeline_has_no_path(start):
    otlp = await start(HTTP, signals=[Signal.LOGS])

    assert 404 == (await otlp.post(SPANS.wire)).status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_another_method_is_answered_with_the_one_that_is_allowed(start, method):
    otlp = await start(HTTP)

    answer = await otlp.post(method=method)

    assert (405, "POST") == (answer.status, answer.headers["Allow"])


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "nonsense"])
async def test_another_content_encoding_is_unsupported(start, encoding):
    otlp = await start(HTTP)

    answer = await otlp.post(SPANS.wire, headers={"Content-Encoding": encoding})

    assert 415 == answer.status
    assert 12 == status_of(answer).code


async def test_two_headers_for_the_content_encoding_count_as_one_list(start):
    otlp = await start(HTTP)
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n"
        b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n\r\n"
    )

    assert b"HTTP/1.1 415" in await exchange(otlp, head)


async def test_the_configuration_can_leave_encodings_out(start):
    otlp = await start("{http: {endpoint: 'localhost:0', compression_algorithms: ['', zstd]}}")

    gzipped = await otlp.post(gzip.compress(SPANS.wire), headers={"Content-Encoding": "gzip"})
    zstd = await otlp.post(PACK["zstd"](SPANS.wire), headers={"Content-Encoding": "zstd"})
    plain = await otlp.post(SPANS.wire)

    assert [415, 200, 200] == [gzipped.status, zstd.status, plain.status]


async def test_the_configuration_can_demand_compression(start):
    otlp = await start("{http: {endpoint: 'localhost:0', compression_algorithms: [gzip]}}")

    plain = [await otlp.post(SPANS.wire, headers=headers) for headers in ({}, {"Content-Encoding": "identity"})]
    packed = await otlp.post(gzip.compress(SPANS.wire), headers={"Content-Encoding": "gzip"})

    assert ([415, 415], 200) == ([answer.status for answer in plain], packed.status)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (bytes(1001), {}),
        (gzip.compress(bytes(1001)), {"Content-Encoding": "gzip"}),
        (PACK["zstd"](bytes(1001)), {"Content-Encoding": "zstd"}),
    ],
)
async def test_a_body_over_the_limit_is_too_large_and_ends_the_connection(start, body, headers):
    otlp = await start("{http: {endpoint: 'localhost:0', max_request_body_size: 1000}}")

    answer = await otlp.post(body, headers=headers)

    assert (413, "close") == (answer.status, answer.headers.get("Connection"))
    assert {"too_large": 1} == otlp.door.refused()


async def test_a_chunked_body_over_the_limit_is_too_large(start):
    otlp = await start("{http: {endpoint: 'localhost:0', max_request_body_size: 1000}}")

    async def chunks():
        for _ in range(20):
            yield bytes(100)

    assert 413 == (await otlp.post(chunks())).status


async def test_more_records_than_allowed_are_too_many(start):
    otlp = await start("{http: {endpoint: 'localhost:0', max_items: 2}}")

    answer = await otlp.post(SPANS.wire)

    assert 413 == answer.status
    assert "more than 2 records" in status_of(answer).message


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_spans_whose_ids_are_none_are_rejected_and_the_others_taken(start, kind):
    otlp, batch = await start(HTTP), make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].trace_id = bytes(16)

    answer = await otlp.post(batch.wire if kind == PROTOBUF else encode(batch), kind=kind)

    response, body = SHAPES[Signal.TRACES].response(), answer.body
    if kind == PROTOBUF:
        response.MergeFromString(body)
    else:
        partial = json.loads(body)["partialSuccess"]
        response.partial_success.rejected_spans = int(partial["rejectedSpans"])
        response.partial_success.error_message = partial["errorMessage"]
    assert (200, 1, 2) == (answer.status, response.partial_success.rejected_spans, otlp.door.items)
    assert "trace_id" in response.partial_success.error_message
    assert 1 == otlp.door.refused_items()


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        (RefusalReason.QUEUE_FULL, 429, 8),
        (RefusalReason.RATE_LIMIT, 429, 8),
        (RefusalReason.MEMORY, 503, 14),
        (RefusalReason.DOWNSTREAM, 503, 14),
    ],
)
async def test_back_pressure_says_when_to_come_back(start, reason, status, code):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", retry_after=1.2, reason=reason)

    answer = await otlp.post(SPANS.wire)

    assert (status, "2") == (answer.status, answer.headers["Retry-After"])
    assert code == status_of(answer).code
    assert {str(reason): 1} == otlp.door.refused()


async def test_back_pressure_is_told_before_the_body_is_sent(start):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", reason=RefusalReason.MEMORY)
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: 1000000\r\n\r\n"
    )

    assert b"HTTP/1.1 503" in await exchange(otlp, head)


async def test_after_back_pressure_the_connection_goes_on(start):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", reason=RefusalReason.MEMORY)
    request = raw(SPANS.wire)

    answers = await exchange(otlp, request + request)

    assert 2 == answers.count(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RetryableError("backend busy", retry_after=7), 503, 14),
        (PermanentError("backend says no"), 400, 3),
        (PermanentError("bug", reason=DropReason.PLUGIN_ERROR), 500, 13),
        (ZeroDivisionError("bug"), 500, 13),
    ],
)
async def test_without_a_queue_the_backend_s_answer_is_the_answer(start, error, status, code):
    otlp = await start(HTTP)
    otlp.door.error = error

    answer = await otlp.post(SPANS.wire)

    assert status == answer.status
    assert code == status_of(answer).code


async def test_a_bug_is_an_internal_error_logged_once_and_says_nothing_of_the_inside(start, caplog):
    otlp = await start(HTTP)
    otlp.door.error = ZeroDivisionError("secret of the inside")

    answer = await otlp.post(SPANS.wire)
    status = status_of(answer)

    assert (500, "internal error") == (answer.status, status.message)
    assert 1 == caplog.text.count("Traceback")


async def test_a_bug_before_the_data_is_accepted_is_counted(start, monkeypatch):
    otlp = await start(HTTP)

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("collector.receivers.otlp.unpacking.validate", broken)

    assert 500 == (await otlp.post(SPANS.wire)).status
    assert {"internal": 1} == otlp.door.refused()


class _Gate:
    def authenticate(self, headers):
        if headers.get("authorization") != "Bearer secret":
            raise UnauthenticatedError("who are you", challenge="Bearer")


AUTH = "{http: {endpoint: 'localhost:0', auth: {authenticator: gate}}}"


async def test_who_is_not_known_is_told_how_to_be(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    refused = await otlp.post(SPANS.wire)
    let_in = await otlp.post(SPANS.wire, headers={"Authorization": "Bearer secret"})

    assert (401, "Bearer") == (refused.status, refused.headers["WWW-Authenticate"])
    assert 16 == status_of(refused).code
    assert (200, {"auth": 1}) == (let_in.status, otlp.door.refused())


async def test_who_is_not_known_is_told_before_the_body_is_sent(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    assert b"HTTP/1.1 401" in await exchange(otlp, raw(b"", length=1_000_000))


async def test_a_header_given_twice_is_no_way_in(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})
    request = raw(b"", b"Authorization: Bearer other\r\nAuthorization: Bearer secret\r\n")

    assert b"HTTP/1.1 401" in await exchange(otlp, request)


@pytest.mark.parametrize(
    ("extensions", "why"), [({}, "is not one of service::extensions"), ({"gate": object()}, "cannot check requests")]
)
def test_an_authenticator_has_to_be_an_extension_that_can_authenticate(extensions, why):
    with pytest.raises(ConfigError, match=f"protocols::http::auth::authenticator: gate {why}"):
        build(AUTH, Door(), extensions=extensions)


async def test_metadata_is_kept_if_asked_for(start):
    otlp = await start("{http: {endpoint: 'localhost:0', include_metadata: true}}")

    await otlp.post(SPANS.wire, headers={"X-Tenant": "one"})

    assert "one" == otlp.door.batches[0].metadata["x-tenant"]


async def test_metadata_is_not_kept_otherwise(start):
    otlp = await start(HTTP)

    await otlp.post(SPANS.wire, headers={"X-Tenant": "one"})

    assert {} == otlp.door.batches[0].metadata


async def test_every_answer_has_the_configured_headers(start):
    otlp = await start("{http: {endpoint: 'localhost:0', response_headers: {X-Served-By: us}}}")

    answers = [await otlp.post(SPANS.wire), await otlp.post(b"\xff"), await otlp.post(path="/other")]

    assert ["us"] * 3 == [answer.headers["X-Served-By"] for answer in answers]


async def test_the_paths_can_be_others(start):
    otlp = await start("{http: {endpoint: 'localhost:0', traces_url_path: /in/traces}}")

    assert [200, 404] == [(await otlp.post(SPANS.wire, path)).status for path in ("/in/traces", "/v1/traces")]


async def test_without_keep_alive_every_answer_ends_the_connection(start):
    otlp = await start("{http: {endpoint: 'localhost:0', keep_alives_enabled: false}}")

    assert "close" == (await otlp.post(SPANS.wire)).headers["Connection"]


async def test_who_expects_to_be_asked_is_asked_for_the_body(start):
    """
    RFC 9110, 10.1.1: curl waits a second for this before it sends more than a mebibyte.
    """
    otlp = await start(HTTP)
    reader, writer = await connect(otlp)
    writer.write(raw(b"", b"Expect: 100-continue\r\n", length=len(SPANS.wire)))

    asked = await reader.readuntil(b"\r\n\r\n")
    writer.write(SPANS.wire)
    answered = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert b"HTTP/1.1 100 Continue\r\n\r\n" == asked
    assert answered.startswith(b"HTTP/1.1 200")


async def test_a_client_that_goes_away_in_the_middle_is_no_news(start, caplog):
    otlp = await start(HTTP)
    _, writer = await connect(otlp)
    writer.write(raw(b"half", length=100))
    await until(lambda: otlp.receiver.http._server._under_way)

    writer.transport.abort()
    await until(lambda: not otlp.receiver.http._server._under_way)

    assert "" == caplog.text
    assert {} == otlp.door.refused()


async def test_a_stop_finishes_what_is_under_way_and_refuses_what_comes_later():
    door = Door()
    door.is_open.clear()
    receiver = build(HTTP, door)
    async with AsyncExitStack() as running:
        await running.enter_async_context(receiver.lifespan())
        first, second = [await asyncio.open_connection("localhost", receiver.http.endpoint.port) for _ in range(2)]
        first[1].write(raw(SPANS.wire))
        await door.entered.wait()

        stopping = asyncio.create_task(running.pop_all().aclose())
        await until(lambda: receiver.http._server.is_draining)
        second[1].write(raw(SPANS.wire))
        refused = await second[0].read()
        door.is_open.set()

        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1\r\n" in refused
        assert (await first[0].read()).startswith(b"HTTP/1.1 200")
        assert (3, {"shutting_down": 1}) == (door.items, door.refused())
        await stopping
        for _, writer in (first, second):
            writer.close()


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


async def test_a_trusted_sender_is_not_checked_but_counted(start):
    otlp, batch = await start("{http: {endpoint: 'localhost:0', trusted: true}}"), make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].trace_id = b""

    taken = await otlp.post(batch.wire)
    broken = await otlp.post(b"\xff")

    assert (200, 3, 400) == (taken.status, otlp.door.items, broken.status)


def raw(body, headers=b"", length=None):
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    size = len(body) if length is None else length
    return head + headers + b"Content-Length: %d\r\n\r\n" % size + body


async def connect(otlp):
    return await asyncio.open_connection("localhost", otlp.receiver.http.endpoint.port)


async def exchange(otlp, data):
    """
    Send bytes and nothing more; return what comes until it ends, or nothing comes any more.
    """
    reader, writer = await connect(otlp)
    writer.write(data)
    received = b""
    try:
        async with asyncio.timeout(5):
            while not received.count(b"\r\n\r\n") >= max(1, data.count(b"HTTP/1.1\r\n")) and (
                part := await reader.read(1000)
            ):
                received += part
    finally:
        writer.close()
    return received
