"""OTLP requests made by hand, down to the byte: what no library would write."""

from collector.batch import Signal
from collector.testing import make_batch


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    """
    A field with a length.
    """
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(field_number, value):
    return varint(field_number << 3) + varint(value)


def fixed(field_number, payload):
    """
    A field of eight bytes.
    """
    return varint(field_number << 3 | 1) + payload


def resource(payload):
    return field(1, payload)


def scope(payload):
    return resource(field(2, payload))


IDS = field(1, b"t" * 16) + field(2, b"s" * 8)


def span(payload=b"", ids=IDS):
    """
    A request with one span.
    """
    return scope(field(2, ids + payload))


def attribute(key, value):
    """
    An attribute of a span; the value is a serialised AnyValue.
    """
    return field(9, field(1, key) + field(2, value))


def text(value):
    return field(1, value)


def nested(depth):
    """
    An AnyValue with this many lists inside each other.
    """
    value = text(b"x")
    for _ in range(depth):
        value = field(5, field(1, value))
    return value


def honest(signal=Signal.TRACES, items=3):
    """
    What an SDK would send, with attributes of several kinds.
    """
    return make_batch(signal, items=items, name="checkout", count=7, ratio=0.5, ok=True, tags=["a", "b"])
