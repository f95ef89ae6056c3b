"""From JSON to the wire format, refusing what is not exactly OTLP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import orjson

from collector.batch import SHAPES, Signal
from collector.net.bad_input import BadData, TooLarge
from collector.net.otlp_json.scalars import BYTES, WRONG, Encode, scalar, tag, varint, zero

MAX_DEPTH = 100
"""Messages inside each other, as the protobuf parser has it: an AnyValue inside fifty others."""
MAX_OBJECTS = 500_000
"""Objects and lists of one body: 20 MiB of honest spans have some 300 000, of `{},` seven million."""
MAX_VALUES = 2_000_000

_SMALL = 1 << 16

Write: TypeAlias = Callable[[Any, list[bytes], int], None]
"""Append the field that a JSON value makes; messages may still be nested so deeply."""


def decode(signal: Signal, body: bytes) -> bytes:
    """Return the wire format of an OTLP/JSON request.

    Raises:
        BadData: it is not one.
        TooLarge: it has more objects or values than anyone may look at.
    """
    if len(body) > _SMALL and (body.count(b"{") + body.count(b"[") > MAX_OBJECTS or body.count(b",") > MAX_VALUES):
        raise TooLarge(f"more than {MAX_OBJECTS} objects or {MAX_VALUES} values in one request")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadData(f"not JSON: {error}") from None
    _refuse_repeated_keys(body, parsed)
    return _payload(_reader(SHAPES[signal].request.DESCRIPTOR), parsed, MAX_DEPTH)


def _refuse_repeated_keys(body: bytes, parsed: Any) -> None:
    """Refuse what two parsers read differently: a key twice in one object.

    orjson keeps the last of them.  Every key has a colon, and texts have some: written again, the body has as many,
    unless a key was lost.  Only an escaped colon could make up for that.
    """
    try:
        colons = orjson.dumps(parsed).count(b":")
    except orjson.JSONEncodeError:
        raise BadData("not OTLP: objects or lists are nested too deeply") from None
    if b"\\u003a" in body or b"\\u003A" in body:
        json.loads(body, object_pairs_hook=_refuse_pairs)
    elif colons != body.count(b":"):
        raise BadData("not OTLP: a key is repeated in an object")


def _refuse_pairs(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise BadData("not OTLP: a key is repeated in an object")


class _Reader(NamedTuple):
    """How to read one message."""

    name: str
    fields: dict[str, Write]
    oneofs: list[frozenset[str]]
    """Groups of keys of which an object may have one."""


_readers: dict[str, _Reader] = {}


def _reader(message: Any) -> _Reader:
    """Return the table of a message, which may hold itself."""
    reader = _readers.get(message.full_name)
    if reader is None:
        oneofs = [frozenset(f.json_name for f in oneof.fields) for oneof in message.oneofs if len(oneof.fields) > 1]
        reader = _readers[message.full_name] = _Reader(message.name, {}, oneofs)
        reader.fields.update({field.json_name: _writer(field) for field in message.fields})
    return reader


def _payload(reader: _Reader, value: Any, depth: int) -> bytes:
    if type(value) is not dict:
        raise BadData(f"not OTLP: {reader.name} must be an object")
    if depth < 0:
        raise BadData(f"not OTLP: messages are nested more than {MAX_DEPTH} deep")
    out: list[bytes] = []
    fields = reader.fields
    for key, item in value.items():
        write = fields.get(key)
        if write is not None and item is not None:
            write(item, out, depth)
    if len(value) > 1:
        for names in reader.oneofs:
            if sum([value.get(name) is not None for name in names]) > 1:
                raise BadData(f"not OTLP: {reader.name} has more than one of {', '.join(sorted(names))}")
    return b"".join(out)


def _writer(field: Any) -> Write:
    if field.message_type is not None:
        return _message_writer(field)
    kind, encode_value = scalar(field)
    wanted = f"{field.containing_type.name}.{field.json_name} must be {kind}"
    if field.is_repeated:
        return (
            _packed_writer(field, encode_value, wanted)
            if field.is_packed
            else _list_writer(field, encode_value, wanted)
        )
    return _scalar_writer(field, encode_value, wanted)


def _message_writer(field: Any) -> Write:
    # The table is asked for when it is needed: messages hold themselves
    tag, reader = _tag(field, 2), _reader(field.message_type)

    def write_one(value: Any, out: list[bytes], depth: int) -> None:
        payload = _payload(reader, value, depth - 1)
        out += (tag, varint(len(payload)), payload)

    if not field.is_repeated:
        return write_one
    wanted = f"{field.containing_type.name}.{field.json_name} must be a list"

    def write_all(values: Any, out: list[bytes], depth: int) -> None:
        if type(values) is not list:
            raise BadData(f"not OTLP: {wanted}")
        for value in values:
            write_one(value, out, depth)

    return write_all


def _scalar_writer(field: Any, encode_value: Encode, wanted: str) -> Write:
    tag = _tag(field, _WIRE_TYPES.get(field.type, 0))
    # What proto3 leaves out; a field with presence is written even so
    absent = None if field.has_presence else _zero(field)

    def write(value: Any, out: list[bytes], depth: int) -> None:
        try:
            payload = encode_value(value)
        except WRONG:
            raise BadData(f"not OTLP: {wanted}") from None
        if payload != absent:
            out += (tag, payload)

    return write


def _list_writer(field: Any, encode_value: Encode, wanted: str) -> Write:
    tag = _tag(field, 2)

    def write(values: Any, out: list[bytes], depth: int) -> None:
        for payload in _all(encode_value, values, wanted):
            out += (tag, payload)

    return write


def _packed_writer(field: Any, encode_value: Encode, wanted: str) -> Write:
    tag = _tag(field, 2)

    def write(values: Any, out: list[bytes], depth: int) -> None:
        payload = b"".join(_all(encode_value, values, wanted))
        if payload:
            out += (tag, varint(len(payload)), payload)

    return write


def _all(encode_value: Encode, values: Any, wanted: str) -> list[bytes]:
    if type(values) is not list:
        raise BadData(f"not OTLP: {wanted}, in a list")
    try:
        return [encode_value(value) for value in values]
    except WRONG:
        raise BadData(f"not OTLP: {wanted}") from None


