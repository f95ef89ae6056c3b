import asyncio
import socket
from contextlib import AsyncExitStack, suppress

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo
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
from collector.testing import make_batch
from tests.bad_input.http2 import EXPORT, Http2, framed
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door, until
from tests.collector.receivers.http import padded

GRPC = "{grpc: {endpoint: 'localhost:0'}}"
SPANS = make_batch(items=3)
Code = grpc.StatusCode


async def frames(otlp, script):
    """
    Run a script of raw frames beside the loop.
    """

    def run():
        with Http2(otlp.receiver.grpc.endpoint.port) as client:
            return script(client)

    return await asyncio.to_thread(run)


async def refusal(otlp, message=SPANS.wire, **options):
    """
    Return the code, the message and the RetryInfo in seconds (None without one) of a call that is refused.
    """
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await otlp.call(SHAPES[Signal.TRACES].rpc, message, **options)
    error, retry_after = caught.value, None
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    status, info = Status.FromString(details), RetryInfo()
    assert status.code in {0, error.code().value[0]}
    for detail in status.details:
        assert detail.Unpack(info)
        retry_after = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    return error.code(), error.details(), retry_after


@pytest.mark.parametrize("signal", list(Signal))
async def test_each_signal_is_taken(start, signal):
    otlp, batch = await start(GRPC), make_batch(signal, items=3)

    answer = await otlp.export(batch)

    assert (b"", 3, 3) == (answer, otlp.door.items, otlp.door.accepted(signal))
    assert batch.request == otlp.door.batches[0].request


async def test_an_empty_request_is_a_success_without_data(start):
    otlp = await start(GRPC)

    assert (b"", 0) == (await otlp.call(SHAPES[Signal.TRACES].rpc, b""), otlp.door.items)


async def test_compressed_messages_are_taken(start):
    otlp = await start(GRPC)

    await otlp.export(SPANS, compression=grpc.Compression.Gzip)

    assert 3 == otlp.door.items


async def test_a_large_message_is_worked_on_beside_the_loop_with_the_same_result(start):
    otlp = await start(GRPC)

    await otlp.export(make_batch(items=5000, key="x" * 100))

    assert 5000 == otlp.door.items


async def test_what_is_not_otlp_is_an_invalid_argument(start):
    otlp = await start(GRPC)

    assert (Code.INVALID_ARGUMENT, None) == (await refusal(otlp, b"\xff"))[::2]
    assert {"bad_data": 1} == otlp.door.refused()


async def test_a_method_of_a_signal_without_a_pipeline_is_not_implemented(start):
    otlp = await start(GRPC, signals=[Signal.LOGS])

    assert Code.UNIMPLEMENTED == (await refusal(otlp))[0]


async def test_more_records_than_allowed_exhaust_a_resource_for_good(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_items: 2}}")

    code, message, retry_after = await refusal(otlp)

    assert (Code.RESOURCE_EXHAUSTED, None) == (code, retry_after)
    assert "more than 2 records" in message
    assert {"too_large": 1} == otlp.door.refused()


async def test_a_message_over_the_limit_exhausts_a_resource_for_good(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_recv_msg_size_mib: 1}}")

    assert (Code.RESOURCE_EXHAUSTED, None) == (await refusal(otlp, bytes(1_100_000)))[::2]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize(("over", "taken"), [(-1, 3), (0, 3), (1, 0)])
async def test_the_limit_of_a_message_holds_to_the_byte(start, compression, over, taken):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_recv_msg_size_mib: 1, max_record_size: 2000000}}")

    with suppress(grpc.aio.AioRpcError):
        await otlp.call(EXPORT, padded((1 << 20) + over), compression=compression)

    assert taken == otlp.door.items


