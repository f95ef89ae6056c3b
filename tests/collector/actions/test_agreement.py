"""
Bytes or messages, usual encodings or odd ones: what comes out is what the actions say, to the official parser.
"""

import re

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.testing import make_batch
from collector.testing import settings as engine
from processors.attributes import AttributesConfig
from processors.attributes import factory as attributes
from processors.resource import factory as resource
from tests.collector.actions.plain import act, any_value, comparable, official

KEYS = ["user.id", "enduser.id", "a", "b", "key.of.eighteen.ch", "key.of.ten"]
SOURCES = st.sampled_from(
    [
        {"value": "new"},
        {"value": ""},
        {"value": 7},
        {"value": False},
        {"value": ["x", {"y": 1.5}]},
        {"from_attribute": "a"},
        {"from_attribute": "user.id"},
        {"from_attribute": "b", "default_value": "none"},
        {"from_context": "metadata.X-Tenant"},
        {"from_context": "x-other", "default_value": 3},
        {"from_context": "x-other"},
        {"default_value": True},
    ]
)
KEY = st.sampled_from(KEYS)
MEANT = st.one_of(
    st.builds(lambda key: {"key": key}, KEY),
    st.builds(lambda pattern: {"pattern": pattern}, st.sampled_from(["id$", "^user", "^[ab]$", "x"])),
    st.builds(lambda key, pattern: {"key": key, "pattern": pattern}, KEY, st.sampled_from(["^enduser", "^b"])),
)
ACTION = st.one_of(
    st.builds(
        lambda name, key, source: {"action": name, "key": key, **source},
        st.sampled_from(["insert", "UPDATE", "upsert"]),
        KEY,
        SOURCES,
    ),
    st.builds(lambda name, meant: {"action": name, **meant}, st.sampled_from(["delete", "Hash"]), MEANT),
    st.builds(lambda key: {"action": "extract", "key": key, "pattern": "(?P<b>[a-z]+)(?P<c>[0-9])?"}, KEY),
    st.builds(
        lambda key, type_: {"action": "convert", "key": key, "converted_type": type_},
        KEY,
        st.sampled_from(["int", "double", "string"]),
    ),
)
BY_KEY = st.one_of(
    st.builds(lambda name, key: {"action": name, "key": key}, st.sampled_from(["delete", "hash"]), KEY),
    st.builds(
        lambda name, key, value: {"action": name, "key": key, "value": value},
        st.sampled_from(["insert", "update", "upsert"]),
        KEY,
        st.sampled_from(["new", "x" * 140, 5]),
    ),
)
ACTIONS = st.one_of(st.lists(BY_KEY, min_size=1, max_size=3), st.lists(ACTION, min_size=1, max_size=4))
TEXTS = [
    "",
    "alice",
    "a1",
    "12",
    "-7",
    "1.5",
    "user.id",
    "\x07user.id",
    "x" * 127,
    "y" * 300,
    "9" * 25,
    "\n\x07user.id",
]
VALUE = st.one_of(
    st.sampled_from([any_value(text) for text in TEXTS]),
    st.sampled_from([any_value(value) for value in (True, False, 0, -3, 2**62, 1.5, 1e300, float("nan"))]),
    st.sampled_from([any_value(["alice"]), any_value({"user.id": "alice"}), AnyValue(bytes_value=b"a"), AnyValue()]),
)


def length(size, *, longer=False):
    """
    A varint, on request in one byte more than it needs.
    """
    parts = bytearray()
    while size >= 128 or longer:
        parts.append(size & 127 | 128)
        size >>= 7
        longer = longer and size >= 128
    parts.append(size)
    return bytes(parts)


def part(tag, payload, *, longer=False):
    return bytes([tag]) + length(len(payload), longer=longer) + payload


