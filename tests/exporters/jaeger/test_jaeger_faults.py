"""What becomes of spans whatever Jaeger answers, and if it does not, in each protocol."""

import asyncio
import socket
from email.utils import formatdate

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.batch import Batch, Signal
from collector.errors import DropReason, PermanentError, RetryableError
from collector.net.otlp_status import DETAILS
from collector.net.partial_success import partial_success
from collector.testing import make_batch, make_spans
from tests.exporters.jaeger.backends import BACKENDS, PostSpans, deliver, deliver_to, sending_to
from tests.exporters.servers import GrpcBackend, HttpBackend, TcpServer, reset, respond

every = pytest.mark.parametrize("protocol", BACKENDS)
over_grpc = pytest.mark.parametrize("protocol", ["otlp_grpc", "grpc"])
over_http = pytest.mark.parametrize("protocol", ["otlp_http", "thrift_http"])
otlp = pytest.mark.parametrize("protocol", ["otlp_grpc", "otlp_http"])
translated = pytest.mark.parametrize("protocol", ["grpc", "thrift_http"])
RETRYABLE = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


def with_delay(seconds):
    status = Status()
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
    return ((DETAILS, status.SerializeToString()),)


def busy(protocol, delay=None):
    if BACKENDS[protocol] is HttpBackend:
        return respond(503, **({"Retry_After": delay} if delay is not None else {}))
    return grpc.StatusCode.UNAVAILABLE, "busy", with_delay(delay) if delay is not None else ()


@otlp
async def test_otlp_arrives_as_the_bytes_that_it_was(protocol):
    batch = make_batch(items=5, key="value")

    told = await deliver(protocol, [], batch)

    assert ([batch.wire], 5) == (told.requests, told.sent)


@translated
async def test_each_resource_arrives_in_a_request_of_its_own(protocol):
    batch = Batch.join([make_spans({}, {}, resource={"service.name": name}) for name in ("a", "b", "c")])

    told = await deliver(protocol, [], batch)

    assert (3, 6) == (len(told.requests), told.sent)


@translated
async def test_only_the_resource_that_was_refused_is_sent_again(protocol):
    batch = Batch.join([make_spans({}, {}, resource={"service.name": name}) for name in ("a", "b", "c")])

    told = await deliver(protocol, [busy(protocol)], batch)

    assert (4, 6, [5.0]) == (len(told.requests), told.sent, told.pauses)
    assert 3 == len(set(told.requests))
    assert told.requests[0] == told.requests[3]


@translated
async def test_a_resource_that_is_refused_for_good_takes_no_other_with_it(protocol):
    batch = Batch.join([make_spans({}, {}, resource={"service.name": name}) for name in ("a", "b", "c")])
    never = respond(400, b"Unable to process request body", "text/plain")
    script = [(grpc.StatusCode.INVALID_ARGUMENT, "no", ()) if protocol == "grpc" else never]

    told = await deliver(protocol, script, batch)

    assert (3, 4, {DropReason.REJECTED_PERMANENT: 2}) == (len(told.requests), told.sent, told.dropped)


async def test_many_resources_are_sent_over_few_connections():
    batch = Batch.join([make_spans({}, resource={"service.name": str(n)}) for n in range(100)])
    backend = HttpBackend()
    async with backend.running():
        told = await deliver_to("thrift_http", f"127.0.0.1:{backend.port}", batch)

    assert (100, 100) == (told.sent, len(backend.requests))
    assert backend.opened <= 16


@every
async def test_a_jaeger_that_is_busy_for_long_is_asked_until_it_takes_the_spans(protocol):
    told = await deliver(protocol, [busy(protocol)] * 5, make_batch(items=3))

    assert (6, 3, 5) == (len(told.requests), told.sent, len(told.pauses))


@every
async def test_a_jaeger_that_is_down_for_too_long_costs_what_it_was_sent_by_name(protocol):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{unused.getsockname()[1]}"
        told = await deliver_to(protocol, endpoint, make_batch(items=3), {"max_elapsed_time": 120})

    assert isinstance(told.error, RetryableError)
    assert {DropReason.RETRY_EXHAUSTED: 3} == told.dropped
    assert 90 < sum(told.pauses) <= 120


@every
@pytest.mark.parametrize(("delay", "pause"), [(7, 7), (86_400 * 9, 3600), (0, 5)])
async def test_a_pause_that_was_asked_for_is_made_within_reason(protocol, delay, pause):
    told = await deliver(protocol, [busy(protocol, delay)], make_batch())

    assert [pause] == told.pauses


@over_http
@pytest.mark.parametrize("status", [429, 503])
async def test_a_date_is_a_pause_too_and_what_is_neither_is_none(protocol, status):
    for value, low, high in ((formatdate(2_000_000_000), 3600, 3600), ("-7", 5, 5), ("soon", 5, 5), ("1e9", 5, 5)):
        told = await deliver(protocol, [respond(status, Retry_After=value)], make_batch())

        assert low <= told.pauses[0] <= high, value
        assert 1 == told.sent


@over_grpc
@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK], ids=lambda c: c.name)
async def test_each_status_of_grpc_is_an_error_by_the_table_of_otlp(protocol, code):
    told = await deliver(protocol, [(code, "because", ())], make_batch(items=2))

    if code.name in RETRYABLE:
        assert (2, {}) == (told.sent, told.dropped)
    else:
        assert (0, {DropReason.REJECTED_PERMANENT: 2}) == (told.sent, told.dropped)
        assert isinstance(told.error, PermanentError)


@over_grpc
async def test_exhausted_resources_are_for_now_if_it_is_said_for_how_long(protocol):
    told = await deliver(protocol, [(grpc.StatusCode.RESOURCE_EXHAUSTED, "later", with_delay(9))], make_batch())

    assert (1, [9]) == (told.sent, told.pauses)


