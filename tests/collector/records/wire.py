"""
OTLP as nobody would send it, by hand.
"""

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.api import Span


def field(number, payload):
    """
    One length-delimited field on the wire.
    """
    size = len(payload)
    assert number < 16
    assert size < 1 << 14
    length = [size] if size < 128 else [size & 127 | 128, size >> 7]
    return bytes([number << 3 | 2, *length]) + payload


def span_of(*pairs):
    """
    A span with these serialised attributes, well made or not.
    """
    return Span(b"".join(field(9, pair) for pair in pairs))


def pair(key, value):
    return KeyValue(key=key, value=AnyValue(string_value=value)).SerializeToString()


def value_first(key, value):
    """
    The same attribute with its fields the other way round, which protobuf allows.
    """
    canonical = pair(key, value)
    return canonical[2 + len(key) :] + canonical[: 2 + len(key)]
