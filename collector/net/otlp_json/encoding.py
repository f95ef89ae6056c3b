"""From messages to JSON: lowerCamelCase, ids in hexadecimal, enums as numbers, 64-bit integers as strings."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeAlias

import orjson
from google.protobuf.descriptor import FieldDescriptor

from collector.batch import Batch
from collector.net.otlp_json.scalars import is_id

Convert: TypeAlias = Callable[[Any], Any]


def encode(batch: Batch) -> bytes:
    """Return a batch as OTLP/JSON on one line; fields that are not set are left out, and so are unknown ones."""
    return encode_message(batch.shape.request.FromString(batch.wire))


def encode_message(message: Any) -> bytes:
    """Return any message of OTLP as JSON, as `encode` does requests."""
    return orjson.dumps(_plain(message))


_members: dict[str, dict[int, tuple[str, Convert | None]]] = {}


def _plain(message: Any) -> dict[str, Any]:
    descriptor = message.DESCRIPTOR
    members = _members.get(descriptor.full_name)
    if members is None:
        members = {field.number: (field.json_name, _conversion(field)) for field in descriptor.fields}
        _members[descriptor.full_name] = members
    plain = {}
    for field, value in message.ListFields():
        name, convert = members[field.number]
        plain[name] = value if convert is None else convert(value)
    return plain


def _conversion(field: Any) -> Convert | None:
    each = _of_one(field)
    if not field.is_repeated:
        return each
    if each is None:
        return list
    return lambda values: [each(value) for value in values]


def _of_one(field: Any) -> Convert | None:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_MESSAGE:
            return _plain
        case FieldDescriptor.CPPTYPE_INT64 | FieldDescriptor.CPPTYPE_UINT64:
            return str
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return _double
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.hex if is_id(field) else _base64
    return None


def _double(value: float) -> float | str:
    if value - value == 0:
        return value
    return "Infinity" if value > 0 else "-Infinity" if value < 0 else "NaN"


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
