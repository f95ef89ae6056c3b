import math
import struct

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector.batch import CLIENT_ADDRESS, Batch, Signal
from collector.testing import make_spans
from tests.processors.attributes.changing import changed, processor, sha


@pytest.mark.parametrize(
    ("action", "there", "not_there"),
    [("insert", {"k": "old"}, {"k": "new"}), ("update", {"k": "new"}, {}), ("upsert", {"k": "new"}, {"k": "new"})],
)
def test_insert_update_and_upsert_differ_in_whether_the_key_has_to_be_there(action, there, not_there):
    assert there == changed({"k": "old"}, {"key": "k", "value": "new", "action": action})
    assert not_there == changed({}, {"key": "k", "value": "new", "action": action})


@pytest.mark.parametrize("value", ["text", "", 7, -1, 1.5, True, False, ["a", 1], {"a": {"b": None}}])
def test_a_value_has_the_type_it_has_in_yaml(value):
    (result,) = changed({}, {"key": "k", "value": value, "action": "insert"}).values()

    assert (type(value), value) == (type(result), result)


def test_the_name_of_an_action_may_be_upper_case():
    assert {} == changed({"k": 1}, {"key": "k", "action": "DELETE"})


@pytest.mark.parametrize(("pattern", "left"), [("id$", [b""]), ("^$", [b"\n\x02id"]), (".*", [])])
def test_an_attribute_that_has_no_bytes_goes_only_if_it_is_meant(pattern, left):
    batch = make_spans({})
    (span,) = (span for r in batch.request.resource_spans for s in r.scope_spans for span in s.spans)
    del span.attributes[:]
    span.attributes.extend([KeyValue(), KeyValue(key="id")])
    wire = batch.request.SerializeToString()

    result = processor(actions=[{"pattern": pattern, "action": "delete"}]).process(Batch(Signal.TRACES, wire=wire))

    (span,) = (span for r in result.request.resource_spans for s in r.scope_spans for span in s.spans)
    assert left == [attribute.SerializeToString() for attribute in span.attributes]


def test_actions_are_done_in_their_order():
    assert {"b": "x", "c": "x"} == changed(
        {"a": "x"},
        {"key": "b", "from_attribute": "a", "action": "insert"},
        {"key": "c", "from_attribute": "b", "action": "insert"},
        {"key": "a", "action": "delete"},
    )


@pytest.mark.parametrize("value", ["x", 7, [1, {"a": b"b"}], "y" * 500])
def test_from_attribute_copies_a_value_of_any_type(value):
    assert {"a": value, "b": value} == changed(
        {"a": value, "b": "old"}, {"key": "b", "from_attribute": "a", "action": "upsert"}
    )


def test_from_attribute_without_its_source_does_nothing():
    assert {"b": 1} == changed({"b": 1}, {"key": "b", "from_attribute": "a", "action": "upsert"})


def test_default_value_is_for_a_source_that_is_not_there():
    action = {"key": "b", "from_attribute": "a", "default_value": "none", "action": "insert"}

    assert {"b": "none"} == changed({}, action)
    assert {"a": 1, "b": 1} == changed({"a": 1}, action)


def test_from_context_is_a_header_whatever_its_case():
    action = {"key": "tenant", "from_context": "metadata.X-Tenant", "action": "upsert"}

    assert {"tenant": "shop"} == changed({}, action, metadata={"x-tenant": "shop"})
    assert {} == changed({}, action)
    assert {"tenant": 0} == changed({}, {**action, "default_value": 0})


def test_from_context_may_be_the_address_of_the_client():
    action = {"key": "peer", "from_context": "client.address", "action": "insert"}

    assert {"peer": "10.1.2.3"} == changed({}, action, metadata={CLIENT_ADDRESS: "10.1.2.3"})
    assert {} == changed({}, action)


def test_from_context_may_leave_out_the_prefix():
    assert {"t": "shop"} == changed(
        {}, {"key": "t", "from_context": "x-t", "action": "insert"}, metadata={"x-t": "shop"}
    )


def test_a_header_that_is_no_text_costs_no_batch():
    """
    Headers are bytes, and what is no UTF-8 in them is kept as surrogates.
    """
    action = {"key": "t", "from_context": "metadata.t", "action": "insert"}

    assert {"t": "a\ufffd"} == changed({}, action, metadata={"t": b"a\xff".decode(errors="surrogateescape")})


def test_delete_takes_a_key_and_a_pattern():
    attributes = {"a": 1, "secret.b": 2, "c.secret": 3, "d": 4}

    assert {"d": 4} == changed(attributes, {"key": "a", "pattern": "secret", "action": "delete"})
    assert {"a": 1, "c.secret": 3, "d": 4} == changed(attributes, {"pattern": "^secret", "action": "delete"})


@pytest.mark.parametrize(
    ("value", "hashed"),
    [
        ("alice", sha(b"alice")),
        ("é" * 300, sha("é".encode() * 300)),
        ("", ""),
        (True, sha(b"\x01")),
        (False, sha(b"\x00")),
        (7, sha(struct.pack("<q", 7))),
        (-1, sha(b"\xff" * 8)),
        (1.5, sha(struct.pack("<d", 1.5))),
        (b"bytes", ""),
        (["alice"], ""),
        ({"a": "alice"}, ""),
    ],
)
def test_hash_is_the_sha_256_of_the_bytes_of_a_value(value, hashed):
    assert {"k": hashed} == changed({"k": value}, {"key": "k", "action": "hash"})


