"""
What is done to bytes that only look like attributes, and to requests that no encoder writes.
"""

import random

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.batch import RECORD_SIGNALS, Batch, Signal
from collector.testing import make_batch, run_processor
from collector.testing import settings as engine
from processors.attributes import AttributesConfig, factory
from tests.collector.actions.plain import act, any_value, comparable, official
from tests.collector.actions.test_agreement import ENCODINGS, encoded, part, request_with

GROUP = b"\xfb\x01\x08\x01\xfc\x01"
"""A field of a kind that is no longer written, and that parsers step over."""


def processed(wire, signal=Signal.TRACES, **config):
    built = factory.build(AttributesConfig.model_validate(config), engine("attributes"))
    return Batch.decode(signal, built.process(Batch(signal, wire=wire)).wire)


def attributes_of(batch):
    return [[pair.SerializeToString() for pair in record.attributes] for record in batch.records()]


def note(content):
    return KeyValue(key="note", value=AnyValue(bytes_value=content)).SerializeToString()


@pytest.mark.parametrize("behind", range(40))
def test_what_is_behind_a_text_that_looks_like_an_attribute_does_not_hide_that_it_is_one(behind):
    """
    Whatever length a field before it says it has.
    """
    forged = note(b".." + part(0x4A, encoded("user.id", any_value("v"))) + b"." * behind)
    records = [[forged], [encoded("user.id", any_value("w"))], [forged]]
    wire = request_with(Signal.TRACES, records, first=False)

    result = processed(wire, actions=[{"key": "user.id", "action": "delete"}])

    assert [[forged], [], [forged]] == attributes_of(result)


def test_what_looks_like_an_attribute_need_not_have_a_value():
    """
    Hashing what stands there would fail.
    """
    forged = note(b"." + part(0x4A, part(0x0A, b"user.id") + part(0x12, b"\xff\xff\xff")))
    wire = request_with(Signal.TRACES, [[forged]], first=True)

    assert [[forged]] == attributes_of(processed(wire, actions=[{"key": "user.id", "action": "hash"}]))


@pytest.mark.parametrize("place", [0, 5, 299])
@pytest.mark.parametrize("action", ["delete", "hash", "upsert"])
def test_one_record_that_is_not_like_the_others_changes_nothing_for_them(place, action):
    value = {"value": "new"} if action == "upsert" else {}
    forged = note(b"..." + part(0x4A, encoded("user.id", any_value("v"))) + b"..")
    records = [[encoded("a", any_value("b")), encoded("user.id", any_value(str(n)))] for n in range(300)]
    alike = processed(
        request_with(Signal.TRACES, records, first=False), actions=[{"key": "user.id", "action": action, **value}]
    )
    expected = attributes_of(alike)
    records[place] = [forged]
    expected[place] = [forged, encoded("user.id", any_value("new"))] if action == "upsert" else [forged]

    result = processed(
        request_with(Signal.TRACES, records, first=False), actions=[{"key": "user.id", "action": action, **value}]
    )

    assert expected == attributes_of(result)


def test_a_limit_counts_a_value_once_whatever_else_is_in_the_request():
    forged = note(b"." + part(0x4A, encoded("route", any_value("x"))) + b".")
    records = [[encoded("route", any_value(value))] for value in "abc"]
    twice = [[encoded("route", any_value("old")), encoded("route", any_value("d"))]]
    wire = request_with(Signal.TRACES, [*records, [forged], *twice], first=True)
    yaml = "attributes: {limit: {max_values_per_key: 1, keys: [route]}}"

    outcome = run_processor(yaml, Batch(Signal.TRACES, wire=wire))

    assert ["a", "_OTHER", "_OTHER", None, "_OTHER"] == [record.get("route") for record in outcome.records]
    counts = [value for metric, _, value in outcome.telemetry.samples() if metric.name.endswith("overflowed_values")]
    assert [3] == counts


