"""
What stands on the wire, in how many requests, beside whatever else the process does.
"""

import asyncio
import threading

import cramjam
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.api import ComponentID
from collector.batch import Batch, Signal
from collector.testing import make_metrics
from exporters.prometheus_remote_write.exporter import LARGE_BATCH, LARGE_BODY
from tests.exporters.prometheus_remote_write.collectors import NOW, endpoint, gauges, names, to, write
from tests.exporters.prometheus_remote_write.receivers import OUT_OF_ORDER, Receiver, decoded, samples_of, written
from tests.exporters.servers import HttpBackend, exporter, longest_turn, respond

V2 = "io.prometheus.write.v2.Request"


async def test_a_request_of_1_0():
    receiver = Receiver()

    collector = await write(receiver, gauges("up", at=5))

    (request,) = receiver.requests
    assert ("POST", "/api/v1/write") == (request.method, request.path)
    assert ("snappy", "application/x-protobuf", "0.1.0") == (
        request.headers["content-encoding"],
        request.headers["content-type"],
        request.headers["x-prometheus-remote-write-version"],
    )
    assert request.headers["user-agent"].startswith("pyotelcol/")
    assert "retry-attempt" not in request.headers
    assert [((("__name__", "up"),), (NOW + 5) * 1000, 5.0)] == receiver.samples
    assert (1, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_a_request_of_2_0():
    receiver = Receiver()

    collector = await write(receiver, gauges("up", at=5), protobuf_message=V2)

    (request,) = receiver.requests
    assert (f"application/x-protobuf;proto={V2}", "2.0.0") == (
        request.headers["content-type"],
        request.headers["x-prometheus-remote-write-version"],
    )
    assert [((("__name__", "up"),), (NOW + 5) * 1000, 5.0)] == receiver.samples
    assert (1, True) == (collector.sent, collector.is_balanced)


async def test_bodies_are_in_the_block_format_of_snappy_and_not_in_the_framed_one():
    receiver = Receiver()

    await write(receiver, gauges("up"))

    body = receiver.requests[0].body
    assert cramjam.snappy.decompress_raw(body)
    with pytest.raises(cramjam.DecompressionError):
        cramjam.snappy.decompress(body)


async def test_headers_and_credentials_of_a_user_are_sent():
    class Token:
        def credentials(self):
            return {"authorization": "Bearer token"}

    receiver = Receiver()
    async with receiver.running():
        exporting = exporter(
            "prometheusremotewrite",
            f"""
            endpoint: http://127.0.0.1:{receiver.port}
            headers: {{X-Scope-OrgID: tenant}}
            auth: {{authenticator: token}}
            """,
            extensions={ComponentID("token"): Token()},
        )
        async with exporting.lifespan():
            for parcel in (await exporting.prepare(gauges("up"))).parcels:
                assert await exporting.send(parcel) is None

    (request,) = receiver.requests
    assert ("tenant", "Bearer token") == (request.headers["x-scope-orgid"], request.headers["authorization"])


async def test_attempts_after_the_first_are_numbered():
    receiver = Receiver([respond(503), respond(503), respond(429)])

    await write(receiver, gauges("up"))

    assert [None, "1", "2", "3"] == [request.headers.get("retry-attempt") for request in receiver.requests]


async def test_a_batch_is_cut_into_requests_of_bounded_size():
    receiver = Receiver()

    collector = await write(receiver, gauges(*names(300)), max_batch_size_bytes=2000, max_batch_request_parallelism=2)

    assert all(len(cramjam.snappy.decompress_raw(request.body)) <= 2000 for request in receiver.requests)
    assert 300 == len(receiver.samples) == collector.sent
    assert len(receiver.requests) > 4


async def test_there_are_as_many_lanes_as_told():
    for number in (1, 3):
        exporting = exporter(
            "prometheus_remote_write", f"{{endpoint: http://a, max_batch_request_parallelism: {number}}}"
        )
        first, second = [await exporting.prepare(gauges(*names(50), at=at)) for at in (1, 2)]

        assert set(range(number)) == {parcel.lane for parcel in first.parcels}
        assert [parcel.items for parcel in first.parcels] == [parcel.items for parcel in second.parcels]


@pytest.mark.slow
async def test_a_large_batch_is_translated_beside_everything_else():
    """
    Once out of several times, since whatever else the machine does may hold up the loop too.
    """
    exporting, prepared = exporter("prometheus_remote_write", "endpoint: http://a"), []

    async def prepare(batch):
        prepared.append(await exporting.prepare(batch))

    shares = [1.0]
    for number in range(5):
        points = [{"value": float(i), "attributes": {"i": i, "n": number}} for i in range(10_000)]
        longest, whole = await longest_turn(prepare(make_metrics({"name": "many", "points": points})))
        shares.append(longest / whole)
        if shares[-1] < 1 / 2:
            break

    assert {10_000} == {sum(parcel.items for parcel in each.parcels) for each in prepared}
    assert 1 / 2 > min(shares)


def threads_of(owner, *methods):
    """
    Return a list of the threads in which methods of an object are called from now on.
    """
    threads = []

    def noting(method):
        return lambda *arguments: [threads.append(threading.current_thread()), method(*arguments)][1]

    for name in methods:
        setattr(owner, name, noting(getattr(owner, name)))
    return threads


@pytest.mark.parametrize("where", ["resource", "scope"])
async def test_a_small_batch_with_long_labels_is_translated_beside_everything_else(where):
    attributes = [KeyValue(key=f"attribute.{i}", value=AnyValue(string_value="value")) for i in range(500)]
    request = make_metrics({"name": "many", "points": [{"attributes": {"i": i}} for i in range(300)]}).request
    (resource_metrics,) = request.resource_metrics
    target = resource_metrics.resource if where == "resource" else resource_metrics.scope_metrics[0].scope
    target.attributes.extend(attributes)
    batch = Batch(Signal.METRICS, wire=request.SerializeToString())
    exporting = exporter("prometheus_remote_write", "{endpoint: http://a, promote_all_resource_attributes: true}")

    threads = threads_of(exporting._translator, "translate")

    await exporting.prepare(batch)

    assert len(batch.wire) < LARGE_BATCH
    assert [False] == [thread is threading.current_thread() for thread in threads]


@pytest.mark.slow
@pytest.mark.parametrize("answer", [OUT_OF_ORDER, respond(415)])
async def test_a_large_request_is_halved_or_written_in_another_version_beside_everything_else(answer):
    every = written(samples=10**6)
    receiver = HttpBackend([every, answer, *[every] * 10])
    points = [{"value": float(i), "attributes": {"i": i}} for i in range(5_000)]
    many = make_metrics({"name": "many", "points": points})
    async with receiver.running():
        options = f"{{endpoint: '{endpoint(receiver.port)}', protobuf_message: {V2}, max_batch_request_parallelism: 1}}"
        exporting = exporter("prometheus_remote_write", options)
        async with exporting.lifespan():
            for batch in (gauges("up"), many):
                (parcel,) = (await exporting.prepare(batch)).parcels
                threads = threads_of(parcel.content, "refused", "rewritten")
                await exporting.send(parcel)

    assert [False] == [thread is threading.current_thread() for thread in threads]
    assert len(receiver.requests) > 2


async def test_whoever_gives_up_on_a_large_batch_leaves_no_work_behind_that_the_next_one_meets():
    exporting = exporter("prometheus_remote_write", "endpoint: http://a")
    translate, begun, may_end = exporting._translator.translate, threading.Event(), threading.Event()

    def slowly(batch):
        begun.set()
        may_end.wait(5)
        return translate(batch)

    exporting._translator.translate = slowly
    batch = make_metrics({"name": "many", "points": [{"value": 1.0, "attributes": {"i": i}} for i in range(3000)]})
    preparing = asyncio.create_task(exporting.prepare(batch))
    assert await asyncio.to_thread(begun.wait, 5)
    preparing.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    has_ended = preparing.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await preparing

    assert not has_ended


@pytest.mark.slow
async def test_a_large_body_is_compressed_to_the_same():
    receiver = Receiver()
    points = [{"value": 1.0, "attributes": {"i": i, "text": "a" * 500}} for i in range(2000)]

    collector = await write(receiver, make_metrics({"name": "many", "points": points}), max_batch_request_parallelism=1)

    (request,) = receiver.requests
    assert len(cramjam.snappy.decompress_raw(request.body)) > LARGE_BODY
    assert 2000 == len(samples_of(request)) == collector.sent


async def test_an_empty_batch_needs_no_request():
    receiver = Receiver()

    async with receiver.running():
        exporting = exporter("prometheus_remote_write", f"endpoint: http://127.0.0.1:{receiver.port}")
        async with exporting.lifespan():
            assert () == (await exporting.prepare(make_metrics())).parcels

    assert [] == receiver.requests


async def test_what_the_protocol_has_nothing_for_is_counted_and_the_rest_is_sent():
    batch = make_metrics(
        {"name": "good"}, {"name": "bad", "kind": "sum", "temporality": "unspecified", "points": [{"value": 1}] * 2}
    )
    receiver = Receiver()

    collector = await write(receiver, batch)

    assert (1, {"unsupported": 2}, True) == (collector.sent, collector.dropped, collector.is_balanced)


STALE = bytes.fromhex("020000000000f07f")


@pytest.mark.parametrize("version", ["prometheus.WriteRequest", V2])
async def test_a_stale_marker_arrives_bit_by_bit_also_after_retries_and_a_search(version):
    """
    OTLP, DataPointFlags: NO_RECORDED_VALUE is 1.  It is a signalling NaN, which any arithmetic would quieten.
    """
    stale = {"name": "gone", "points": [{"flags": 1, "time_unix_nano": NOW * 10**9}]}
    receiver = Receiver([respond(503), respond(400, b"out of order sample")])

    await write(receiver, make_metrics(stale, {"name": "up"}), protobuf_message=version)

    bodies = [bytes(cramjam.snappy.decompress_raw(request.body)) for request in receiver.requests]
    assert len(bodies) > 2
    assert STALE in b"".join(bodies[-2:])


async def test_a_target_info_that_is_refused_costs_no_data_and_no_search_and_is_told_once(caplog):
    batches = [
        make_metrics(
            *({"name": name, "points": [{"value": at, "time_unix_nano": (NOW + at) * 10**9}]} for name in names(50)),
            resource={"service.name": "shop", "host.name": "a"},
        )
        for at in (1, 2)
    ]
    receiver = Receiver(refuses=lambda sample: dict(sample[0])["__name__"] == "target_info")

    collector = await write(receiver, *batches, target_info={"enabled": True}, max_batch_request_parallelism=1)

    assert 4 == len(receiver.requests)
    assert 100 == len(receiver.samples) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)
    assert 1 == caplog.text.count("target_info is refused")