ENCODINGS = {
    "as usual": lambda key, name, content: name + content,
    "value first": lambda key, name, content: content + name,
    "key twice": lambda key, name, content: part(0x0A, b"b") + content + name,
    "another key first": lambda key, name, content: name + content + part(0x0A, b"other"),
    "value twice": lambda key, name, content: name + part(0x12, any_value("old").SerializeToString()) + content,
    "unknown field": lambda key, name, content: name + part(0x7A, b"tomorrow") + content,
    "unknown field first": lambda key, name, content: part(0x7A, b"J\x20") + name + content,
    "long length": lambda key, name, content: part(0x0A, key.encode(), longer=True) + content,
    "long tag": lambda key, name, content: b"\x8a\x00" + name[1:] + content,
    "no value": lambda key, name, content: name,
    "no key": lambda key, name, content: content,
}
HOW = st.sampled_from([*["as usual"] * 20, *ENCODINGS])


def encoded(key, value, how="as usual"):
    """
    One attribute, as an encoder could write it that wants to hide it.
    """
    return ENCODINGS[how](key, part(0x0A, key.encode()), part(0x12, value.SerializeToString()))


PAIR = st.builds(encoded, KEY, VALUE, HOW)
FORGED = st.builds(
    lambda key, tag: KeyValue(
        key="note", value=AnyValue(bytes_value=b"%b%b" % (b"." * 3, part(tag, encoded(key, any_value("v")))))
    ).SerializeToString(),
    KEY,
    st.sampled_from([0x4A, 0x32, 0x3A, 0x0A]),
)
PAIRS = st.lists(st.one_of(PAIR, PAIR, PAIR, FORGED), max_size=6)


def request_with(signal, attributes, *, first):
    """
    A request whose records have these serialised attributes, before or behind their other fields.

    Bytes put together, since official messages would write what is odd as usual.
    """
    records = []
    for record, pairs in zip(make_batch(signal, len(attributes)).records(), attributes, strict=True):
        field = record.DESCRIPTOR.fields_by_name["attributes"].number
        wire = b"".join(part(field << 3 | 2, pair) for pair in pairs)
        records.append(wire + record.SerializeToString() if first else record.SerializeToString() + wire)
    if signal is Signal.METRICS:
        records = [part(0x2A, b"".join(part(0x0A, record) for record in records))]  # the points of a gauge
    return part(0x0A, part(0x12, b"".join(part(0x12, record) for record in records)))


def without_attributes(record):
    copy = type(record)()
    copy.CopyFrom(record)
    copy.ClearField("attributes")
    return copy


def looked_at(actions, metadata):
    """
    The keys of which none comes twice behind the actions.
    """
    keys = set()
    for action in actions:
        if action.get("pattern") and action["action"].lower() != "extract":
            keys |= {key for key in (*KEYS, "c", "note", "other") if re.search(action["pattern"], key)}
        has_value = any(name in action for name in ("value", "from_attribute", "default_value"))
        if "from_context" not in action or has_value or (metadata and action["from_context"] != "x-other"):
            keys |= {action[name] for name in ("key", "from_attribute") if name in action}
        if action["action"] == "extract":
            keys |= {"b", "c"}
    return keys


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(RECORD_SIGNALS)),
    ACTIONS,
    st.lists(PAIRS, min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([{}, {"x-tenant": "t"}]),
)
def test_records_come_out_as_the_actions_say(signal, actions, pairs, first, metadata):
    batch = Batch.decode(signal, request_with(signal, pairs, first=first), metadata)
    before = list(Batch(signal, wire=batch.wire).records())
    config = attributes.config.model_validate({"actions": actions})

    result = attributes.build(config, engine("attributes")).process(batch)

    after = list(Batch.decode(signal, result.wire).records())
    assert len(before) == len(after)
    for was, now in zip(before, after, strict=True):
        expected = official(was.attributes)
        act(expected, actions, metadata)
        assert comparable(expected) == comparable(official(now.attributes))
        assert without_attributes(was) == without_attributes(now)
        keys = [pair.key for pair in now.attributes]
        changed = was != now
        names = looked_at(actions, metadata)
        if changed:
            assert all(keys.count(key) == 1 for key in keys if key in names)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(RECORD_SIGNALS)), ACTIONS, PAIRS, st.sampled_from([{}, {"x-tenant": "t"}]))
