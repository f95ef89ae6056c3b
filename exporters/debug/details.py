"""Every field that is set, one line each, by the names that OTLP gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from collector.batch import Batch
from exporters.debug.text import any_value, in_quotes, quoted, timestamp

_INDENT = "  "


def details(batch: Batch) -> Iterator[str]:
    """Yield the whole request, as an indented tree."""
    return _message(batch.shape.request.FromString(batch.wire), "")


def _message(message: Any, indent: str) -> Iterator[str]:
    for field, value in message.ListFields():
        if not field.is_repeated:
            yield from _field(field, field.name, value, indent)
        elif _is_attribute(field):
            yield f"{indent}{field.name}:"
            yield from [f"{indent}{_INDENT}{quoted(a.key)}: {any_value(a.value)}" for a in value]
        elif field.message_type is None:
            yield f"{indent}{field.name}: [{', '.join(_scalar(field, each) for each in value)}]"
        else:
            for number, each in enumerate(value):
                yield from _field(field, f"{field.name}[{number}]", each, indent)


def _field(field: Any, name: str, value: Any, indent: str) -> Iterator[str]:
    if field.message_type is None:
        yield f"{indent}{name}: {_scalar(field, value)}"
    elif field.message_type.name == "AnyValue":
        yield f"{indent}{name}: {any_value(value)}"
    else:
        yield f"{indent}{name}:"
        yield from _message(value, indent + _INDENT)


def _is_attribute(field: Any) -> bool:
    return field.message_type is not None and field.message_type.name == "KeyValue"


def _scalar(field: Any, value: Any) -> str:
    if field.name.endswith("time_unix_nano"):
        return timestamp(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    match field.type:
        case FieldDescriptor.TYPE_BYTES:
            return str(value.hex())
        case FieldDescriptor.TYPE_STRING:
            return in_quotes(value)
        case FieldDescriptor.TYPE_BOOL:
            return str(value).lower()
    return str(value)
