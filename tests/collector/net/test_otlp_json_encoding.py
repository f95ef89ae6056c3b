from __future__ import annotations

import base64
import random

import pytest

from collector.batch import SHAPES, Batch, Signal
from collector.net.otlp_json import decode, encode
from tests.collector.net.any_request import any_request
from tests.collector.net.json_spans import SPAN_ID, TRACE_ID, a_span


@pytest.mark.parametrize("signal", list(Signal))
def test_decoding_undoes_encoding(signal):
    chance = random.Random(3)
    for _ in range(100):
        request = any_request(signal, chance)

        decoded = SHAPES[signal].request.FromString(decode(signal, encode(Batch(signal, request=request))))

        assert request == decoded


def test_writes_what_the_specification_says():
    span = {
        "traceId": TRACE_ID.lower(),
        "spanId": SPAN_ID,
        "name": "é",
        "kind": 2,
        "startTimeUnixNano": "1544712660000000000",
        "attributes": [
            {"key": "i", "value": {"intValue": "0"}},
            {"key": "d", "value": {"doubleValue": "-Infinity"}},
            {"key": "b", "value": {"bytesValue": base64.b64encode(b"\xfb\xff").decode()}},
            {"key": "n", "value": {}},
        ],
        "droppedAttributesCount": 1,
        "status": {"code": 2},
    }
    body = a_span(**span)

    assert body == encode(Batch(Signal.TRACES, wire=decode(Signal.TRACES, body)))


def test_zero_values_are_left_out():
    body = a_span(name="", kind=0, startTimeUnixNano="0", traceId="", attributes=[], flags=0)

    assert a_span() == encode(Batch(Signal.TRACES, wire=decode(Signal.TRACES, body)))
