"""What actions make of single attributes: from one serialised KeyValue to others."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.actions.config import ConvertedType
from collector.actions.pairs import TEXT, head_of, length_of
from collector.patterns import compile_pattern
from collector.records.text import as_text
from collector.records.values import read_value

Rewrite: TypeAlias = Callable[[bytes], bytes]
"""From one serialised KeyValue to another; the very same one keeps it, empty bytes delete it."""

# Go, strconv.ParseInt and ParseFloat: no spaces and no underscores; of ParseFloat's forms, not the hexadecimal ones
_INT = re.compile(r"[+-]?[0-9]+")
_DOUBLE = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_DIGITS = 19
"""Of the largest integer."""
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1
_SHORT_TEXT = 0x7E
"""Bytes of texts that are shorter than those of which the value needs a longer length."""
_DIGITS_OF_HASH = 64
_HASHED = bytes((_DIGITS_OF_HASH + 2, TEXT, _DIGITS_OF_HASH))
"""Of a value: its length, and tag and length of the text of a hash in it."""


def hasher(key: bytes) -> Rewrite:
    """Return what replaces the value of this key by its SHA-256.

    OpenTelemetry Collector, internal/coreinternal/attraction, sha2Hasher.
    """
    head = head_of(key)
    hashed, empty = head + _HASHED, b"%b\x02\x0a\x00" % head
    shortest = len(empty)
    begins = [b"%b%c\x0a%c" % (head, size + 2, size) for size in range(_SHORT_TEXT)]

    def rewrite(pair: bytes) -> bytes:
        # nearly all values are short texts, which are hashed where they stand
        size = len(pair) - shortest
        if 0 < size < _SHORT_TEXT and pair.startswith(begins[size]):
            return hashed + sha256(pair[shortest:]).hexdigest().encode()
        if pair == empty:
            return pair
        digest = _digest(KeyValue.FromString(pair).value)
        return hashed + digest if digest else empty

    return rewrite


def _digest(value: Any) -> bytes:
    match value.WhichOneof("value"):
        case "string_value":
            data = value.string_value.encode()
        case "bool_value":
            data = bytes((value.bool_value,))
        case "int_value":
            data = struct.pack("<q", value.int_value)
        case "double_value":
            data = struct.pack("<d", value.double_value)
        case _:
            data = b""
    return sha256(data).hexdigest().encode() if data else b""


def converter(key: bytes, type_: ConvertedType) -> Rewrite:
    """Return what converts the value of this key; OpenTelemetry Collector, attraction, convertValue."""
    head = head_of(key)
    convert = {ConvertedType.INT: _to_int, ConvertedType.DOUBLE: _to_double, ConvertedType.STRING: _to_string}[type_]

    def rewrite(pair: bytes) -> bytes:
        new = convert(read_value(KeyValue.FromString(pair).value))
        if new is None:
            return pair
        wire = new.SerializeToString()
        return b"%b%b%b" % (head, length_of(len(wire)), wire)

    return rewrite


def _to_string(value: Any) -> AnyValue | None:
    return None if isinstance(value, str) else AnyValue(string_value=as_text(value))


def _to_int(value: Any) -> AnyValue | None:
    match value:
        case bool():
            return AnyValue(int_value=int(value))
        case float() if _SMALLEST <= value <= _LARGEST:  # NaN is not, either
            number = int(value)
        case str() if _INT.fullmatch(value) and len(digits := value.lstrip("+-0")) <= _DIGITS:
            number = int(digits or "0") * (-1 if value[0] == "-" else 1)
        case _:
            return None
    return AnyValue(int_value=number) if _SMALLEST <= number <= _LARGEST else None


def _to_double(value: Any) -> AnyValue | None:
    match value:
        case bool() | int():
            return AnyValue(double_value=float(value))
        case str() if _DOUBLE.fullmatch(value):
            number = float(value)
            if math.isinf(number) and "i" not in value.lower():
                return None
            return AnyValue(double_value=number)
    return None


def extractor(pattern: str) -> Callable[[bytes], Iterator[tuple[bytes, bytes]]]:
    """Return what yields key and KeyValue for each group of a pattern that is found in the text of a KeyValue."""
    compiled = compile_pattern(pattern)
    heads = [(name, head_of(name), number) for name, number in compiled.groupindex.items()]

    def extract(pair: bytes) -> Iterator[tuple[bytes, bytes]]:
        value = KeyValue.FromString(pair).value
        if value.WhichOneof("value") != "string_value":
            return
        found = compiled.search(value.string_value.encode())
        if found is None:
            return
        for name, head, number in heads:
            text = found.group(number) or b""  # as the Collector has it, also for a group that took no part
            yield name, text_pair(head, text)

    return extract


def targets(pattern: str) -> frozenset[bytes]:
    """Return the names of a pattern's groups."""
    return frozenset(compile_pattern(pattern).groupindex)


def text_pair(head: bytes, text: bytes) -> bytes:
    """Return the KeyValue of a text, from `head_of` its key."""
    value = b"\x0a%b%b" % (length_of(len(text)), text)
    return b"%b%b%b" % (head, length_of(len(value)), value)
