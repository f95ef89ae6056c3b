"""Message classes of a protocol that has no package of generated code, from its messages as a `.proto` file has them.

Enough of the language for tables of fields: no comments, options, maps or oneofs; an enum is an int32, which is the
same on the wire, and what several messages share stands beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_Field = descriptor_pb2.FieldDescriptorProto
_MESSAGE = re.compile(r"message\s+(\w+)\s*\{([^}]*)\}")
_FIELD = re.compile(r"\s*(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*")
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "double": _Field.TYPE_DOUBLE,
}


def declare(package: str, text: str) -> Mapping[str, type[Message]]:
    """Return the classes of a proto3 package by their names.

    Args:
        package: its name, which no other one may have.
        text: `message Name { repeated type field = number; ... }` as often as there are messages.

    Raises:
        ValueError: a field cannot be read, or its type is neither a scalar nor one of the messages.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    messages = dict(_MESSAGE.findall(text))
    for name, body in messages.items():
        target = file.message_type.add(name=name)
        for declaration in filter(str.strip, body.split(";")):
            target.field.append(_field(declaration, f".{package}.", messages))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def _field(declaration: str, prefix: str, messages: Mapping[str, str]) -> descriptor_pb2.FieldDescriptorProto:
    parts = _FIELD.fullmatch(declaration)
    if not parts or not (parts[2] in _SCALARS or parts[2] in messages):
        raise ValueError(f"not the declaration of a field: {declaration.strip()!r}")
    label = _Field.LABEL_REPEATED if parts[1] else _Field.LABEL_OPTIONAL
    field = _Field(name=parts[3], number=int(parts[4]), label=label)
    if parts[2] in messages:
        field.type, field.type_name = _Field.TYPE_MESSAGE, prefix + parts[2]
    else:
        field.type = _SCALARS[parts[2]]
    return field
