"""What actions make of single attributes: from one serialised KeyValue to others."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from operator import eq
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.actions.config import ConvertedType
from collector.actions.pairs import TEXT, begin, fields_of, head_of, length_of
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
_LONGEST_LENGTHS = 11
"""Bytes of the two lengths before a text of any size that a message can have, and one more."""
_REMEMBERED = 4096
_DIGITS_OF_HASH = 64
_HASHED = bytes((_DIGITS_OF_HASH + 2, TEXT, _DIGITS_OF_HASH))
"""Of a value: its length, and tag and length of the text of a hash in it."""


class Hasher:
    """Replaces the values of a key by their SHA-256.

    OpenTelemetry Collector, internal/coreinternal/attraction, sha2Hasher.
    """

    def __init__(self, key: bytes) -> None:
        head = head_of(key)
        self._texts = Texts(head)
        self._hashed = head + _HASHED
        self._empty = text_pair(head, b"")

    def __call__(self, pair: bytes) -> bytes:
        return self.of_many([pair])[0]

    def of_many(self, pairs: Sequence[bytes]) -> list[bytes]:
        """Return what becomes of many KeyValues; what is empty stays so."""
        return self._of_many(pairs, self._hashed, self._of_any)

    def fields_of_many(self, pairs: Sequence[bytes], tag: int) -> list[bytes]:
        """Return the fields of this tag with what becomes of many KeyValues; nothing of what is empty."""
        hashed = begin(tag, len(self._hashed) + _DIGITS_OF_HASH) + self._hashed
        return self._of_many(pairs, hashed, lambda pair: fields_of([self._of_any(pair)], tag)[0])

    def _of_many(self, pairs: Sequence[bytes], hashed: bytes, of_any: Callable[[bytes], bytes]) -> list[bytes]:
        # nearly all values are texts, of which what is before them is cut off; anything else is as it was
        texts = list(map(bytes.removeprefix, pairs, map(self._texts.__getitem__, map(len, pairs))))
        if not any(map(eq, texts, pairs)):
            return [hashed + sha256(text).hexdigest().encode() for text in texts]
        return [
            of_any(pair) if text == pair else hashed + sha256(text).hexdigest().encode()
            for text, pair in zip(texts, pairs, strict=True)
        ]

    def _of_any(self, pair: bytes) -> bytes:
        if not pair:
            return pair
        digest = _digest(KeyValue.FromString(pair).value)
        return self._hashed + digest if digest else self._empty


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


def extractor(key: bytes, pattern: str) -> Callable[[bytes], Iterator[tuple[bytes, bytes]]]:
    """Return what yields key and KeyValue for each group of a pattern that is found in the text of a KeyValue."""
    compiled = compile_pattern(pattern)
    heads = [(name, head_of(name), number) for name, number in compiled.groupindex.items()]
    texts = Texts(head_of(key))

    def extract(pair: bytes) -> Iterator[tuple[bytes, bytes]]:
        begin = texts[len(pair)]
        text = pair[len(begin) :] if pair.startswith(begin) else _text_of(pair)
        found = compiled.search(text) if text is not None else None
        if found is None:
            return
        for name, head, number in heads:
            # as the Collector has it, also for a group that took no part
            yield name, text_pair(head, found.group(number) or b"")

    return extract


def _text_of(pair: bytes) -> bytes | None:
    value = KeyValue.FromString(pair).value
    return value.string_value.encode() if value.HasField("string_value") else None


def targets(pattern: str) -> frozenset[bytes]:
    """Return the names of a pattern's groups."""
    return frozenset(compile_pattern(pattern).groupindex)


class Texts(dict[int, bytes]):
    """By the sizes of plain KeyValues of one key and a text that is not empty: all that is before the text."""

    def __init__(self, head: bytes) -> None:
        """Take `head_of` the key."""
        super().__init__()
        self._head = head

    def __missing__(self, size: int) -> bytes:
        begin = self._begin(size)
        if size < _REMEMBERED:
            self[size] = begin
        return begin

    def _begin(self, size: int) -> bytes:
        for lengths in range(2, _LONGEST_LENGTHS):
            text = size - len(self._head) - 1 - lengths
            begin = _before_text(self._head, text) if text > 0 else b""
            if len(begin) + text == size:
                return begin
        return bytes(size + 1)  # there is no such size, and nothing begins with more bytes than it has


def text_pair(head: bytes, text: bytes) -> bytes:
    """Return the KeyValue of a text, from `head_of` its key."""
    return _before_text(head, len(text)) + text


def _before_text(head: bytes, size: int) -> bytes:
    length = length_of(size)
    return b"%b%b%c%b" % (head, length_of(1 + len(length) + size), TEXT, length)
