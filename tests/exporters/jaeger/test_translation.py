"""OTLP in Jaeger's model, field by field."""

import math

import pytest
from google.protobuf import text_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import Batch
from collector.errors import DropReason
from collector.parcels import Prepared
from collector.testing import make_batch, make_spans
from exporters.jaeger.api_v2 import MESSAGES, ApiV2
from exporters.jaeger.translation import LARGE, MAX_REQUEST, Translation
from tests.exporters.jaeger.traces import PARENT, SPAN, START, TRACE, everything, span_of, tags_of, traces, translated

CHILD_OF, FOLLOWS_FROM = 0, 1
VECTOR = (
    "0a7a0a710a100102030405060708090a0b0c0d0e0f10120811121314151617181a026f70221c0a100102030405060708090a0b0c0d0e0f10"
    "1208212223242526272832090880e2cfaa061088273a0410e0c65b42130a097370616e2e6b696e641a06736572766572420b0a056572726f"
    "721001200112050a03737663"
)
"""What Jaeger's own library writes of one small span."""


def test_a_span_is_written_as_jaegers_library_writes_it():
    batch = make_spans(
        {
            "trace_id": TRACE,
            "span_id": SPAN,
            "parent_span_id": PARENT,
            "name": "op",
            "kind": "unspecified",
            "start_time_unix_nano": START,
            "duration": 0.0015,
            "attributes": {"span.kind": "server", "error": True},
        },
        resource={"service.name": "svc"},
    )

    (parcel,) = Translation(ApiV2()).translate(batch).parcels

    assert (124, VECTOR) == (len(parcel.content), parcel.content.hex())


def test_everything_has_its_place(golden):
    (batch,) = translated(everything())

    golden("api_v2.txt", text_format.MessageToString(batch, as_utf8=True))


def test_an_attribute_is_a_tag_of_its_type_and_what_has_no_type_there_is_text():
    values = {"s": "x", "b": False, "i": -(2**63), "f": 1.0, "raw": b"\xff", "none": None, "e": {}, "l": []}
    values |= {"list": [1, 2.5, b"\xff", math.inf, None], "map": {"a": {"b": [True]}}}

    span = span_of(attributes=values, kind="unspecified")

    as_json = {"e": "{}", "l": "[]", "list": '[1,2.5,"/w==","Infinity",null]', "map": '{"a":{"b":[true]}}'}
    assert {**values, "none": "", **as_json} == dict(tags_of(span.tags))


def test_tags_are_in_the_order_that_jaeger_is_used_to():
    keys = [key for key, _ in tags_of(translated(everything())[0].spans[0].tags)]

    assert ["otel.scope.name", "otel.scope.version", "text"] == keys[:3]
    own = ["span.kind", "otel.status_code", "error", "otel.status_description", "w3c.tracestate"]
    dropped = [f"otel.dropped_{what}_count" for what in ("attributes", "events", "links")]
    assert own + dropped == keys[-8:]


@pytest.mark.parametrize("kind", ["internal", "server", "client", "producer", "consumer"])
def test_a_kind_is_a_tag(kind):
    assert [("span.kind", kind)] == tags_of(span_of(kind=kind).tags)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("unset", []),
        ("ok", [("otel.status_code", "OK")]),
        ("error", [("otel.status_code", "ERROR"), ("error", True)]),
    ],
)
@pytest.mark.parametrize("message", ["", "because"])
def test_a_status_is_tags(status, message, expected):
    span = span_of(kind="unspecified", status=status, status_message=message)

    assert expected + ([("otel.status_description", message)] if message else []) == tags_of(span.tags)


def test_numbers_that_otlp_may_add_tomorrow_are_no_tags():
    batch = make_spans({"trace_id": TRACE, "span_id": SPAN})
    span = batch.request.resource_spans[0].scope_spans[0].spans[0]
    span.kind, span.status.code = 77, 77

    assert [] == tags_of(translated(batch)[0].spans[0].tags)


@pytest.mark.parametrize(
    ("attributes", "service", "tags"),
    [
        ({}, "OTLPResourceNoServiceName", []),
        ({"service.name": "svc"}, "svc", []),
        ({"host.name": "h"}, "", [("host.name", "h")]),
        ({"a": 1, "service.name": "svc", "b": 2}, "svc", [("a", 1), ("b", 2)]),
        ({"service.name": ""}, "", []),
        ({"service.name": 5}, "5", []),
        ({"service.name": "svc", "long": "x" * 5000}, "svc", [("long", "x" * 5000)]),
    ],
)
def test_a_resource_is_a_process(attributes, service, tags):
    (batch,) = translated(make_spans({"trace_id": TRACE, "span_id": SPAN}, resource=attributes))

    assert (service, tags) == (batch.process.service_name, tags_of(batch.process.tags))


def test_a_resource_that_comes_in_two_pieces_is_one():
    """
    As every parser of the wire format has it.
    """
    wire = make_spans({"trace_id": TRACE, "span_id": SPAN}, resource={"service.name": "svc"}).wire
    more = ExportTraceServiceRequest.FromString(make_spans(resource={"a": 1}).wire).resource_spans[0]
    body = wire[2:] + more.SerializeToString()
    assert len(body) < 128, "its length has one byte"

    (batch,) = translated(Batch(make_spans().signal, wire=b"\n" + bytes([len(body)]) + body))

    assert ("svc", [("a", 1)]) == (batch.process.service_name, tags_of(batch.process.tags))


def references(span):
    return [(each.trace_id.hex(), each.span_id.hex(), each.ref_type) for each in span.references]