async def test_metadata_travels_in_requests_of_its_own_and_only_when_it_is_wanted():
    receiver = Receiver()
    batch = make_metrics({"name": "queue", "description": "Orders that wait."})

    collector = await write(receiver, batch, send_metadata=True)

    about, data = sorted(receiver.requests, key=lambda request: len(samples_of(request)))
    assert [("queue", 2, "Orders that wait.")] == [
        (each.metric_family_name, each.type, each.help) for each in decoded(about).metadata
    ]
    assert [] == list(decoded(data).metadata)
    assert (1, True) == (collector.sent, collector.is_balanced)

    receiver = Receiver()
    await write(receiver, batch)
    assert 1 == len(receiver.requests)


class Forgetful(Receiver):
    """
    Does not take metadata the first time.
    """

    def take(self, request):
        if decoded(request).metadata and len(self.metadata) == 0:
            self.metadata.append(None)
            return self.refusal
        return super().take(request)


@pytest.mark.parametrize("answer", [respond(400, b"no metadata, please"), respond(503), respond(404)])
async def test_no_data_is_lost_or_held_up_by_metadata_that_is_refused(answer, caplog):
    receiver = Forgetful()
    receiver.refusal = answer
    async with receiver.running():
        collector = to(receiver, send_metadata=True)
        async with collector.running():
            await collector.consume(gauges("up", at=1))
        collector.clock.now += 60
        async with collector.running():
            await collector.consume(gauges("up", at=2))

    assert [None, "up"] == [each and each.metric_family_name for each in receiver.metadata]
    assert (2, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)
    assert "metadata will be sent later" in caplog.text
    assert [] == collector.clock.slept


async def test_a_receiver_that_never_answers_metadata_gets_the_data(caplog):
    class Silent(Receiver):
        def take(self, request):
            return b"" if decoded(request).metadata else super().take(request)

    receiver = Silent()

    collector = await write(receiver, gauges("up"), send_metadata=True, timeout=0.3)

    assert (1, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)
    assert "metadata will be sent later: no answer in time" in caplog.text


async def test_a_success_in_html_is_wondered_at_once(caplog):
    page = respond(200, b"<html>Please log in</html>", "text/html")

    await write(Receiver([page] * 2), gauges("up", at=1), gauges("up", at=2))

    assert 1 == caplog.text.count("answers 200 with a page in HTML; is `endpoint` right?")
