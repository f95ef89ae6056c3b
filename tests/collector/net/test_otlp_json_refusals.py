from __future__ import annotations

import gc
import json
import random
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import SHAPES, Signal
from collector.net.bad_input import BadData, BadInput, TooLarge
from collector.net.otlp_json import decode, encode
from collector.testing import make_batch
from tests.collector.net.json_spans import SPANS, a_span, decode_span, decode_spans, decode_value


@pytest.mark.parametrize("text", ["A", "AAAA=", "AA=", "A===", "A!==", "AA=A", " AAAA", "AAAA\n", "ä"])
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(BadData, match=r"AnyValue\.bytesValue must be bytes in base64"):
        decode_value({"bytesValue": text})


@pytest.mark.parametrize(
    "text", ["5B8EFFF798038103D269B633813FC60C"[:-1], "zz", "ab cd", "é0", "W47/95gDgQPSabYzgT/GDA=="]
)
def test_what_is_not_hexadecimal_is_no_id(text):
    with pytest.raises(BadData, match=r"Span\.traceId must be an id in hexadecimal"):
        decode_span(traceId=text)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 1},
        {"name": ["a"]},
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": "2"},
        {"kind": 2.0},
        {"kind": True},
        {"kind": 1 << 31},
        {"traceId": 7},
        {"attributes": {}},
        {"attributes": [None]},
        {"attributes": ["a"]},
        {"status": []},
        {"status": "ok"},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": "1.5"},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": " 1"},
        {"startTimeUnixNano": "٣"},
        {"startTimeUnixNano": True},
        {"startTimeUnixNano": "18446744073709551616"},
        {"startTimeUnixNano": 1.8446744073709552e19},
        {"flags": 1 << 32},
        {"droppedAttributesCount": -1},
        {"droppedAttributesCount": {}},
        {"attributes": [{"key": "a", "value": {"intValue": 1 << 63}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": 1}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": "true"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "nan"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "1_0"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "1e999"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": False}}]},
        {"attributes": [{"key": "a", "value": {"intValue": 1, "stringValue": "b"}}]},
    ],
)
def test_a_wrong_type_is_refused(fields):
    with pytest.raises(BadData):
        decode_span(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"a"',
        b"{",
        b"{}{}",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": ' + b"1" * 5000 + b"}",
        rb'{"a": "\ud800"}',
        b'{"a": "\xff"}',
        b"{'a': 1}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"resourceSpans": 1}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_otlp_is_refused(body):
    with pytest.raises(BadData):
        decode(Signal.TRACES, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceSpans": [], "resourceSpans": []}',
        b'{"unknown": {"a": 1, "a": 2}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": 1, "a": 2, "b": "\\u003a"}',
        b'{"a": 1, "a": "\\u003A"}',
        b'{"a:": ":", "a:": "::"}',
    ],
)
def test_a_repeated_key_is_refused(body):
    with pytest.raises(BadData, match="twice"):
        decode(Signal.TRACES, body)


PIECES = [":", "a", r"\\", r"\u003a", r"\u003A", "u003a", r"\"", r"\u005c", "{", ","]


texts = st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: f'"{"".join(pieces)}"')


objects = st.recursive(
    texts | st.just("1"),
    lambda inner: st.lists(st.tuples(texts, inner), max_size=4).map(
        lambda pairs: "{" + ", ".join(f"{key} : {value}" for key, value in pairs) + "}"
    ),
    max_leaves=8,
)


def has_a_repeated_key(text):
    found = []

    def look(pairs):
        found.append(len({key for key, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    return any(found)


@given(inner=objects)
def test_every_repeated_key_is_found_and_nothing_else(inner):
    text = f'{{"unknown": {inner}}}'
    try:
        json.loads(text)
    except ValueError:
        return

    try:
        decode(Signal.TRACES, text.encode())
        refused = False
    except BadData as error:
        refused = "twice" in str(error)

    assert has_a_repeated_key(text) == refused


@pytest.mark.parametrize("body", [b'{"a:b": ":::", "c": {"a:b": 1}}', rb'{"a": "\u003a \\u003a", "b": "\":\""}'])
def test_colons_in_texts_are_not_taken_for_keys(body):
    assert b"" == decode(Signal.TRACES, body)


def nested(levels):
    value = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def test_values_may_be_nested_as_deeply_as_the_protobuf_parser_takes_them():
    body = a_span(attributes=[{"key": "a", "value": nested(47)}])

    assert 1 == len(decode_spans(body).resource_spans)


@pytest.mark.parametrize("levels", [48, 51, 80])
def test_values_nested_deeper_are_refused(levels):
    with pytest.raises(BadData, match="nested"):
        decode(Signal.TRACES, a_span(attributes=[{"key": "a", "value": nested(levels)}]))


def test_the_garbage_collector_is_on_again_after_a_large_body():
    for body in (encode(make_batch(items=2000)), b"[" * (1 << 17), b"{}" + b" " * (1 << 17)):
        with suppress(BadInput):
            decode(Signal.TRACES, body)

        assert gc.isenabled()


@pytest.mark.parametrize("filling", [b"{},", b"[],", b'"",', b"0,"])
def test_a_bomb_of_values_is_refused_before_it_is_parsed(filling):
    body = b'{"resourceSpans": [' + filling * ((20 << 20) // len(filling)) + b"{}]}"

    with pytest.raises(TooLarge):
        decode(Signal.TRACES, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "scopeSpans", "spans", "attributes", "value", "arrayValue", "traceId", "name"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(body=json_values.map(orjson.dumps) | st.binary() | st.text().map(str.encode))
@pytest.mark.parametrize("signal", list(Signal))
def test_whatever_goes_in_only_a_request_or_a_refusal_comes_out(signal, body):
    assert decodes_or_refuses(signal, body) in {True, False}


@pytest.mark.slow
def test_twenty_thousand_mutations_give_requests_or_refusals():
    chance = random.Random(7)

    refused = sum(not decodes_or_refuses(Signal.TRACES, mutated(SPANS, chance)) for _ in range(20_000))

    assert 5_000 < refused < 20_000


def mutated(body, chance):
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 5)):
        start = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[start] = chance.choice(b'{}[]:,"\\0179-.eE tfnN\xff\x00')
            case 1:
                del changed[start : start + chance.randrange(1, 9)]
            case 2:
                changed[start:start] = changed[start : start + chance.randrange(1, 40)]
            case 3:
                changed[start:start] = chance.choice([b"null", b"1e5", b"{}", b"[]", b'""', b"-1", b"true"])
    return bytes(changed)


def decodes_or_refuses(signal, body):
    try:
        wire = decode(signal, body)
    except BadInput:
        return False
    SHAPES[signal].request.FromString(wire)
    return True
