"""For which serialised attributes or values not only their text decides, but a key in them too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import filterfalse
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from collector.wire.projection import EVERY, OPAQUE, VALUE, Merged, project
from processors.redaction.detectors.effort import NODE, Effort
from processors.redaction.keys import KeyRules
from processors.redaction.scalars import NUMBERS, TEXTS

_INNER = {"array_value": EVERY, "kvlist_value": EVERY}
_SCALARS = dict.fromkeys((*TEXTS, *NUMBERS), VALUE)
"""Read though nobody asks, since to keep what is not declared takes longer."""
_LISTS = {KeyValue: KeyValueList, AnyValue: ArrayValue}
_WRITERS = {one: project(many, {"values": OPAQUE}) for one, many in _LISTS.items()}
_READERS = {
    KeyValue: project(KeyValueList, {"values": Merged({"key": EVERY, "value": Merged({**_INNER, **_SCALARS})})}),
    AnyValue: project(ArrayValue, {"values": Merged({**_INNER, **_SCALARS})}),
}
"""All pieces as if they were one, so that the parser lists all keys, arrays and maps of them."""
_KEY, _VALUE, _TEXT = 0x0A, 0x12, 0x0A
"""Tags, each with a length: KeyValue.key, KeyValue.value, AnyValue.string_value."""


def depending_on_keys(pieces: Sequence[bytes], type_: type[Message], rules: KeyRules, effort: Effort) -> Sequence[int]:
    """Return the indices of the pieces for which a key in them decides, and of some that encoders do not write so.

    Which ones these are depends on nothing beside them.

    Args:
        pieces: serialised messages.
        type_: what they are: KeyValue or AnyValue.
        rules: of the keys.
        effort: what may be spent on maps and arrays.

    Raises:
        google.protobuf.message.DecodeError: one is no such message.
        ExhaustedError: there is more in them than may be looked at.
    """
    if not pieces:
        return ()
    read, is_flat = _read(pieces, type_)
    if type_ is not KeyValue:
        return () if is_flat else _looking_closely(dict(enumerate(pieces)), type_, rules, effort)
    written = read.key[:]
    keys = dict.fromkeys([*written, b""]).keys()  # in their order, so that neighbours are looked at together
    plain_keys = rules.plain(keys)
    are_pairs = is_flat and len(written) == len(pieces)
    if are_pairs and plain_keys is keys:
        return ()
    plain = {bytes((_KEY, len(key))) + key for key in plain_keys if len(key) < 0x80}
    if are_pairs and bytes((_KEY,)) <= min(pieces) and max(pieces) < bytes((_KEY + 1,)):  # so each has one key
        found = [index for index, piece in enumerate(pieces) if piece[: piece[1] + 2] not in plain]
        longer = {index: pieces[index] for index in found if pieces[index][1] >= 0x80}
        if not longer:
            return found
        return [*filterfalse(longer.__contains__, found), *_looking_closely(longer, type_, rules, effort)]
    unsure = {index: piece for index, piece in enumerate(pieces) if not _is_plain_text(piece, plain)}
    return _looking_closely(unsure, type_, rules, effort)


def _read(pieces: Sequence[bytes], type_: type[Message]) -> tuple[Any, bool]:
    """Return all that the pieces hold, as if they were one, and whether there are no arrays and maps among it."""
    joined: Any = _WRITERS[type_]()
    joined.values.extend(pieces)
    whole: Any = _READERS[type_].FromString(joined.SerializeToString())
    value = _value_of(whole.values, type_)
    return whole.values, not (value.array_value or value.kvlist_value)


def _looking_closely(
    pieces: Mapping[int, bytes], type_: type[Message], rules: KeyRules, effort: Effort
) -> Sequence[int]:
    messages = {index: type_.FromString(piece) for index, piece in pieces.items()}
    inner = {key for message in messages.values() for key in _inner_keys(_value_of(message, type_), effort)}
    rules.learn(inner, may_go=type_ is AnyValue)
    return [index for index, message in messages.items() if _depends(pieces[index], message, type_, rules)]


def _value_of(message: Any, type_: type[Message]) -> Any:
    return message.value if type_ is KeyValue else message


def _inner_keys(value: Any, effort: Effort) -> Iterator[bytes]:
    for item in value.array_value.values:
        effort.spend(NODE)
        yield from _inner_keys(item, effort)
    for entry in value.kvlist_value.values:
        yield entry.key.encode()
        effort.spend(NODE)
        yield from _inner_keys(entry.value, effort)


def _is_plain_text(piece: bytes, plain: set[bytes]) -> bool:
    """Say whether an attribute is a plain key and a short text and nothing more."""
    try:
        value = piece[1] + 2
        length = piece[value + 1]
        is_text = piece[value] == _VALUE and piece[value + 2] == _TEXT and piece[value + 3] + 2 == length < 0x80
        return is_text and value + 2 + length == len(piece) and piece[:value] in plain
    except IndexError:
        return False


def _depends(piece: bytes, message: Any, type_: type[Message], rules: KeyRules) -> bool:
    is_pair = type_ is KeyValue
    if is_pair and not rules.rule(message.key.encode()).is_plain:
        return True
    value = _value_of(message, type_)
    if not all(rules.rule(key, may_go=not is_pair).is_plain for key in _inner_keys(value, Effort())):
        return True
    written: bytes = message.SerializeToString(deterministic=True)
    if written == piece:
        return False
    # a field twice: other parsers may see a key, an array or a map that this one does not
    read, is_flat = _read([piece], type_)
    return not is_flat or (is_pair and not all(rules.rule(key).is_plain for key in read.key[:]))