async def test_spans_whose_ids_are_none_are_rejected_and_the_others_taken(start):
    otlp, batch = await start(GRPC), make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].span_id = b"short"

    response = SHAPES[Signal.TRACES].response.FromString(await otlp.export(batch))

    assert (1, 2) == (response.partial_success.rejected_spans, otlp.door.items)
    assert 1 == otlp.door.refused_items()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (RefusalReason.QUEUE_FULL, Code.RESOURCE_EXHAUSTED),
        (RefusalReason.RATE_LIMIT, Code.RESOURCE_EXHAUSTED),
        (RefusalReason.MEMORY, Code.UNAVAILABLE),
        (RefusalReason.DOWNSTREAM, Code.UNAVAILABLE),
    ],
)
async def test_back_pressure_says_when_to_come_back(start, reason, code):
    otlp = await start(GRPC)
    otlp.door.refusal = RetryableError("not now", retry_after=1.5, reason=reason)

    assert (code, "not now", 1.5) == await refusal(otlp)
    assert {str(reason): 1} == otlp.door.refused()


async def test_back_pressure_is_told_before_the_message_is_sent(start):
    otlp = await start(GRPC)
    otlp.door.refusal = RetryableError("not now", reason=RefusalReason.MEMORY)

    assert Code.UNAVAILABLE.value[0] == await frames(otlp, lambda client: client.answer(client.open()))


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (RetryableError("backend busy", retry_after=7), Code.UNAVAILABLE, 7),
        (PermanentError("backend says no"), Code.INVALID_ARGUMENT, None),
        (PermanentError("bug", reason=DropReason.PLUGIN_ERROR), Code.INTERNAL, None),
        (ZeroDivisionError("bug"), Code.INTERNAL, None),
    ],
)
async def test_without_a_queue_the_backend_s_answer_is_the_answer(start, error, code, retry_after):
    otlp = await start(GRPC)
    otlp.door.error = error

    assert (code, retry_after) == (await refusal(otlp))[::2]


async def test_a_bug_is_an_internal_error_logged_once_and_says_nothing_of_the_inside(start, caplog):
    otlp = await start(GRPC)
    otlp.door.error = ZeroDivisionError("secret of the inside")

    assert (Code.INTERNAL, "internal error", None) == await refusal(otlp)
    assert 1 == caplog.text.count("Traceback")


class _Gate:
    def authenticate(self, headers):
        if headers.get("authorization") != "Bearer secret":
            raise UnauthenticatedError("who are you")


AUTH = "{grpc: {endpoint: 'localhost:0', auth: {authenticator: gate}}}"


async def test_who_is_not_known_stays_outside(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    assert Code.UNAUTHENTICATED == (await refusal(otlp))[0]
    await otlp.export(SPANS, metadata=[("authorization", "Bearer secret")])
    assert ({"auth": 1}, 3) == (otlp.door.refused(), otlp.door.items)


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", b"Bearer secre\xc3\xa9", b"Bearer " + b"x" * 9000, b""])
async def test_who_is_not_known_is_told_before_the_message_is_sent_whatever_the_token(start, value, caplog):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    answer = await frames(otlp, lambda client: client.answer(client.open(headers=[(b"authorization", value)])))

    assert Code.UNAUTHENTICATED.value[0] == answer
    assert "" == caplog.text


async def test_a_header_given_twice_is_no_way_in(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})
    twice = [("authorization", "Bearer other"), ("authorization", "Bearer secret")]

    assert Code.UNAUTHENTICATED == (await refusal(otlp, metadata=twice))[0]


def test_an_authenticator_has_to_be_an_extension_that_runs():
    with pytest.raises(ConfigError, match="protocols::grpc::auth::authenticator: gate is not one of"):
        build(AUTH, Door())


