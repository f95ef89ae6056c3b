"""What is not OTLP in JSON: OTLP specification, "JSON Protobuf Encoding"."""

import base64
import json

import pytest

from collector.batch import Signal
from collector.net.otlp_json import encode
from tests.bad_input.messages import honest
from tests.bad_input.victim import JSON

SPANS = encode(honest())
IDS = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}


def spans(*fields, raw=""):
    """
    A request of spans with these fields; `raw` is put into the last one as it is.
    """
    texts = [json.dumps({**IDS, **more}) for more in fields] or [json.dumps(IDS)]
    texts[-1] = texts[-1][:-1] + raw + "}"
    return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{",".join(texts)}]}}]}}]}}'.encode()


def post(victim, body, path="/v1/traces"):
    return victim.post(body, JSON, path)


BAD = {
    "nothing": b"",
    "no object": b"[]",
    "a number": b"1",
    "a text": b'"x"',
    "null": b"null",
    "half": SPANS[:100],
    "single quotes": SPANS.replace(b'"', b"'"),
    "a comma too much": spans(raw=","),
    "a comment": spans(raw="/* */"),
    "NaN": spans(raw=',"kind":NaN'),
    "Infinity": spans(raw=',"kind":-Infinity'),
    "a key twice": spans(raw=',"name":"a","name":"b"'),
    "a key twice, once escaped": spans(raw=',"name":"a","n\\u0061me":"b"'),
    "a number of 5 000 digits": spans(raw=f',"startTimeUnixNano":{"9" * 5000}'),
    "a number of 5 000 digits as text": spans({"startTimeUnixNano": "9" * 5000}),
    "half a surrogate": spans(raw=',"name":"\\ud800"'),
    "bytes that are not UTF-8": spans({"name": "@"}).replace(b"@", b"\xff"),
    "a control character": spans({"name": "@"}).replace(b"@", b"\x01"),
    "a byte order mark": b"\xef\xbb\xbf" + SPANS,
    "UTF-16": SPANS.decode().encode("utf-16"),
    "more behind": SPANS + SPANS,
    "the name of an enum value": spans({"kind": "SPAN_KIND_SERVER"}),
    "an id in base64": spans({"traceId": base64.b64encode(bytes.fromhex(IDS["traceId"])).decode()}),
    "an id that is no hexadecimal": spans({"traceId": "z" * 32}),
    "an id of odd length": spans({"traceId": IDS["traceId"][:31]}),
    "a number for a text": spans({"name": 1}),
    "a text for a list": spans({"attributes": "x"}),
    "a list for an object": b'{"resourceSpans":[[]]}',
    "an object for a list": b'{"resourceSpans":{}}',
    "a fraction for a whole number": spans({"startTimeUnixNano": 1.5}),
    "a negative time": spans({"startTimeUnixNano": -1}),
    "a time beyond 64 bits": spans({"startTimeUnixNano": str(1 << 64)}),
    "true for a number": spans({"kind": True}),
    "two values of one": spans({"attributes": [{"key": "k", "value": {"intValue": 1, "stringValue": "x"}}]}),
    "lists nested 100 deep": spans(raw=',"x":' + "[" * 1100 + "]" * 1100),
    "lists nested 100 000 deep": spans(raw=',"x":' + "[" * 100_000 + "]" * 100_000),
    "lists that do not end": b"[" * 100_000,
    "objects that do not end": b'{"a":' * 100_000,
    "values nested 60 deep": spans(
        raw=',"attributes":[{"key":"k","value":'
        + '{"arrayValue":{"values":[' * 60
        + '{"intValue":1}'
        + "]}}" * 60
        + "}]"
    ),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_is_not_otlp_is_refused_in_json(victim, name):
    answer = post(victim, BAD[name])

    assert (400, JSON) == (answer.status, answer.headers["Content-Type"])
    assert 3 == json.loads(answer.body)["code"]


GOOD = {
    "an empty object": b"{}",
    "ids in capitals": spans({name: value.upper() for name, value in IDS.items()}),
    "unknown keys": spans({"futureField": {"a": [1, 2.5, None, {"b": "c"}]}}),
    "keys in snake case, which are unknown": spans({"start_time_unix_nano": "nonsense", "trace_id": 7}),
    "null for nothing": spans({"name": None, "attributes": None}),
    "numbers as text": spans({"startTimeUnixNano": "1544712660000000000", "droppedAttributesCount": "3"}),
    "numbers as numbers": spans({"startTimeUnixNano": 1544712660000000000}),
    "the largest time": spans({"startTimeUnixNano": str((1 << 64) - 1), "endTimeUnixNano": "0"}),
    "an enum value that does not exist": spans({"kind": 99}),
    "special numbers as text": spans({"attributes": [{"key": "k", "value": {"doubleValue": "NaN"}}]}),
    "both alphabets of base64": spans({"attributes": [{"key": "k", "value": {"bytesValue": "-_+/"}}]}),
    "escapes": spans(raw=',"name":"\\ud83d\\ude00\\u0000\\n\\""'),
    "white space": b" \t\r\n" + SPANS + b"\n",
    "lists nested 100 deep in what is ignored": spans(raw=',"x":' + "[" * 100 + "]" * 100),
    "values nested 40 deep": spans(
        raw=',"attributes":[{"key":"k","value":'
        + '{"arrayValue":{"values":[' * 40
        + '{"intValue":1}'
        + "]}}" * 40
        + "}]"
    ),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_otlp_allows_is_taken(victim, name):
    answer = post(victim, GOOD[name])

    assert (200, b"{}") == (answer.status, answer.body)


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
def test_every_beginning_of_a_request_is_refused(victim, signal):
    body = encode(honest(signal))

    answers = {post(victim, body[:size], f"/v1/{signal}").status for size in range(0, len(body), 7)}

    assert {400} == answers


@pytest.mark.parametrize("trace_id", ["", "00", "5b8efff798038103", "0" * 32, IDS["traceId"] + "00"])
def test_spans_whose_ids_are_none_are_rejected_and_the_others_taken_in_json(victim, trace_id):
    answer = post(victim, spans({}, {"traceId": trace_id}, {}))

    assert (200, "1") == (answer.status, json.loads(answer.body)["partialSuccess"]["rejectedSpans"])
