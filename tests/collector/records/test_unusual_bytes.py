"""
What a function is shown is what goes on: nothing hides behind an encoding that no SDK uses.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1 import resource_pb2

from collector.api import Span
from collector.batch import Batch, Signal
from collector.records.mapping import records_of
from collector.testing import make_log, make_span
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