async def test_metadata_is_kept_if_asked_for(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', include_metadata: true}}")

    await otlp.export(SPANS, metadata=[("x-tenant", "one")])

    assert "one" == otlp.door.batches[0].metadata["x-tenant"]


async def test_metadata_that_is_no_text_or_comes_twice_is_kept_too(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', include_metadata: true}}")

    await otlp.export(SPANS, metadata=[("x-tenant", "one"), ("x-tenant", "two"), ("key-bin", b"\xff\0")])

    metadata = otlp.door.batches[0].metadata
    assert "one, two" == metadata["x-tenant"]
    assert b"\xff\0" == metadata["key-bin"].encode(errors="surrogateescape")


async def test_more_requests_than_allowed_are_told_to_come_back(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_concurrent_rpcs: 1}}")
    otlp.door.is_open.clear()
    first = asyncio.create_task(otlp.export(SPANS))
    await otlp.door.entered.wait()

    second = await refusal(otlp)
    otlp.door.is_open.set()

    assert (Code.RESOURCE_EXHAUSTED, "too many requests under way", 1.0) == second
    assert b"" == await first


async def test_what_waits_to_be_checked_counts_as_under_way(start):
    """
    Otherwise large messages could pile up there.
    """
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_concurrent_rpcs: 1}}")
    async with otlp.receiver.grpc._unpacking._aside._turn:
        first = asyncio.create_task(otlp.export(make_batch(items=5000, key="x" * 100)))
        await until(lambda: otlp.receiver.grpc._under_way)
        second = await refusal(otlp)

    assert (Code.RESOURCE_EXHAUSTED, 1.0) == second[::2]
    assert b"" == await first


async def test_a_message_that_comes_too_slowly_is_not_waited_for(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', read_timeout: 100ms}}")

    def half(client):
        stream = client.open()
        client.send(stream, framed(SPANS.wire)[:20])
        return client.answer(stream)

    assert Code.DEADLINE_EXCEEDED.value[0] == await frames(otlp, half)


async def test_calls_that_wait_for_their_message_do_not_take_the_place_of_others(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_concurrent_rpcs: 5}}")

    def stall(client):
        for _ in range(50):
            client.open()
        asyncio.run_coroutine_threadsafe(otlp.export(SPANS), loop).result(10)

    loop = asyncio.get_running_loop()
    await frames(otlp, stall)

    assert 3 == otlp.door.items


async def test_a_stop_finishes_what_is_under_way_and_refuses_what_comes_later():
    door = Door()
    door.is_open.clear()
    receiver = build(GRPC, door)
    async with AsyncExitStack() as running:
        await running.enter_async_context(receiver.lifespan())
        channel = grpc.aio.insecure_channel(str(receiver.grpc.endpoint))
        export = channel.unary_unary(EXPORT.decode())
        first = export(SPANS.wire, timeout=5)
        await door.entered.wait()

        stopping = asyncio.create_task(running.pop_all().aclose())
        await until(lambda: _refuses_connections(receiver.grpc.endpoint.port))
        with pytest.raises(grpc.aio.AioRpcError) as later:
            await export(SPANS.wire, timeout=5)
        door.is_open.set()

        # OTLP specification, "Retryable Response Codes": both are sent again
        assert later.value.code() in {Code.UNAVAILABLE, Code.CANCELLED}
        assert (b"", 3) == (await first, door.items)
        await stopping
        await channel.close()


def _refuses_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_keepalive_parameters_end_connections(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', keepalive: {server_parameters: {max_connection_age: 100ms}}}}")

    def wait(client):
        stream = client.call(SPANS.wire)
        assert 0 == client.answer(stream)
        return client.answer(stream + 2, 3)

    assert (await frames(otlp, wait)).startswith("goaway")


@pytest.mark.parametrize("time", ["1ns", "1000000h"])
async def test_any_time_may_be_configured(start, time):
    """
    The core counts milliseconds, up to 24 days.
    """
    parameters = f"{{time: {time}, max_connection_age: 1000000h, max_connection_idle: 1000000h}}"
    otlp = await start(
        f"{{grpc: {{endpoint: 'localhost:0', max_recv_msg_size_mib: 2047, keepalive: "
        f"{{server_parameters: {parameters}, enforcement_policy: {{min_time: {time}}}}}}}}}"
    )

    await otlp.export(SPANS)

    assert 3 == otlp.door.items


async def test_streams_over_the_limit_wait_for_the_others(start):
    otlp = await start("{grpc: {endpoint: 'localhost:0', max_concurrent_streams: 7}}")

    def settings(client):
        client.answer(client.call(SPANS.wire))
        return client.connection.remote_settings.max_concurrent_streams

    assert 7 == await frames(otlp, settings)
    await until(lambda: otlp.door.items == 3)
