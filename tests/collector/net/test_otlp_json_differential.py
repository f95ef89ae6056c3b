"""
The codec against one that is made of other parts: protobuf's own JSON, with what OTLP has otherwise put right.
"""

import functools
import json
import random
from base64 import b64decode

import pytest
from google.protobuf import json_format

from collector.batch import SHAPES, Batch, Signal
from collector.net.otlp_json import decode, encode
from tests.collector.net.any_request import any_request

IDS = {"traceId", "spanId", "parentSpanId", "profileId"}
BYTES = {"bytesValue", "originalPayload"}
ROUNDS = 150


def reference(message):
    """
    Return a message as OTLP/JSON in plain Python, without any code of this project.
    """
    plain = json_format.MessageToDict(message, use_integers_for_enums=True)
    _put_ids_right(plain)
    return plain


def _put_ids_right(value):
    """
    OTLP writes ids in hexadecimal, protobuf in base64.
    """
    if isinstance(value, list):
        for item in value:
            _put_ids_right(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in IDS and isinstance(item, str):
                value[key] = b64decode(item).hex()
            else:
                _put_ids_right(item)


def otherwise(value, chance, key=""):
    """
    Write the same in another of the ways that readers have to take: ProtoJSON, and "JSON Protobuf Encoding" of OTLP.
    """
    match value:
        case list():
            return [otherwise(item, chance, key) for item in value]
        case dict():
            pairs = [(name, otherwise(item, chance, name)) for name, item in value.items()]
            pairs += [("a_key_of_tomorrow", {"a": [1, None]}), ("tomorrow", None)][: chance.randrange(3)]
            return dict(chance.sample(pairs, len(pairs)))
        case float():
            return chance.choice([value, repr(value)])
        case str():
            return chance.choice([value, *_other_texts(value, key)])
    return value


def _other_texts(value, key):
    if key in IDS:
        return [value.upper()]
    if key in BYTES:
        url_safe = value.replace("+", "-").replace("/", "_")
        return [url_safe, value.rstrip("="), url_safe.rstrip("=")]
    return [int(value)] if value.lstrip("-").isdecimal() else []


@functools.cache
def requests(signal):
    """
    Return messages, each with its reference, for both directions: they take longer to make than to read and write.
    """
    chance = random.Random(f"requests {signal}")
    made = [any_request(signal, chance) for _ in range(ROUNDS)]
    return [(request, reference(request)) for request in made]


@pytest.mark.parametrize("signal", list(Signal))
def test_what_another_writer_writes_is_read(signal):
    chance = random.Random(f"read {signal}")
    for request, plain in requests(signal):
        written = json.dumps(otherwise(plain, chance), ensure_ascii=chance.random() < 0.5)

        assert request == SHAPES[signal].request.FromString(decode(signal, written.encode())), written


@pytest.mark.parametrize("signal", list(Signal))
def test_what_is_written_is_what_another_writer_writes(signal):
    for request, plain in requests(signal):
        assert plain == json.loads(encode(Batch(signal, request=request)))
