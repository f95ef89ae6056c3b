"""Values that are made of no others, as the text that they are or would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector.records.text import number
from processors.redaction.detectors.effort import NODE, Effort

TEXTS = {"string_value", "bytes_value"}
NUMBERS = {"int_value", "double_value", "bool_value"}
NESTED = {"array_value", "kvlist_value"}
"""What is made of other values."""


def readable(value: Any) -> bytes:
    """Return the text of a value; empty for one that is made of others."""
    kind = value.WhichOneof("value")
    match kind:
        case "string_value":
            return bytes(value.string_value.encode())
        case "bytes_value":
            return bytes(value.bytes_value)
        case "int_value":
            return b"%d" % value.int_value
        case "double_value":
            return number(value.double_value).encode()
        case "bool_value":
            return b"true" if value.bool_value else b"false"
    return b""


def with_numbers(piece: bytes, type_: type[Message], effort: Effort) -> bytes:
    """Return the bytes with the numbers in them as text behind.

    Raises:
        ExhaustedError: there is more in them than may be looked at.
    """
    message = type_.FromString(piece)
    numbers = [readable(value) for value in _leaves(message, effort) if value.WhichOneof("value") in NUMBERS]
    return b"\xff".join([piece, *numbers]) if numbers else piece


def _leaves(message: Any, effort: Effort) -> Iterator[Any]:
    value = message.value if isinstance(message, KeyValue) else message
    match value.WhichOneof("value"):
        case "array_value":
            for item in value.array_value.values:
                effort.spend(NODE)
                yield from _leaves(item, effort)
        case "kvlist_value":
            for entry in value.kvlist_value.values:
                effort.spend(NODE)
                yield from _leaves(entry, effort)
        case _:
            yield value
