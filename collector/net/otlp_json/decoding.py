"""From JSON to the wire format, refusing what is not exactly OTLP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import orjson

from collector.batch import SHAPES, Signal
from collector.memory import without_garbage_collection
from collector.net.bad_input import BadData, TooLarge
from collector.net.otlp_json.scalars import BYTES, WRONG, Encode, scalar, tag, varint, zero

MAX_DEPTH = 100
"""Messages inside each other, as the protobuf parser has it."""
MAX_OBJECTS = 500_000
"""Objects and lists of one body: a mebibyte of honest spans has some 30 000, of `{},` 350 000."""
MAX_KEYS = 1_000_000
MAX_VALUES = 2_000_000

_SMALL = 1 << 16
Write: TypeAlias = Callable[[Any, list[bytes], int], None]
"""Append the field that a JSON value makes; the number is how many more levels of messages it may have."""


class _Reader(NamedTuple):
    """How to read one kind of message."""

    name: str
    fields: dict[str, Write]
    oneofs: list[frozenset[str]]
    """Groups of keys, of which an object may have one each."""


def decode(signal: Signal, body: bytes) -> bytes:
    """Return the wire format of an OTLP/JSON request.

    Raises:
        BadData: it is not one.
        TooLarge: it has more objects or values than anyone should look at.
    """
    reader = _reader(SHAPES[signal].request.DESCRIPTOR)
    if len(body) < _SMALL:
        return _payload(reader, _parse(body), MAX_DEPTH)
    _refuse_what_takes_too_much(body)
    with without_garbage_collection():  # two thirds of the time
        return _payload(reader, _parse(body), MAX_DEPTH)


def _parse(body: bytes) -> Any:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadData(f"not JSON: {error}") from None
    _refuse_repeated_keys(body, parsed)
    return parsed


def _refuse_what_takes_too_much(body: bytes) -> None:
    """Count characters that make something; some may stand in texts."""
    objects = body.count(b"{") + body.count(b"[")
    if objects > MAX_OBJECTS or body.count(b":") > MAX_KEYS or body.count(b",") > MAX_VALUES:
        raise TooLarge(f"more than {MAX_OBJECTS} objects, {MAX_KEYS} keys or {MAX_VALUES} values in one request")


def _refuse_repeated_keys(body: bytes, parsed: Any) -> None:
    """Refuse what two parsers may read differently.

    orjson keeps the last of two equal keys.  Keys have a colon, and texts may, as such or escaped: written again, the
    body has as many, unless a key was lost.
    """
    try:
        colons = orjson.dumps(parsed).count(b":")
    except orjson.JSONEncodeError:
        raise BadData("not OTLP: objects or lists are nested too deeply") from None
    if colons != body.count(b":") + _escaped_colons(body):
        raise BadData("not OTLP: an object has a key twice")


def _escaped_colons(body: bytes) -> int:
    if b"\\u003" not in body:
        return 0
    without_escaped_backslashes = body.replace(b"\\\\", b"")
    return without_escaped_backslashes.count(b"\\u003a") + without_escaped_backslashes.count(b"\\u003A")


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
    if len(value) > 1 and reader.oneofs:
        _refuse_two_of_one(reader, value)
    return b"".join(out)


def _refuse_two_of_one(reader: _Reader, value: dict[str, Any]) -> None:
    for names in reader.oneofs:
        present = [name for name in value if name in names and value[name] is not None]
        if len(present) > 1:
            raise BadData(f"not OTLP: {reader.name} has {' and '.join(present)}")


_readers: dict[str, _Reader] = {}


def _reader(message: Any) -> _Reader:
    """Return the table of a message, made once.  It may refer to itself."""
    reader = _readers.get(message.full_name)
    if reader is None:
        oneofs = [frozenset(f.json_name for f in oneof.fields) for oneof in message.oneofs if len(oneof.fields) > 1]
        reader = _readers[message.full_name] = _Reader(message.name, {}, oneofs)
        reader.fields.update({field.json_name: _writer(field) for field in message.fields})
    return reader


def _writer(field: Any) -> Write:
    name = f"{field.containing_type.name}.{field.json_name}"
    if field.message_type is not None:
        write = _message_writer(field)
        return _each(write, f"not OTLP: {name} must be a list") if field.is_repeated else write
    kind, encode = scalar(field)
    wanted = f"not OTLP: {name} must be {kind}"
    if field.is_repeated:
        return _list_writer(field, encode, wanted)
    return _scalar_writer(field, encode, wanted)


def _message_writer(field: Any) -> Write:
    start, reader = tag(field, BYTES), _reader(field.message_type)

    def write(value: Any, out: list[bytes], depth: int) -> None:
        payload = _payload(reader, value, depth - 1)
        out += (start, varint(len(payload)), payload)

    return write


def _each(write_one: Write, wanted: str) -> Write:
    def write(values: Any, out: list[bytes], depth: int) -> None:
        if type(values) is not list:
            raise BadData(wanted)
        for value in values:
            write_one(value, out, depth)

    return write


def _scalar_writer(field: Any, encode: Encode, wanted: str) -> Write:
    start = tag(field)
    left_out = None if field.has_presence else zero(field)

    def write(value: Any, out: list[bytes], depth: int) -> None:
        try:
            payload = encode(value)
        except WRONG:
            raise BadData(wanted) from None
        if payload != left_out:
            out += (start, payload)

    return write


def _list_writer(field: Any, encode: Encode, wanted: str) -> Write:
    start, packed = tag(field, BYTES), field.is_packed

    def write(values: Any, out: list[bytes], depth: int) -> None:
        if type(values) is not list:
            raise BadData(f"{wanted}, in a list")
        try:
            payloads = [encode(value) for value in values]
        except WRONG:
            raise BadData(wanted) from None
        if packed and payloads:
            payload = b"".join(payloads)
            payloads = [varint(len(payload)) + payload]
        for payload in payloads:
            out += (start, payload)

    return write
