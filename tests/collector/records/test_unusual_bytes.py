"""
What a function is shown is what goes on: nothing hides behind an encoding that no SDK uses.
"""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1 import resource_pb2

from collector.api import Metric, Span
from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.records.mapping import map_records, records_of
from collector.records.values import read_value
from collector.testing import make_batch, make_log, make_metric, make_span
from tests.collector.records.wire import field, pair, span_of, value_first


def test_the_last_of_several_attributes_with_one_key_counts_and_the_others_go():
    span = span_of(pair("user", "alice"), pair("x", "1"), pair("user", "mallory"))

    assert "mallory" == span["user"]
    assert "1" == span["x"]
    assert [pair("x", "1"), pair("user", "mallory")] == list(Span.message_type.FromString(span.wire).attributes)


def test_a_key_that_is_asked_for_in_vain_does_not_hide_behind_its_value():
    span = span_of(pair("x", "the user"), value_first("user", "alice"))

    assert "alice" == span["user"]


@pytest.mark.parametrize("look", [dict, list, len, lambda span: span.items(), lambda span: span.get("user")])
def test_however_one_looks_doubles_go(look):
    span = span_of(pair("user", "alice"), value_first("user", "mallory"))

    look(span)

    assert b"alice" not in span.wire


def test_a_key_inside_of_a_pair_can_be_overridden():
    """
    A field that comes twice in a message counts the second time.
    """
    span = span_of(pair("user", "alice") + b"\x0a\x04name")

    assert "user" not in span
    assert "alice" == span["name"]


def test_text_that_looks_like_an_attribute_is_none():
    forged = field(9, pair("role", "admin")).decode()
    span = make_span(attributes={"user_agent": forged})

    assert "role" not in span
    assert {"user_agent"} == set(span)


def test_deleting_removes_every_double():
    span = span_of(pair("user", "a"), value_first("user", "b"), pair("user", "c"))

    del span["user"]

    assert "user" not in Span(span.wire)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=3), st.booleans()), max_size=8))
def test_reading_agrees_with_the_official_parser(written):
    span = span_of(*((value_first if swapped else pair)(key, value) for key, value, swapped in written))

    expected = {key: value for key, value, _ in written}

    assert expected == {key: span[key] for key in "abc" if key in span}
    assert expected == dict(Span(span.wire))


def test_a_body_that_comes_in_two_parts_is_seen_whole():
    """
    Protobuf joins the parts of a message that comes twice.
    """
    log = make_log(body=["alice"])
    second = field(5, AnyValue(array_value={"values": [{"string_value": "bob"}]}).SerializeToString())
    (log,) = records_of(Batch(Signal.LOGS, wire=field(1, field(2, field(2, log.wire + second)))))

    log.body[:] = [name.upper() for name in log.body]

    assert ["ALICE", "BOB"] == type(log)(log.wire).body


def test_a_resource_that_comes_in_two_parts_is_seen_whole():
    first, second = (resource_pb2.Resource.FromString(field(1, pair(key, "x"))) for key in "ab")
    parts = field(1, first.SerializeToString()) + field(1, second.SerializeToString())
    (span,) = records_of(Batch(Signal.TRACES, wire=field(1, parts + field(2, field(2, b"")))))

    assert {"a": "x", "b": "x"} == dict(span.resource)


def official(record):
    """
    What the official message says of one span, log record or data point.
    """
    return {pair.key: read_value(pair.value) for pair in record.attributes}


def in_order(attributes):
    """
    Comparable: also with values that are equal to nothing, and not equal to others that they are not.
    """
    return sorted(map(repr, attributes.items()))


@settings(max_examples=400)
@given(st.sampled_from(sorted(RECORD_SIGNALS)), st.randoms(use_true_random=False), st.integers(1, 6))
def test_whatever_otlp_arrives_is_seen_as_the_official_parser_sees_it(signal, dice, changes):
    wire = bytearray(make_batch(signal, 2, user="alice", tags=["a", {"b": None}], n=7).wire)
    for _ in range(changes):
        wire[dice.randrange(len(wire))] = dice.randrange(256)
    batch = Batch(signal, wire=bytes(wire))
    try:
        expected = [official(record) for record in batch.copy().records()]
    except DecodeError:
        return

    seen = records_of(batch)
    if signal is Signal.METRICS:
        assume(all(len(list(metric._kinds())) <= 1 for metric in seen))  # see the last test
        seen = [point for metric in seen for point in metric.points]

    assert [in_order(attributes) for attributes in expected] == [in_order(record) for record in seen]


@settings(max_examples=200)
@given(st.sampled_from(sorted(RECORD_SIGNALS)), st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_was_masked_is_masked_for_the_official_parser_too(signal, dice, changes):
    """
    Whatever the bytes, no value is left that a function has overwritten.
    """
    wire = bytearray(make_batch(signal, 3, user="alice", other="alice").wire)
    for _ in range(changes):
        position = dice.randrange(len(wire))
        wire[position] = dice.choice(wire)

    def mask(record):
        for each in record.points if signal is Signal.METRICS else [record]:
            for key, value in each.items():
                if value == "alice":
                    each[key] = "****"
        return record

    try:
        SHAPES[signal].request.FromString(bytes(wire))
    except DecodeError:
        return
    masked = map_records(Batch(signal, wire=bytes(wire)), mask)

    values = [value for record in masked.records() for value in official(record).values()] if masked else []
    assert "alice" not in values


def test_a_metric_of_two_kinds_hides_no_points():
    """
    Of what excludes each other the last counts, but a backend may think otherwise.
    """
    both = b"".join(make_metric(kind=kind, points=[{"value": 1, "attributes": {"kind": kind}}]).wire for kind in KINDS)

    metric = Metric(both)
    for point in metric.points:
        point["kind"] = "seen"

    assert 2 == len(metric.points)
    assert (b"gauge" in both, b"gauge" in metric.wire) == (True, False)


KINDS = ("sum", "gauge")
