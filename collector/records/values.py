"""Attribute values as plain Python, and back.

OTLP                     Python
string, bool, int        str, bool, int
double, bytes            float, bytes
array, key-value list    list, dict with str keys
nothing                  None
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_REMEMBERED = 8192
_LONGEST_REMEMBERED = 256
_CONTAINER: Final = object()
_SCALARS: Mapping[type, str] = {
    bool: "bool_value",  # an int, too, so it comes first
    str: "string_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
}
_REPEATED = frozenset({str, bool, int})
"""Types whose values come again; not float, of which two that are equal may differ in sign."""


def read_value(value: Any) -> Any:
    """Return what an `AnyValue` holds."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return [read_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: read_value(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind)


def write_value(value: Any, into: Any, room: int) -> None:
    """Make an `AnyValue` hold a plain value.

    Args:
        value: what to write.
        into: the message.
        room: how many messages may be inside each other there, so that every parser takes them.

    Raises:
        TypeError: OTLP has no such value.
        ValueError: an integer of more than 64 bits, or lists and dicts that are nested too deeply.
    """
    try:
        _write(value, into, room)
    except _TooDeepError:  # whose traceback would be as deep
        raise ValueError(
            "lists and dicts are nested too deeply, or contain themselves: no parser would take them"
        ) from None


class _TooDeepError(Exception):
    pass


def _write(value: Any, into: Any, room: int) -> None:
    _refuse_more_than(room)
    for type_, field in _SCALARS.items():
        if isinstance(value, type_):
            setattr(into, field, value)
            return
    match value:
        case None:
            into.ClearField("value")
            into.SetInParent()
        case list() | tuple():
            _write_list(value, into, room - 1)
        case Mapping():
            _write_dict(value, into, room - 1)
        case _:
            wanted = "None, str, bool, int, float, bytes, list or dict"
            raise TypeError(f"a value is {wanted}, not {type(value).__name__}")


def read_pair(pair: bytes) -> tuple[str, Any]:
    """Decode one serialised `KeyValue`.  Telemetry repeats itself, so answers for short ones are remembered."""
    key, value = _remembered(pair) if len(pair) <= _LONGEST_REMEMBERED else _read_pair(pair)
    if value is _CONTAINER:  # its owner may change it, so everybody gets one of his own
        return key, read_value(KeyValue.FromString(pair).value)
    return key, value


def write_pair(key: str, value: Any, room: int) -> bytes:
    """Encode one `KeyValue`, remembering short ones as `read_pair` does.

    Raises:
        TypeError: the key is not text, or OTLP has no such value.
        ValueError: as `write_value`.
    """
    if type(value) in _REPEATED and (type(value) is not str or len(value) <= _LONGEST_REMEMBERED):
        return _encoded(key, value)
    return _write_pair(key, value, room)


def _write_list(value: list[Any] | tuple[Any, ...], into: Any, room: int) -> None:
    _refuse_more_than(room)
    into.array_value.SetInParent()
    del into.array_value.values[:]
    for item in value:
        _write(item, into.array_value.values.add(), room - 1)


def _write_dict(value: Mapping[Any, Any], into: Any, room: int) -> None:
    _refuse_more_than(room)
    into.kvlist_value.SetInParent()
    del into.kvlist_value.values[:]
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"the key of a dict is text, not {type(key).__name__}")
        _refuse_more_than(room - 1)
        pair = into.kvlist_value.values.add(key=key)
        if item is not None or room >= 2:  # one without a value reads the same, and takes less room
            _write(item, pair.value, room - 2)


def _refuse_more_than(room: int) -> None:
    if room < 0:
        raise _TooDeepError


def _read_pair(pair: bytes) -> tuple[str, Any]:
    message = KeyValue.FromString(pair)
    if message.value.WhichOneof("value") in {"array_value", "kvlist_value"}:
        return message.key, _CONTAINER
    return message.key, read_value(message.value)


def _write_pair(key: str, value: Any, room: int = 0) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"the key of an attribute is text, not {type(key).__name__}")
    pair = KeyValue(key=key)
    write_value(value, pair.value, room)
    return bytes(pair.SerializeToString())


_remembered = lru_cache(_REMEMBERED)(_read_pair)
_encoded = lru_cache(_REMEMBERED, typed=True)(_write_pair)