def test_the_parent_is_the_first_reference_and_links_follow():
    links = [{"trace_id": "a" * 32, "span_id": "b" * 16}, {"trace_id": TRACE, "span_id": "c" * 16}]

    span = span_of(parent_span_id=PARENT, links=links)

    expected = [(TRACE, PARENT, CHILD_OF), ("a" * 32, "b" * 16, FOLLOWS_FROM), (TRACE, "c" * 16, FOLLOWS_FROM)]
    assert expected == references(span)


def test_a_link_to_the_parent_says_how_the_parent_is_referred_to():
    assert [(TRACE, PARENT, FOLLOWS_FROM)] == references(
        span_of(parent_span_id=PARENT, links=[{"trace_id": TRACE, "span_id": PARENT}])
    )


@pytest.mark.parametrize(("type_", "expected"), [("child_of", CHILD_OF), ("follows_from", FOLLOWS_FROM), (1, 1)])
def test_a_link_may_say_that_it_is_a_parent(type_, expected):
    link = {"trace_id": TRACE, "span_id": PARENT, "attributes": {"opentracing.ref_type": type_}}

    assert [(TRACE, PARENT, expected)] == references(span_of(links=[link]))


def test_a_parent_of_zeros_is_none():
    batch = make_spans({"trace_id": TRACE, "span_id": SPAN})
    batch.request.resource_spans[0].scope_spans[0].spans[0].parent_span_id = bytes(8)

    assert [] == references(translated(batch)[0].spans[0])


def test_ids_of_links_and_parents_that_are_no_ids_are_left_out():
    """
    Jaeger refuses a whole request for one of them.
    """
    batch = make_spans({"trace_id": TRACE, "span_id": SPAN})
    span = batch.request.resource_spans[0].scope_spans[0].spans[0]
    span.parent_span_id = b"short"
    span.links.add(trace_id=b"x", span_id=b"y" * 8)
    span.links.add()

    assert [] == references(translated(batch)[0].spans[0])


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [(5, 5, 0), (10, 3, 0), (START, 0, 0), (0, 2**64 - 1, 2**63 - 1), (1, 1_500_000_001, 1_500_000_000)],
)
def test_a_duration_is_never_negative_or_more_than_jaeger_can_hold(start, end, duration):
    """
    Jaeger refuses a request with a duration of more than 292 years, all of it.
    """
    span = span_of(start_time_unix_nano=start, end_time_unix_nano=end)

    assert start == span.start_time.seconds * 10**9 + span.start_time.nanos
    assert duration == span.duration.seconds * 10**9 + span.duration.nanos
    assert span.HasField("start_time")
    assert span.HasField("duration")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({"name": "retry", "attributes": {"n": 1}}, [("event", "retry"), ("n", 1)]),
        ({"name": "retry", "attributes": {"n": 1, "event": "own"}}, [("n", 1), ("event", "own")]),
        ({"name": "retry", "attributes": {"an event": "x"}}, [("event", "retry"), ("an event", "x")]),
        ({"name": "", "attributes": {"n": 1}}, [("n", 1)]),
        ({"name": ""}, []),
    ],
)
def test_an_event_is_a_log_that_begins_with_its_name(event, fields):
    (log,) = span_of(events=[{"time_unix_nano": START, **event}]).logs

    assert (1_700_000_000, 5000) == (log.timestamp.seconds, log.timestamp.nanos)
    assert fields == tags_of(log.fields)


def test_a_span_without_ids_is_dropped_by_name_and_the_others_are_sent():
    batch = make_batch(items=3)
    batch.request.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"

    prepared = Translation(ApiV2()).translate(batch)

    assert {DropReason.UNSUPPORTED: 1} == prepared.dropped
    assert [2] == [parcel.items for parcel in prepared.parcels]


def test_each_resource_is_a_request_of_its_own_and_one_that_comes_again_is_not_another_one():
    batches = [make_spans({}, {}, resource={"service.name": name}) for name in ("a", "b", "a")]
    joined = Batch.join([*batches, make_spans(resource={"service.name": "empty"})])

    prepared = Translation(ApiV2()).translate(joined)

    names = [MESSAGES["PostSpansRequest"].FromString(p.content).batch.process.service_name for p in prepared.parcels]
    assert (["a", "b"], [4, 2]) == (names, [parcel.items for parcel in prepared.parcels])


def test_no_spans_are_no_requests():
    assert Prepared(()) == Translation(ApiV2()).translate(traces(ExportTraceServiceRequest()))


@pytest.mark.parametrize("size", [5000, 100_000, 2_500_000, 5_000_000])
def test_a_request_is_smaller_than_servers_take_unless_one_span_is_not(size):
    batch = make_batch(items=12_000_000 // size, key="x" * size)

    prepared = Translation(ApiV2()).translate(batch)

    sizes = [len(parcel.content) for parcel in prepared.parcels]
    assert all(each < 4 << 20 for each in sizes) or all(parcel.items == 1 for parcel in prepared.parcels)
    assert 12_000_000 // size == sum(parcel.items for parcel in prepared.parcels)
    assert len(sizes) <= max(-(-sum(sizes) // (MAX_REQUEST - size)), 4)


@pytest.mark.parametrize("size", [2_500_000, MAX_REQUEST - 200, 5_000_000])
def test_a_huge_resource_is_not_written_once_for_each_of_its_spans(size):
    """
    A request of four megabytes would become one of gigabytes.
    """
    batch = make_spans(*[{}] * 100, resource={"service.name": "svc", "huge": "x" * size})

    parcels = Translation(ApiV2()).translate(batch).parcels

    assert [100] == [parcel.items for parcel in parcels]
    assert len(parcels[0].content) < 1.1 * len(batch.wire)


async def test_a_large_batch_is_translated_beside_the_loop_and_is_the_same():
    translation = Translation(ApiV2())
    batch = make_batch(items=3000, key="value")
    assert len(batch.wire) > LARGE

    assert translation.translate(batch) == await translation.prepare(batch)
