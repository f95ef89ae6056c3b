"""From one JSON value to the payload of one protobuf field.

The rules are those of protobuf.dev, "ProtoJSON Format", except where the OTLP specification, "JSON Protobuf Encoding",
has its own: ids are hexadecimal, enums are numbers.
"""

from __future__ import annotations

import math
import re
import struct
from binascii import a2b_base64, unhexlify
from collections.abc import Callable
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

Encode: TypeAlias = Callable[[Any], bytes]
"""Return the payload, with its length where it has one; raises one of `WRONG` for a value that cannot be there."""

WRONG = (TypeError, ValueError, struct.error)

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: FIXED64,
    FieldDescriptor.TYPE_FIXED64: FIXED64,
    FieldDescriptor.TYPE_SFIXED64: FIXED64,
    FieldDescriptor.TYPE_FIXED32: FIXED32,
    FieldDescriptor.TYPE_STRING: BYTES,
    FieldDescriptor.TYPE_BYTES: BYTES,
}
_ZEROS = {VARINT: b"\0", FIXED64: bytes(8), BYTES: b"\0", FIXED32: bytes(4)}


def scalar(field: Any) -> tuple[str, Encode]:
    """Return what a value of `field` must be, in words, and its encoder."""
    if field.type != FieldDescriptor.TYPE_BYTES:
        return _SCALARS[field.type]
    return ("an id in hexadecimal", _hexadecimal) if is_id(field) else ("bytes in base64", _base64)


def is_id(field: Any) -> bool:
    """Say whether a bytes field is one that OTLP/JSON writes in hexadecimal."""
    return field.name in {"trace_id", "span_id", "parent_span_id", "profile_id"}


def tag(field: Any, wire_type: int | None = None) -> bytes:
    """Return what comes before a field's payload."""
    return varint(field.number << 3 | (_wire_type(field) if wire_type is None else wire_type))


def zero(field: Any) -> bytes:
    """Return the payload that proto3 leaves out."""
    return _ZEROS[_wire_type(field)]


def varint(value: int) -> bytes:
    """Encode a number that is not negative."""
    if value < 0x80:
        return _ONE_BYTE[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_ONE_BYTE = [bytes([value]) for value in range(0x80)]


def _wire_type(field: Any) -> int:
    return _WIRE_TYPES.get(field.type, VARINT)


_WHOLE = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE = str.maketrans("-_", "+/")


def _whole(value: Any) -> int:
    kind = type(value)
    if kind is int or (kind is str and _WHOLE.fullmatch(value)) or (kind is float and value.is_integer()):
        return int(value)
    raise ValueError


def _double(value: Any) -> float:
    kind = type(value)
    if kind is str and value in _SPECIAL:
        return _SPECIAL[value]
    if kind is float or kind is int or (kind is str and _NUMBER.fullmatch(value)):
        number = float(value)
        if math.isfinite(number):
            return number
    raise ValueError


def _enum(value: Any) -> int:
    # OTLP specification, "JSON Protobuf Encoding": names of enum values must not be used
    if type(value) is int:
        return value
    raise ValueError


def _bool(value: Any) -> bytes:
    if type(value) is bool:
        return _ONE_BYTE[value]
    raise ValueError


def _text(value: Any) -> bytes:
    data = str.encode(value)
    return varint(len(data)) + data


def _hexadecimal(value: Any) -> bytes:
    data = unhexlify(str.encode(value))
    return varint(len(data)) + data


def _base64(value: Any) -> bytes:
    text = str.translate(value, _URL_SAFE)
    bare = text.rstrip("=")
    padding = len(text) - len(bare)
    if padding and (len(text) % 4 or padding > 2):
        raise ValueError
    data = a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    return varint(len(data)) + data


def _fixed(layout: str, read: Callable[[Any], Any] = _whole) -> Encode:
    pack = struct.Struct(layout).pack
    return lambda value: pack(read(value))


def _signed(bits: int, read: Callable[[Any], int] = _whole) -> Encode:
    half = 1 << (bits - 1)

    def encode(value: Any) -> bytes:
        number = read(value)
        if not -half <= number < half:
            raise ValueError
        return varint(number & 0xFFFF_FFFF_FFFF_FFFF)

    return encode


def _unsigned(bits: int) -> Encode:
    def encode(value: Any) -> bytes:
        number = _whole(value)
        if not 0 <= number < 1 << bits:
            raise ValueError
        return varint(number)

    return encode


def _zigzag(value: Any) -> bytes:
    number = _whole(value)
    if not -(1 << 31) <= number < 1 << 31:
        raise ValueError
    return varint(number << 1 if number >= 0 else ~(number << 1))


_SCALARS: dict[int, tuple[str, Encode]] = {
    FieldDescriptor.TYPE_DOUBLE: ("a number", _fixed("<d", _double)),
    FieldDescriptor.TYPE_INT32: ("a whole number of 32 bits", _signed(32)),
    FieldDescriptor.TYPE_SINT32: ("a whole number of 32 bits", _zigzag),
    FieldDescriptor.TYPE_UINT32: ("a whole number of 32 bits, not negative", _unsigned(32)),
    FieldDescriptor.TYPE_FIXED32: ("a whole number of 32 bits, not negative", _fixed("<I")),
    FieldDescriptor.TYPE_INT64: ("a whole number of 64 bits", _signed(64)),
    FieldDescriptor.TYPE_SFIXED64: ("a whole number of 64 bits", _fixed("<q")),
    FieldDescriptor.TYPE_UINT64: ("a whole number of 64 bits, not negative", _unsigned(64)),
    FieldDescriptor.TYPE_FIXED64: ("a whole number of 64 bits, not negative", _fixed("<Q")),
    FieldDescriptor.TYPE_BOOL: ("true or false", _bool),
    FieldDescriptor.TYPE_STRING: ("a string", _text),
    FieldDescriptor.TYPE_ENUM: ("the number of an enum value", _signed(32, _enum)),
}