def test_resources_come_out_as_the_actions_say(signal, actions, pairs, metadata):
    resources = b"".join(part(0x0A, part(0x0A, pair)) for pair in pairs)  # in as many parts
    wire = part(0x0A, resources + part(0x12, part(0x12, b"")))
    batch = Batch.decode(signal, wire, metadata)
    expected = official(_resource(signal, wire).attributes)
    act(expected, actions, metadata)
    config = resource.config.model_validate({"attributes": actions})

    result = resource.build(config, engine("resource")).process(batch)

    assert comparable(expected) == comparable(official(_resource(signal, result.wire).attributes))
    assert len(batch) == len(result)


def _resource(signal, wire):
    batch = Batch(signal, wire=wire)
    return batch.shape.path[0](batch.request)[0].resource


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(RECORD_SIGNALS)), ACTIONS, st.randoms(use_true_random=False), st.integers(1, 6))
def test_whatever_otlp_arrives_otlp_leaves(signal, actions, dice, changes):
    """
    Bytes that no encoder wrote, but that the official parser takes.
    """
    wire = bytearray(make_batch(signal, 3, **{"user.id": "alice", "a": "b", "b": 7}).wire)
    for _ in range(changes):
        wire[dice.randrange(len(wire))] = dice.choice([dice.randrange(256), *wire[:20]])
    wire = bytes(wire)
    try:
        before = list(Batch.decode(signal, wire).records())
    except DecodeError:
        return
    config = AttributesConfig.model_validate({"actions": actions})

    result = attributes.build(config, engine("attributes")).process(Batch(signal, wire=wire))

    SHAPES[signal].request.FromString(result.wire)
    after = list(Batch(signal, wire=result.wire).records())
    for was, now in zip(before, after, strict=True):
        expected = official(was.attributes)
        act(expected, actions, {})
        assert comparable(expected) == comparable(official(now.attributes))


@pytest.mark.parametrize("tag", [0x4A, 0x32, 0x3A, 0x0A])
@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_text_that_looks_like_an_attribute_stays_text(signal, tag):
    forged = KeyValue(
        key="note", value=AnyValue(bytes_value=b"." + part(tag, encoded("user.id", any_value("x" * 20))) + b".")
    ).SerializeToString()
    batch = Batch(signal, wire=request_with(signal, [[forged], [encoded("user.id", any_value("v"))]], first=False))
    config = AttributesConfig.model_validate({"actions": [{"key": "user.id", "action": "delete"}]})

    result = attributes.build(config, engine("attributes")).process(batch)

    first, second = Batch.decode(signal, result.wire).records()
    assert [KeyValue.FromString(forged)] == list(first.attributes)
    assert [] == list(second.attributes)


@pytest.mark.parametrize("action", ["delete", "hash"])
@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_the_second_byte_of_a_length_is_not_taken_for_the_tag_of_a_key(signal, action):
    """
    A key of 107 bytes, that length and a length of 0x8C 0x0A before it look like a key of ten bytes.
    """
    key = b"ey.of.ten\x12" + bytes([0x8C - 14]) * 97
    size = 0x8C & 0x7F | 0x0A << 7
    value = AnyValue(string_value="x" * (size - 2 - len(key) - 6))
    pair = part(0x0A, key) + part(0x12, value.SerializeToString())
    assert (size, ord("k")) == (len(pair), len(key))
    batch = Batch(signal, wire=request_with(signal, [[pair]], first=True))
    config = AttributesConfig.model_validate({"actions": [{"key": "key.of.ten", "action": action}]})

    result = attributes.build(config, engine("attributes")).process(batch)

    (record,) = Batch.decode(signal, result.wire).records()
    assert [KeyValue.FromString(pair)] == list(record.attributes)


def test_a_batch_that_mentions_no_key_is_the_very_one_that_came():
    batch = make_batch(Signal.TRACES, 3, user="alice")
    config = AttributesConfig.model_validate({"actions": [{"key": "user.id", "action": "delete"}]})

    assert batch is attributes.build(config, engine("attributes")).process(batch)