@pytest.mark.parametrize("source", [{"value": "new"}, {"from_attribute": "b", "default_value": "new"}])
@pytest.mark.parametrize("action", ["insert", "upsert"])
def test_a_key_that_is_limited_is_added_to_records_of_which_none_has_it(action, source):
    wire = request_with(Signal.TRACES, [[encoded("a", any_value("x"))], []], first=True)
    limit = {"max_values_per_key": 1, "keys": ["route"]}

    result = processed(wire, actions=[{"key": "route", "action": action, **source}], limit=limit)

    assert ["new", "new"] == [span.attributes[-1].value.string_value for span in result.records()]


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_a_request_with_a_group_is_changed_too_and_keeps_it(signal):
    wire = make_batch(signal, 2, **{"user.id": "alice"}).wire

    result = processed(GROUP + wire, signal, actions=[{"key": "user.id", "action": "delete"}])

    assert [[], []] == attributes_of(result)
    assert GROUP in result.wire


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_what_is_no_request_is_refused(signal):
    wire = make_batch(signal, 2, **{"user.id": "alice"}).wire
    config = AttributesConfig.model_validate({"actions": [{"key": "user.id", "action": "delete"}]})

    with pytest.raises(DecodeError):
        factory.build(config, engine("attributes")).process(Batch(signal, wire=wire[:-1]))


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_fields_that_nobody_knows_between_records_stay(signal):
    (record,) = make_batch(signal, 1, **{"user.id": "alice"}).records()
    attribute = record.DESCRIPTOR.fields_by_name["attributes"].number << 3 | 2
    rest = type(record)()
    rest.CopyFrom(record)
    rest.ClearField("attributes")
    unknown = part(0x7A, b"tomorrow")
    with_it = rest.SerializeToString() + part(attribute, encoded("user.id", any_value("alice")))
    without = rest.SerializeToString()

    def request(content):
        if signal is Signal.METRICS:
            content = part(0x12, part(0x2A, content))
        return part(0x0A, part(0x12, content))

    tag = 0x0A if signal is Signal.METRICS else 0x12
    wire = request(unknown + part(tag, with_it) + unknown + part(tag, with_it) + unknown)

    result = processed(wire, signal, actions=[{"key": "user.id", "action": "delete"}])

    expected = Batch.decode(signal, request(part(tag, without) * 2 + unknown * 3))
    assert expected.request == result.request


MANY = 700
"""Records of more portions than one."""


@pytest.mark.parametrize("odd", [0, 3, 70])
@pytest.mark.parametrize("actions", ["delete a, hash user.id", "copy a, upsert b", "extract a, convert b", "patterns"])
def test_many_records_come_out_as_if_each_came_by_itself(actions, odd):
    """
    With some keys and without, in any order, with short values and long ones, and so many written in an odd way.
    """
    dice = random.Random(f"{actions} {odd}")
    records = [
        [encoded(key, any_value(dice.choice(VALUES))) for key in dice.sample(FEW_KEYS, dice.randint(0, 4))]
        for _ in range(MANY)
    ]
    for place in dice.sample(range(MANY), odd):
        how = dice.choice(sorted(ENCODINGS))
        records[place].append(encoded(dice.choice(FEW_KEYS), any_value("v"), how))
    wire = request_with(Signal.TRACES, records, first=dice.random() < 0.5)
    expected = [official(span.attributes) for span in Batch.decode(Signal.TRACES, wire).records()]
    for attributes in expected:
        act(attributes, PROGRAMS[actions], {})

    result = processed(wire, actions=PROGRAMS[actions])

    assert [comparable(each) for each in expected] == [comparable(official(r.attributes)) for r in result.records()]


