"""Changing single attributes in the bytes of records, without taking them apart.

A key is a run of bytes in its record. Where it is mentioned once, with all around it as encoders write it, the
attribute is cut out or replaced. That such a place is what it seems, and no text that looks like it, is certain if
what is before it is a whole message: then a field begins there. The official parser says so for all records at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_bytes
from typing import Any, Final, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError, Message

from collector.actions.pairs import KEY, SHORT, VALUE, is_value, length_of
from collector.actions.steps import KeyEdit, apply
from collector.actions.values import Rewrite
from collector.wire.declaration import declare
from collector.wire.projection import OPAQUE, project

_Seams: Any = declare("pyotelcol.actions", "message Seams { repeated bytes seam = 536870911; }")["Seams"]
_SECRET = token_bytes(16)  # what no sender knows cannot be in what it sends
_SEAM = _Seams(seam=[_SECRET]).SerializeToString()


class Holder(NamedTuple):
    """One kind of message that has attributes."""

    tag: int
    """The tag of an attribute in it, of one byte."""
    message: type[Message]
    """A projection in which attributes are bytes."""
    begins: list[bytes]
    """What an attribute begins with, by its length, as far as that is looked up."""

    @classmethod
    def of(cls, message: type[Message]) -> Holder:
        """Return how a message holds its field `attributes`."""
        tag = message.DESCRIPTOR.fields_by_name["attributes"].number << 3 | 2
        begins = [bytes((tag,)) + length_of(length) for length in range(_LOOKED_UP)]
        return cls(tag, project(message, {"attributes": OPAQUE}), begins)


_LOOKED_UP = 1024
_Found: TypeAlias = tuple[int, int, int]
"""Where an attribute starts in the bytes of a record, where its KeyValue does, and where both end."""
_UNUSUAL: Final[_Found] = (-1, -1, -1)
"""What has to be taken apart to know what it means; it starts before all that does not."""


class _Edit(NamedTuple):
    key: bytes
    size: int
    rewrite: Rewrite
    added: bytes
    """What a record gets that has no such key."""


def _are_whole(heads: list[bytes]) -> bool:
    """Whether each of these is a message: then all seams between them are read as such."""
    if not heads:
        return True
    try:
        seams = _Seams.FromString(_SEAM.join([*heads, b""])).seam
    except DecodeError:
        return False
    return bool(seams[:].count(_SECRET) == len(heads))


def _exact(record: bytes, edits: Sequence[KeyEdit], holder: Holder) -> bytes:
    message: Any = holder.message.FromString(record)
    before = message.attributes[:]
    after = apply(edits, before, frozenset(edit.key for edit in edits))
    if after == before:
        return record
    del message.attributes[:]
    message.attributes.extend(after)
    return bytes(message.SerializeToString())


class Splicer:
    """Edits some keys of records, no two of them the same."""

    def __init__(self, edits: Sequence[KeyEdit], holder: Holder) -> None:
        self._given = edits
        self._holder = holder
        self._edits = [_Edit(e.key, len(e.key), e.rewrite, e.absent and self._field(e.absent)) for e in edits]
        """In the order in which their keys were found last."""

    def splice(self, records: Sequence[bytes]) -> list[bytes]:
        """Return records edited.

        Raises:
            google.protobuf.message.DecodeError: something in `records` is no message of this kind.
        """
        heads: list[bytes] = []
        after = self._splice(records, heads)
        return after if _are_whole(heads) else [_exact(record, self._given, self._holder) for record in records]

    def _splice(self, records: Sequence[bytes], heads: list[bytes]) -> list[bytes]:
        """Return records edited; collect what is before each attribute that was found, from the one before it on."""
        # every record of every request comes by here, so there are few calls, and no look-ups that can be made before
        edits, tag, begins = self._edits, self._holder.tag, self._holder.begins
        after: list[bytes] = []
        for record in records:
            parts: list[bytes] = []
            at, added = 0, b""
            for key, size, rewrite, absent in edits:
                found = _find(record, key, size, tag)
                if found is None:
                    added += absent
                    continue
                start, pair, end = found
                if start < at:
                    after.append(self._otherwise(record, heads))
                    break
                head = record[at:start]
                heads.append(head)
                parts.append(head)
                new = rewrite(record[pair:end])
                if new:
                    parts.append(begins[len(new)] if len(new) < _LOOKED_UP else self._begin(new))
                    parts.append(new)
                at = end
            else:
                parts.append(record[at:] + added)
                after.append(b"".join(parts))
        return after

    def _field(self, pair: bytes) -> bytes:
        return self._begin(pair) + pair

    def _begin(self, pair: bytes) -> bytes:
        return bytes((self._holder.tag,)) + length_of(len(pair))

    def _otherwise(self, record: bytes, heads: list[bytes]) -> bytes:
        """Edit a record in which keys come in another order, or that has to be taken apart."""
        places = {edit.key: _find(record, edit.key, edit.size, self._holder.tag) for edit in self._edits}
        found = sorted(place for place in places.values() if place)
        ends = [0, *(end for _, _, end in found)]
        if any(start < end for (start, _, _), end in zip(found, ends, strict=False)):
            return _exact(record, self._given, self._holder)
        self._edits.sort(key=lambda edit: places[edit.key] or _UNUSUAL)
        return self._splice([record], heads)[0]


def _find(record: bytes, key: bytes, size: int, tag: int) -> _Found | None:
    """Return where the attribute of a key of this size is; None if there is none."""
    at = record.find(key)
    # what stands before a key is its length, which ends with a zero if it takes more bytes than it needs
    while at >= 0 and record[at - 1] != size:
        if not record[at - 1]:
            return _UNUSUAL
        at = record.find(key, at + 1)
    if at < 0:
        return None
    value = at + size
    other = record.find(key, value)
    if other >= 0 and _comes_again(record, key, size, other):
        return _UNUSUAL
    try:
        end = at - 2 + record[at - 3]
        # a longer length has a second byte, which could be what looks like the tag of the key
        begins = record[at - 4] == tag and record[at - 2] == KEY and record[at - 3] < SHORT
        if begins and record[value] == VALUE and record[value + 1] == end - value - 2:
            return at - 4, at - 2, end
        return _find_long(record, at, value, tag)
    except IndexError:
        return _UNUSUAL


def _comes_again(record: bytes, key: bytes, size: int, at: int) -> bool:
    """Whether something that may be the key is at this offset or behind."""
    while at >= 0:
        if record[at - 1] == size or not record[at - 1]:
            return True
        at = record.find(key, at + 1)
    return False


def _find_long(record: bytes, at: int, value: int, tag: int) -> _Found:
    """Return where an attribute is of more than 127 bytes."""
    start, pair = at - 5, at - 2
    end = pair + (record[at - 4] & 0x7F | record[at - 3] << 7)
    if start < 0 or record[start] != tag or record[at - 4] < SHORT or record[at - 3] >= SHORT:
        return _UNUSUAL
    is_plain = record[pair] == KEY and record[value] == VALUE and end <= len(record) and is_value(record, value, end)
    return (start, pair, end) if is_plain else _UNUSUAL