def test_hash_takes_a_pattern():
    assert {"user.id": sha(b"a"), "user.name": sha(b"b"), "x": "c"} == changed(
        {"user.id": "a", "user.name": "b", "x": "c"}, {"pattern": "^user\\.", "action": "hash"}
    )


def test_extract_makes_attributes_of_groups_and_overwrites():
    action = {"key": "url", "pattern": "^(?P<scheme>[a-z]+)://(?P<host>[^/]+)(?P<path>/.*)?", "action": "extract"}

    assert {"url": "http://x.org", "scheme": "http", "host": "x.org", "path": ""} == changed(
        {"url": "http://x.org", "host": "old"}, action
    )


@pytest.mark.parametrize("value", ["no match", 7, b"http://x", ["http://x"]])
def test_extract_does_nothing_without_a_match_in_a_text(value):
    action = {"key": "url", "pattern": "^(?P<scheme>[a-z]+)://", "action": "extract"}

    assert {"url": value} == changed({"url": value}, action)


@pytest.mark.parametrize(
    ("value", "type_", "converted"),
    [
        ("42", "int", 42),
        ("+042", "int", 42),
        ("+5", "int", 5),
        ("-7", "int", -7),
        ("-0", "int", 0),
        ("0" * 5000 + "1", "int", 1),
        ("9223372036854775807", "int", 2**63 - 1),
        ("9223372036854775808", "int", "9223372036854775808"),
        ("-9223372036854775808", "int", -(2**63)),
        ("-9223372036854775809", "int", "-9223372036854775809"),
        ("9" * 5000, "int", "9" * 5000),
        ("1e3", "int", "1e3"),
        ("0x10", "int", "0x10"),
        ("+", "int", "+"),
        ("true", "int", "true"),
        ("1.5", "int", "1.5"),
        (" 1", "int", " 1"),
        ("1 ", "int", "1 "),
        ("1\n", "int", "1\n"),
        ("1_0", "int", "1_0"),
        ("\u0663", "int", "\u0663"),
        ("", "int", ""),
        (2.9, "int", 2),
        (-2.9, "int", -2),
        (1e300, "int", 1e300),
        (float(2**63), "int", float(2**63)),
        (-float(2**63), "int", -(2**63)),
        (float("inf"), "int", float("inf")),
        (True, "int", 1),
        (False, "int", 0),
        ([1], "int", [1]),
        ({"a": 1}, "int", {"a": 1}),
        (b"1", "int", b"1"),
        (None, "int", None),
        ("1.5", "double", 1.5),
        ("1e3", "double", 1000.0),
        ("1e999", "double", "1e999"),
        ("-1E+3", "double", -1000.0),
        ("+5", "double", 5.0),
        (".5", "double", 0.5),
        ("5.", "double", 5.0),
        ("1e-999", "double", 0.0),
        ("-1e999", "double", "-1e999"),
        ("9" * 400, "double", "9" * 400),
        ("-Inf", "double", float("-inf")),
        ("+infinity", "double", float("inf")),
        ("infinit", "double", "infinit"),
        ("+nan", "double", "+nan"),
        (" 5", "double", " 5"),
        ("5\n", "double", "5\n"),
        ("1_0", "double", "1_0"),
        ("0x1p3", "double", "0x1p3"),
        (".", "double", "."),
        ("1e", "double", "1e"),
        ("", "double", ""),
        ("\u0663", "double", "\u0663"),
        ("true", "double", "true"),
        ("one", "double", "one"),
        (3, "double", 3.0),
        (2**63 - 1, "double", float(2**63)),
        (True, "double", 1.0),
        (False, "double", 0.0),
        ([1.5], "double", [1.5]),
        (None, "double", None),
        (b"1", "double", b"1"),
        (42, "string", "42"),
        (1.0, "string", "1"),
        (-(2**63), "string", "-9223372036854775808"),
        (1e21, "string", "1e+21"),
        (1e-7, "string", "1e-7"),
        (float("-inf"), "string", "-Infinity"),
        (True, "string", "true"),
        (None, "string", ""),
        ([1, "a"], "string", '[1,"a"]'),
        ({"a": 1.5}, "string", '{"a":1.5}'),
        (b"\x00\xff", "string", "AP8="),
        ("x", "string", "x"),
    ],
)
def test_convert_leaves_what_it_cannot_convert(value, type_, converted):
    (result,) = changed({"k": value}, {"key": "k", "converted_type": type_, "action": "convert"}).values()

    assert (type(converted), converted) == (type(result), result)


@pytest.mark.parametrize("text", ["NaN", "nan", "NAN"])
def test_convert_knows_nan_however_it_is_written(text):
    (result,) = changed({"k": text}, {"key": "k", "converted_type": "double", "action": "convert"}).values()

    assert math.isnan(result)


def test_convert_of_nan_to_an_integer_leaves_it():
    (result,) = changed({"k": float("nan")}, {"key": "k", "converted_type": "int", "action": "convert"}).values()

    assert isinstance(result, float)


def test_an_allow_list_deletes_all_other_keys_after_the_actions():
    attributes = {"a": 1, "http.route": 2, "http.method": 3, "x": 4}
    action = {"key": "new", "value": 5, "action": "insert"}

    assert {"a": 1, "http.route": 2, "http.method": 3} == changed(
        attributes, action, keep_keys=["a"], keep_key_patterns=["^http\\."]
    )
    assert {"a": 1, "new": 5} == changed(attributes, action, keep_keys=["a", "new"])
