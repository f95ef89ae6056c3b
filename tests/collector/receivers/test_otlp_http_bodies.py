import gzip
import json
import zlib

import cramjam
import pytest

from collector.batch import SHAPES, Signal
from collector.net.otlp_json import encode
from collector.testing import make_batch
from tests.collector.receivers.http import HTTP, JSON, PROTOBUF, SPANS, exchange, padded, status_of

PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}


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
        (gzip.compress(bytes(1001), mtime=0), {"Content-Encoding": "gzip"}),
        (PACK["zstd"](bytes(1001)), {"Content-Encoding": "zstd"}),
    ],
)
async def test_a_body_over_the_limit_is_too_large_and_ends_the_connection(start, body, headers):
    otlp = await start("{http: {endpoint: 'localhost:0', max_request_body_size: 1000}}")

    answer = await otlp.post(body, headers=headers)

    assert (413, "close") == (answer.status, answer.headers.get("Connection"))
    assert {"too_large": 1} == otlp.door.refused()


@pytest.mark.parametrize("encoding", ["", *sorted(PACK)])
@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 413)])
async def test_the_limit_of_a_body_holds_to_the_byte(start, encoding, over, status):
    otlp = await start("{http: {endpoint: 'localhost:0', max_request_body_size: 1000}}")
    body = PACK.get(encoding, bytes)(padded(1000 + over))

    answer = await otlp.post(body, headers={"Content-Encoding": encoding} if encoding else {})

    assert status == answer.status


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


async def test_a_trusted_sender_is_not_checked_but_counted(start):
    otlp, batch = await start("{http: {endpoint: 'localhost:0', trusted: true}}"), make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].trace_id = b""

    taken = await otlp.post(batch.wire)
    broken = await otlp.post(b"\xff")

    assert (200, 3, 400) == (taken.status, otlp.door.items, broken.status)
