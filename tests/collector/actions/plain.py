"""
The actions once more, as plainly as can be: on official messages, without a thought for speed.
"""

import hashlib
import re
import struct

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.records.text import as_text
from collector.records.values import read_value


def official(pairs):
    """
    The attributes of an official message by key, of several with one key the last one.
    """
    return {pair.key: pair.value for pair in pairs}


def comparable(attributes):
    """
    NaN is equal to nothing, so values are compared by their bytes.
    """
    return {key: value.SerializeToString(deterministic=True) for key, value in attributes.items()}


def act(attributes, actions, metadata):
    for action in actions:
        _ACTIONS[action["action"].lower()](attributes, action, metadata)


def _source(attributes, action, metadata):
    if action.get("value") is not None:
        return any_value(action["value"])
    found = attributes.get(action.get("from_attribute"))
    if "from_context" in action:
        header = metadata.get(action["from_context"].removeprefix("metadata.").lower())
        found = None if header is None else any_value(header)
    if found is None and action.get("default_value") is not None:
        return any_value(action["default_value"])
    return found


def any_value(value):
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value={"values": [any_value(item) for item in value]})
        case dict():
            pairs = [KeyValue(key=key, value=any_value(item)) for key, item in value.items()]
            return AnyValue(kvlist_value={"values": pairs})
    return AnyValue(string_value=value)


def _insert(attributes, action, metadata):
    source = _source(attributes, action, metadata)
    if source is not None and action["key"] not in attributes:
        attributes[action["key"]] = source


def _update(attributes, action, metadata):
    source = _source(attributes, action, metadata)
    if source is not None and action["key"] in attributes:
        attributes[action["key"]] = source


def _upsert(attributes, action, metadata):
    source = _source(attributes, action, metadata)
    if source is not None:
        attributes[action["key"]] = source


def _matching(attributes, action):
    pattern = action.get("pattern")
    return [key for key in attributes if pattern is not None and re.search(pattern, key)]


def _delete(attributes, action, metadata):
    attributes.pop(action.get("key"), None)
    for key in _matching(attributes, action):
        del attributes[key]


def _hash(attributes, action, metadata):
    """
    First the key and then the pattern, so that what both name is hashed twice.
    """
    for key in [action.get("key"), *_matching(attributes, action)]:
        if key in attributes:
            data = _bytes_of(attributes[key])
            attributes[key] = any_value(hashlib.sha256(data).hexdigest() if data else "")


def _bytes_of(value):
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value.encode()
        case "bool_value":
            return b"\1" if value.bool_value else b"\0"
        case "int_value":
            return struct.pack("<q", value.int_value)
        case "double_value":
            return struct.pack("<d", value.double_value)
    return b""


def _extract(attributes, action, metadata):
    value = attributes.get(action["key"])
    if value is None or value.WhichOneof("value") != "string_value":
        return
    if found := re.search(action["pattern"], value.string_value):
        for key, text in found.groupdict(default="").items():
            attributes[key] = any_value(text)


def _convert(attributes, action, metadata):
    value = attributes.get(action["key"])
    if value is None:
        return
    kind, plain = value.WhichOneof("value"), read_value(value)
    try:
        match action["converted_type"]:
            case "string" if kind != "string_value":
                attributes[action["key"]] = any_value(as_text(plain))
            case "int" if kind in _NUMBERS or (kind == "string_value" and re.fullmatch("[+-]?[0-9]+", plain)):
                attributes[action["key"]] = AnyValue(int_value=int(plain))
            case "double" if kind in _NUMBERS or (
                kind == "string_value" and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?|NaN", plain)
            ):
                attributes[action["key"]] = AnyValue(double_value=float(plain))
    except (ValueError, OverflowError):
        pass


_NUMBERS = {"int_value", "double_value", "bool_value"}
_ACTIONS = {
    "insert": _insert,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
    "hash": _hash,
    "extract": _extract,
    "convert": _convert,
}