async def test_a_full_queue_of_an_old_jaeger_is_for_now():
    told = await deliver("grpc", [(grpc.StatusCode.RESOURCE_EXHAUSTED, "server busy", ())], make_batch())

    assert (1, [5]) == (told.sent, told.pauses)


RETRIED = {429, 502, 503, 504}


@over_http
@pytest.mark.parametrize("status", [300, 307, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 501, 502, 503, 504])
async def test_each_status_of_http_is_for_now_or_for_good(protocol, status):
    """
    Jaeger's Thrift intake says 500 where its queue is full; it knows nothing better.
    """
    told = await deliver(protocol, [respond(status, b"because", "text/plain")], make_batch(items=2))

    retried = RETRIED | ({500} if protocol == "thrift_http" else set())
    assert (2 if status in retried else 0) == told.sent
    if not told.sent:
        assert "because" in str(told.error)


@over_http
@pytest.mark.parametrize("answer", [respond(202, b"", ""), respond(204, b"", ""), respond(200, b"<html>", "text/html")])
async def test_any_2xx_is_success(protocol, answer):
    told = await deliver(protocol, [answer], make_batch(items=2))

    assert (2, 1) == (told.sent, len(told.requests))


@otlp
async def test_what_otlp_takes_in_part_is_counted_and_never_sent_again(protocol):
    some = partial_success(Signal.TRACES, 2, "old")

    told = await deliver(protocol, [some if protocol == "otlp_grpc" else respond(200, some)], make_batch(items=5))

    assert (1, 3, {DropReason.PARTIAL_SUCCESS: 2}) == (len(told.requests), told.sent, told.dropped)


async def vanish(reader, writer):
    pass


async def reset_it(reader, writer):
    reset(writer)


async def half_an_answer(reader, writer):
    writer.write(respond(200, b"\x0a\x02\x08\x01")[:-2])


async def half_an_answer_then_reset(reader, writer):
    await half_an_answer(reader, writer)
    await writer.drain()
    reset(writer)


async def no_http(reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


@over_http
@pytest.mark.parametrize("behave", [vanish, reset_it, half_an_answer, half_an_answer_then_reset, no_http])
async def test_a_connection_that_breaks_before_the_answer_is_whole_is_tried_again(protocol, behave):
    told = await deliver(protocol, [behave], make_batch(items=2))

    assert (2, 2) == (told.sent, len(told.requests))


async def answer_and_reset(reader, writer):
    writer.write(respond())
    await writer.drain()
    reset(writer)


@over_http
async def test_a_reset_after_the_answer_changes_nothing(protocol):
    told = await deliver(protocol, [answer_and_reset], make_batch(items=2))

    assert (2, 1) == (told.sent, len(told.requests))


async def silent(reader, writer):
    await reader.read()


@every
async def test_a_silent_jaeger_is_given_up_after_the_timeout_and_asked_again(protocol):
    silence = silent if BACKENDS[protocol] is HttpBackend else GrpcBackend.silence

    told = await deliver(protocol, [silence], make_batch(items=2), timeout=0.2)

    assert (2, 2) == (told.sent, len(told.requests))


async def reset_at_once(reader, writer):
    reset(writer)


async def go_away_after_the_request(reader, writer):
    """
    Speak just enough HTTP/2: settings, then read the request, then vanish.
    """
    writer.write(b"\0\0\0\4\0\0\0\0\0")
    await reader.readexactly(24)
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == 0 and head[4] & 1:  # DATA with END_STREAM
            reset(writer)
            return


@over_grpc
@pytest.mark.parametrize("behave", [reset_at_once, vanish, go_away_after_the_request])
async def test_a_connection_of_grpc_that_breaks_is_tried_again(protocol, behave):
    async with TcpServer(behave).running() as server:
        told = await deliver_to(protocol, f"127.0.0.1:{server.port}", make_batch(items=2), {"max_elapsed_time": 60})

    assert {DropReason.RETRY_EXHAUSTED: 2} == told.dropped
    assert told.pauses


@translated
async def test_a_cancelled_attempt_leaves_nothing_open(protocol):
    backend = BACKENDS[protocol]([silent if protocol == "thrift_http" else PostSpans.silence])
    async with backend.running():
        exporting = sending_to(protocol, f"127.0.0.1:{backend.port}")
        async with exporting.lifespan():
            (parcel,) = (await exporting.prepare(make_batch())).parcels
            attempt = asyncio.create_task(exporting.send(parcel))
            await backend.asked.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
            async with asyncio.timeout(5):
                await (backend.cancelled.wait() if protocol == "grpc" else backend.connections.join())

    assert attempt.cancelled()


async def test_spans_that_jaeger_cannot_hold_are_dropped_by_name():
    batch = make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].span_id = b""

    told = await deliver("grpc", [], batch)

    assert (2, {DropReason.UNSUPPORTED: 1}) == (told.sent, told.dropped)


async def test_what_arrives_over_thrift_is_what_was_translated():
    batch = make_batch(items=2)
    backend = HttpBackend([respond(202, b"", "")])
    async with backend.running():
        exporting = sending_to("thrift_http", f"http://127.0.0.1:{backend.port}")
        async with exporting.lifespan():
            prepared = await exporting.prepare(batch)
            await exporting.send(prepared.parcels[0])

    (request,) = backend.requests
    assert ("POST", "/api/traces") == (request.method, request.path)
    assert "application/vnd.apache.thrift.binary" == request.headers["content-type"]
    assert "content-encoding" not in request.headers
    assert prepared.parcels[0].content == request.body
