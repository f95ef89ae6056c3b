"""Changing one attribute in the bytes of records, without taking them apart.

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
from collector.wire.declaration import declare

_Seams: Any = declare("pyotelcol.actions", "message Seams { repeated bytes seam = 536870911; }")["Seams"]
_SECRET = token_bytes(16)  # what no sender knows cannot be in what it sends
_SEAM = _Seams(seam=[_SECRET]).SerializeToString()


class Holder(NamedTuple):
    """One kind of message that has attributes."""

    tag: int
    """The tag of an attribute in it, of one byte."""
    message: type[Message]
    """A projection in which attributes are bytes."""


_Found: TypeAlias = tuple[int, int, int]
"""Where an attribute starts in the bytes of a record, where its KeyValue does, and where both end."""
_UNUSUAL: Final[_Found] = (-1, -1, -1)
"""What has to be taken apart to know what it means."""


def splice(records: Sequence[bytes], edit: KeyEdit, holder: Holder) -> list[bytes]:
    """Return records with one key edited; those in which nothing changes are the very ones that were given.

    Raises:
        google.protobuf.message.DecodeError: something in `records` is no message of this kind.
    """
    heads: list[bytes] = []
    after, rewritten = _spliced(records, edit, holder, heads)
    if not _are_whole(heads):
        return [_exact(record, edit, holder) for record in records]
    if edit.counter and rewritten:
        edit.counter.add(rewritten)
    return after


def _spliced(records: Sequence[bytes], edit: KeyEdit, holder: Holder, heads: list[bytes]) -> tuple[list[bytes], int]:
    """Return the records, and in how many the attribute was rewritten; collect what is before each that was found."""
    # every record of every request comes by here, so there are few calls, and no look-ups that could be made before
    key, size, tag, rewrite = edit.key, len(edit.key), holder.tag, edit.rewrite
    begins, added = bytes((tag,)), edit.absent and bytes((tag,)) + length_of(len(edit.absent)) + edit.absent
    after: list[bytes] = []
    rewritten = 0
    for record in records:
        found = _find(record, key, size, tag)
        if found is None:
            after.append(record + added if added else record)
            continue
        if found is _UNUSUAL:
            after.append(_exact(record, edit, holder))
            continue
        start, pair, end = found
        head = record[:start]
        heads.append(head)
        before = record[pair:end]
        new = rewrite(before)
        if new is before:
            after.append(record)
        elif new:
            after.append(b"".join((head, begins, length_of(len(new)), new, record[end:])))
            rewritten += 1
        else:
            after.append(head + record[end:])
    return after, rewritten


def _are_whole(heads: list[bytes]) -> bool:
    """Whether each of these is a message: then all seams between them are read as such."""
    if not heads:
        return True
    try:
        seams = _Seams.FromString(_SEAM.join([*heads, b""])).seam
    except DecodeError:
        return False
    return bool(seams[:].count(_SECRET) == len(heads))


def _exact(record: bytes, edit: KeyEdit, holder: Holder) -> bytes:
    message: Any = holder.message.FromString(record)
    before = message.attributes[:]
    after = apply([edit], before, edit.keys)
    if after == before:
        return record
    del message.attributes[:]
    message.attributes.extend(after)
    return bytes(message.SerializeToString())


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
    other = record.find(key, at + 1)
    while other >= 0:
        if record[other - 1] == size or not record[other - 1]:
            return _UNUSUAL
        other = record.find(key, other + 1)
    pair, value = at - 2, at + size
    end = pair + record[at - 3]
    try:
        is_short = record[at - 4] == tag and record[value + 1] == end - value - 2
        if is_short and record[pair] == KEY and record[value] == VALUE and 4 <= at <= end <= len(record):
            return at - 4, pair, end
        return _find_long(record, at, value, tag)
    except IndexError:
        return _UNUSUAL


def _find_long(record: bytes, at: int, value: int, tag: int) -> _Found:
    """Return where an attribute is of more than 127 bytes."""
    start, pair = at - 5, at - 2
    end = pair + (record[at - 4] & 0x7F | record[at - 3] << 7)
    if start < 0 or record[start] != tag or record[at - 4] < SHORT or record[at - 3] >= SHORT:
        return _UNUSUAL
    is_plain = record[pair] == KEY and record[value] == VALUE and end <= len(record) and is_value(record, value, end)
    return (start, pair, end) if is_plain else _UNUSUAL
