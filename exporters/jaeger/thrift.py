"""The format of Jaeger's HTTP intake: jaeger.thrift in Thrift's binary encoding.

Thrift, "Binary protocol encoding": a field is its type in one byte, its id in two, and its value; a struct ends with a
zero byte.  Times are microseconds; ids are the bytes' big-endian number as a signed one, so the bytes as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct

from exporters.jaeger.model import JaegerSpan, Reference, Tag, TagValue

CONTENT_TYPE = "application/vnd.apache.thrift.binary"

_BOOL, _DOUBLE, _I32, _I64, _STRING, _STRUCT, _LIST = 2, 4, 8, 10, 11, 12, 15
_STOP = b"\0"
_HEAD = Struct(">bh")
_I32_FIELD, _I64_FIELD, _DOUBLE_FIELD, _BOOL_FIELD = Struct(">bhi"), Struct(">bhq"), Struct(">bhd"), Struct(">bh?")
_LIST_FIELD = Struct(">bhbi")
_MICROSECOND = 1000


def _string(id: int, value: bytes) -> bytes:
    return _I32_FIELD.pack(_STRING, id, len(value)) + value


def _i32(id: int, value: int) -> bytes:
    return _I32_FIELD.pack(_I32, id, value)


def _i64(id: int, value: int) -> bytes:
    return _I64_FIELD.pack(_I64, id, value)


def _id(id: int, value: bytes) -> bytes:
    return _HEAD.pack(_I64, id) + value


def _structs(id: int, values: Sequence[bytes]) -> bytes:
    return _LIST_FIELD.pack(_LIST, id, _STRUCT, len(values)) + b"".join(values)


def _optional(id: int, values: Sequence[bytes]) -> bytes:
    return _structs(id, values) if values else b""


# jaeger.thrift, TagType: 0 STRING, 1 DOUBLE, 2 BOOL, 3 LONG, 4 BINARY
_VALUES: dict[type, tuple[int, Callable[..., bytes]]] = {
    str: (0, lambda value: _string(3, value.encode())),
    float: (1, lambda value: _DOUBLE_FIELD.pack(_DOUBLE, 4, value)),
    bool: (2, lambda value: _BOOL_FIELD.pack(_BOOL, 5, value)),
    int: (3, lambda value: _i64(6, value)),
    bytes: (4, lambda value: _string(7, value)),
}


class Thrift:
    """Implements `model.Format`."""

    def tag(self, key: str, value: TagValue) -> bytes:
        kind, write = _VALUES[type(value)]
        return _string(1, key.encode()) + _i32(2, kind) + write(value) + _STOP

    def field(self, key: str, value: TagValue) -> bytes:
        return self.tag(key, value)

    def log(self, time: int, fields: Sequence[bytes]) -> bytes:
        return _i64(1, time // _MICROSECOND) + _structs(2, fields) + _STOP

    def process(self, service: str, tags: Sequence[Tag]) -> bytes:
        return _string(1, service.encode()) + _optional(2, [self.tag(*tag) for tag in tags]) + _STOP

    def span(self, span: JaegerSpan) -> bytes:
        parts = (
            _id(1, span.trace_id[8:]),
            _id(2, span.trace_id[:8]),
            _id(3, span.span_id),
            _id(4, span.parent_id),
            _string(5, span.name),
            _optional(6, [_reference(reference) for reference in span.references]),
            _i32(7, _signed(span.flags)),
            _i64(8, span.start // _MICROSECOND),
            _i64(9, span.duration // _MICROSECOND),
            _optional(10, span.tags),
            _optional(11, span.logs),
            _STOP,
        )
        return b"".join(parts)

    def batch(self, process: bytes, spans: Sequence[bytes]) -> bytes:
        return _HEAD.pack(_STRUCT, 1) + process + _structs(2, spans) + _STOP


def _reference(reference: Reference) -> bytes:
    trace_id, span_id, ref_type = reference
    return _i32(1, ref_type) + _id(2, trace_id[8:]) + _id(3, trace_id[:8]) + _id(4, span_id) + _STOP


def _signed(flags: int) -> int:
    """An i32 has the same 32 bits as the uint32 of OTLP."""
    return flags - (1 << 32) if flags >> 31 else flags
