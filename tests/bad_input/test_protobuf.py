"""What is not OTLP in protobuf, and what is but looks odd."""

import struct

import pytest
from google.rpc.status_pb2 import Status

from collector.batch import SHAPES, Signal
from tests.bad_input.messages import attribute, field, fixed, honest, nested, number, scope, span, text, varint
from tests.bad_input.victim import MIB

OK = {"http": 200, "grpc": 0}
BAD = {"http": 400, "grpc": 3}
TOO_LARGE = {"http": 413, "grpc": 8}
BOTH = pytest.mark.parametrize("protocol", ["http", "grpc"])
SPANS = honest().wire

MALFORMED = {
    "truncated": SPANS[:-1],
    "half": SPANS[: len(SPANS) // 2],
    "one byte": b"\x0a",
    "noise": bytes(range(255, 0, -1)),
    "wire type 6": b"\x0e\x01",
    "wire type 7": b"\x0f\x01",
    "field 0": b"\x02\x00",
    "end of a group that did not start": b"\x0c",
    "a group that does not end": b"\x0b\x08\x01",
    "a tag of eleven bytes": b"\xff" * 10 + b"\x01",
    "a length of eleven bytes": b"\x0a" + b"\xff" * 10 + b"\x01",
    "a length of two gibibytes": b"\x0a\xff\xff\xff\xff\x07",
    "a length beyond 64 bits": b"\x0a" + b"\xff" * 9 + b"\x7f",
    "text that is not UTF-8": span(field(5, b"\xff\xfe")),
    "text with half a surrogate": span(field(5, b"\xed\xa0\x80")),
    "a key that is not UTF-8": span(attribute(b"\xff", text(b"x"))),
    "a value that is not UTF-8": span(attribute(b"k", text(b"\xc3\x28"))),
    "a value nested 51 deep": span(attribute(b"k", nested(51))),
    "a value nested 10 000 deep": span(attribute(b"k", nested(10_000))),
    "JSON": b'{"resourceSpans":[]}',
}


@BOTH
@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_what_is_not_otlp_is_refused(victim, protocol, name):
    assert BAD[protocol] == victim.send(protocol, MALFORMED[name]).status


def test_a_refusal_has_a_status_in_the_encoding_of_the_request(victim):
    answer = victim.post(MALFORMED["truncated"])

    assert "application/x-protobuf" == answer.headers["Content-Type"]
    assert 3 == Status.FromString(answer.body).code


ODD = {
    "nothing": b"",
    "an empty resource": field(1, b""),
    "an empty span name": span(field(5, b"")),
    "a value nested 40 deep": span(attribute(b"k", nested(40))),
    "a value without a value": span(attribute(b"k", b"")),
    "an attribute without a key": span(field(9, field(2, text(b"x")))),
    "a start of 0": span(fixed(7, bytes(8)) + fixed(8, bytes(8))),
    "an end before the start": span(fixed(7, struct.pack("<Q", 2)) + fixed(8, struct.pack("<Q", 1))),
    "times in the year 2262 and beyond": span(fixed(7, b"\xff" * 7 + b"\x7f") + fixed(8, b"\xff" * 8)),
    "a kind that does not exist": span(number(6, 99)),
    "a negative kind": span(number(6, (1 << 64) - 1)),
    "a field of the future": span(field(1000, b"new")),
    "the same span twice": span() + span(),
    "the same ids for other content": span(field(5, b"a")) + span(field(5, b"b")),
    "ids that come last": scope(field(2, field(5, b"name") + field(2, b"s" * 8) + field(1, b"t" * 16))),
    "a name with control characters": span(field(5, b"a\x00\n\x1b[31mb")),
    "128 attributes": span(attribute(b"k", text(b"v")) * 128),
    "10 000 attributes": span(attribute(b"k", text(b"v")) * 10_000),
    "an attribute of 64 KiB": span(attribute(b"k", text(b"v" * (64 << 10)))),
    "a key of 64 KiB": span(attribute(b"k" * (64 << 10), text(b"v"))),
}


@BOTH
@pytest.mark.parametrize("name", sorted(ODD))
def test_what_looks_odd_is_taken(victim, protocol, name):
    answer = victim.send(protocol, ODD[name])

    assert (OK[protocol], b"") == (answer.status, answer.body)


NUMBERS = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308]


@BOTH
def test_every_number_is_taken(victim, protocol):
    batch = honest(Signal.METRICS, items=len(NUMBERS))
    for point, value in zip(batch.records(), NUMBERS, strict=True):
        point.as_double = value
        point.attributes.add(key="", value={"string_value": "line\nbreak"})
        for label in range(1000):
            point.attributes.add(key=f"label{label}")
    options = {"path": "/v1/metrics"} if protocol == "http" else {"signal": Signal.METRICS}

    answer = victim.send(protocol, batch.wire, **options)

    assert (OK[protocol], b"") == (answer.status, answer.body)


def test_buckets_that_do_not_add_up_are_taken(victim):
    batch = honest(Signal.METRICS)
    metric = batch.request.resource_metrics[0].scope_metrics[0].metrics[0]
    metric.histogram.data_points.add(count=3, bucket_counts=[1, 2, 3, 4], explicit_bounds=[5, 1])

    assert 200 == victim.post(batch.wire, path="/v1/metrics").status


@BOTH
@pytest.mark.parametrize("size", [MIB + 1, 2 * MIB, 4 * MIB - 200])
def test_a_record_that_nothing_downstream_can_carry_is_refused(victim, protocol, size):
    message = span(attribute(b"k", text(b"v" * size)))

    assert TOO_LARGE[protocol] == victim.send(protocol, message).status


@BOTH
@pytest.mark.parametrize(
    "ids",
    [
        *(field(1, b"t" * size) + field(2, b"s" * 8) for size in (0, 1, 8, 15, 17, 32)),
        *(field(1, b"t" * 16) + field(2, b"s" * size) for size in (0, 1, 7, 9, 16)),
        field(1, bytes(16)) + field(2, b"s" * 8),
        field(1, b"t" * 16) + field(2, bytes(8)),
        b"",
    ],
    ids=lambda ids: ids.hex()[:40],
)
def test_spans_whose_ids_are_none_are_rejected_and_the_others_taken(victim, protocol, ids):
    answer = victim.send(protocol, span() + span(ids=ids) + span())

    response = SHAPES[Signal.TRACES].response.FromString(answer.body)
    assert (OK[protocol], 1) == (answer.status, response.partial_success.rejected_spans)


def test_an_id_given_twice_is_the_last_one(victim):
    twice = span(ids=field(1, b"t" * 16) + field(2, b"s" * 8) + field(1, b"short"))

    answer = victim.post(twice)

    assert 1 == SHAPES[Signal.TRACES].response.FromString(answer.body).partial_success.rejected_spans


@BOTH
def test_what_was_taken_is_what_arrives_and_what_was_refused_does_not(victim, protocol):
    before = victim.total("otelcol_receiver_accepted_spans"), victim.total("otelcol_exporter_sent_spans")

    victim.send(protocol, span(ids=b"") + span())
    victim.send(protocol, MALFORMED["truncated"])

    victim.wait_for(lambda: victim.imbalance(Signal.TRACES) == 0)
    after = victim.total("otelcol_receiver_accepted_spans"), victim.total("otelcol_exporter_sent_spans")
    assert [1, 1] == [new - old for new, old in zip(after, before, strict=True)]


def test_a_varint_helper_agrees_with_the_library():
    assert b"\xac\x02" == varint(300)