FEW_KEYS = ["user.id", "enduser.id", "a", "b"]
VALUES = [
    "",
    "alice",
    "a1",
    "7",
    "x" * 110,
    "x" * 125,
    "x" * 126,
    "x" * 127,
    "x" * 128,
    "y" * 5000,
    "z" * 20_000,
    7,
    1.5,
]
PROGRAMS = {
    "delete a, hash user.id": [{"key": "a", "action": "delete"}, {"key": "user.id", "action": "hash"}],
    "copy a, upsert b": [
        {"key": "copy", "from_attribute": "a", "action": "insert"},
        {"key": "b", "value": "w" * 200, "action": "upsert"},
    ],
    "extract a, convert b": [
        {"key": "a", "pattern": "^(?P<user>[a-z]+)(?P<n>[0-9])?", "action": "extract"},
        {"key": "b", "converted_type": "int", "action": "convert"},
        {"key": "n", "value": "none", "action": "insert"},
    ],
    "patterns": [{"pattern": "id$", "action": "hash"}, {"pattern": "^[a-m]$", "action": "delete"}],
}


@pytest.mark.parametrize("config", [{"keep_keys": ["a"]}, {"actions": [{"pattern": "^$", "action": "delete"}]}])
@pytest.mark.parametrize("how", ["no key", "unknown field first"])
def test_an_attribute_that_does_not_say_its_key_has_an_empty_one(config, how):
    """
    Other attributes that say theirs twice do not hide it.
    """
    value = any_value("secret").SerializeToString()
    nameless = {"no key": part(0x12, value), "unknown field first": part(0x7A, b"tomorrow") + part(0x12, value)}[how]
    records = [[encoded("a", any_value("b"), "key twice")], [encoded("a", any_value("b")), nameless]] * 3

    result = processed(request_with(Signal.TRACES, records, first=True), **config)

    assert [["a"]] * 6 == [[pair.key for pair in span.attributes] for span in result.records()]


def test_more_keys_than_are_looked_for_one_by_one_are_chosen_by_a_pattern():
    records = [[encoded(f"k{n % 7}.{n}", any_value("v")) for n in range(m, m + 20)] for m in range(200)]

    result = processed(request_with(Signal.TRACES, records, first=True), keep_key_patterns=["^k0"])

    kept = [[pair.key for pair in span.attributes] for span in result.records()]
    assert [[f"k0.{n}" for n in range(m, m + 20) if n % 7 == 0] for m in range(200)] == kept


def forged_in(key):
    """
    An attribute whose value is as the one of another key is written.
    """
    inside = b"." + part(0x4A, encoded("user.id" if key == "a" else "a", any_value("v"))) + b"."
    return KeyValue(key=key, value=AnyValue(bytes_value=inside)).SerializeToString()


@pytest.mark.parametrize("first", [True, False], ids=["other fields behind", "other fields before"])
@pytest.mark.parametrize("order", [["a", "user.id"], ["user.id", "a"]], ids=str)
@pytest.mark.parametrize("forged", ["a", "user.id"])
def test_a_value_that_looks_like_the_attribute_of_another_key_goes_with_its_own(forged, order, first):
    """
    Whether there is such an attribute besides or not.
    """
    alike = [encoded(key, any_value("w")) for key in order]
    both = [forged_in(key) if key == forged else encoded(key, any_value("w")) for key in order]
    wire = request_with(Signal.TRACES, [alike, both, [forged_in(forged)], alike] * 3, first=first)
    expected = [official(span.attributes) for span in Batch.decode(Signal.TRACES, wire).records()]
    for attributes in expected:
        act(attributes, PROGRAMS["delete a, hash user.id"], {})

    result = processed(wire, actions=PROGRAMS["delete a, hash user.id"])

    assert [comparable(each) for each in expected] == [comparable(official(r.attributes)) for r in result.records()]


def test_keys_that_no_record_has_together_are_found_each_where_it_is():
    records = [[encoded("note", any_value("x")), encoded(key, any_value(key))] for key in ["a", "user.id", "b"] * 4]
    wire = request_with(Signal.TRACES, records, first=False)

    result = processed(wire, actions=[{"key": key, "action": "delete"} for key in ["b", "user.id", "a"]])

    assert [["note"]] * 12 == [[pair.key for pair in span.attributes] for span in result.records()]
