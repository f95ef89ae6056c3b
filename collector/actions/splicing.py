"""Changing single attributes in the bytes of a request, without taking it apart.

A key is a run of bytes in its record. Where it is mentioned once, with all around it as encoders write it, the
attribute is cut out or replaced. That such a place is what it seems, and no text that looks like it, is certain if
what is before it is a whole message: then a field begins there. The official parser says so for all records at once.
What is not certain, or not as usual, is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from secrets import token_bytes
from typing import Any

from google.protobuf.message import DecodeError

from collector.actions.columns import by_columns
from collector.actions.edits import Edit, edit_of, field_of, find_unusual, longer_lengths
from collector.actions.layout import Holder, Layout, Siblings, begin, records_in
from collector.actions.steps import KeyEdit, apply, delete
from collector.wire.declaration import declare
from collector.wire.walk import fields

_Seams: Any = declare("pyotelcol.actions", "message Seams { repeated bytes seam = 536870911; }")["Seams"]
_SECRET = token_bytes(16)  # what no sender knows cannot be in what it sends
_SEAM = _Seams(seam=[_SECRET]).SerializeToString()
_PORTION = 256


def _are_whole(heads: list[bytes]) -> bool:
    """Whether each of these is a message: then all seams between them are read as such."""
    if not heads:
        return True
    try:
        seams = _Seams.FromString(_SEAM.join([*heads, b""])).seam
    except DecodeError:
        return False
    return bool(seams[:].count(_SECRET) == len(heads))


def splice(wire: bytes, layout: Layout, edits: Sequence[KeyEdit]) -> bytes:
    """Return a request with the attributes of its records edited; the very bytes that were given if nothing changes.

    Args:
        wire: its bytes.
        layout: where its records are.
        edits: what to do, no two of them about the same key.

    Raises:
        google.protobuf.message.DecodeError: a record is none.
        WireError: it is no request, or one that has groups.
    """
    is_doubtful = longer_lengths(frozenset(edit.key for edit in edits)).search(wire) is not None
    if not is_doubtful and any(edit.is_counted for edit in edits):  # what is counted is done once
        is_doubtful = not _Splice(wire, [KeyEdit(edit.key, delete, constant=b"") for edit in edits]).is_certain(layout)
    if not is_doubtful:
        work = _Splice(wire, edits)
        if work.is_certain(layout):
            return work.result()
    work = _Splice(wire, edits, is_doubtful=True)
    work.descend(layout, 0, len(wire))
    return work.result()


def exactly(record: bytes, edits: Sequence[KeyEdit], holder: Holder, keys: frozenset[bytes]) -> bytes:
    """Return a record with its attributes edited; the very bytes that were given if nothing changes.

    Raises:
        google.protobuf.message.DecodeError: it is none.
    """
    message: Any = holder.message.FromString(record)
    before = message.attributes[:]
    after = apply(edits, before, keys)
    if after == before:
        return record
    del message.attributes[:]
    message.attributes.extend(after)
    return bytes(message.SerializeToString())


class _Splice:
    """One request being edited: what it becomes, up to a place."""

    def __init__(self, wire: bytes, edits: Sequence[KeyEdit], *, is_doubtful: bool = False) -> None:
        self._wire = wire
        self._given = edits
        self._keys = frozenset(edit.key for edit in edits)
        self._is_doubtful = is_doubtful
        self._edits: dict[int, list[Edit]] = {}
        """By the tag of attributes, in the order in which their keys were found last."""
        self._parts: list[bytes] = []
        self._heads: list[bytes] = []
        """What is before each attribute that was found in a record, from the one before it on."""
        self._is_certain = True
        """Whether all that these were are messages."""
        self._done = 0

    def is_certain(self, layout: Layout) -> bool:
        """Edit all of it, and say whether everything was what it seemed."""
        try:
            self.descend(layout, 0, len(self._wire))
        except DecodeError:  # from what looks like an attribute, or there is something wrong, and it is raised again
            return False
        return self._is_certain and _are_whole(self._heads)

    def result(self) -> bytes:
        """Return what it has become; the very bytes that were given if that is the same."""
        if not self._parts:
            return self._wire
        wire = b"".join([*self._parts, self._wire[self._done :]])
        return self._wire if wire == self._wire else wire

    def descend(self, layout: Layout, at: int, end: int) -> int:
        """Edit the records in the content of a message, and return how much longer it is then."""
        if isinstance(layout, Siblings):
            return self._records(layout, at, end)
        growth = 0
        for tag, start, stop in fields(self._wire, at, end):
            inner = layout.get(tag)
            if inner is not None:
                growth += self._field(tag, inner, at, start, stop)
            at = stop
        return growth

    def _field(self, tag: int, layout: Layout, begins: int, start: int, stop: int) -> int:
        """Edit what is in a field, and return how much longer it is then."""
        before, place = self._done, len(self._parts)
        self._parts += (self._wire[before:begins], b"")
        self._done = start
        growth = self.descend(layout, start, stop)
        if len(self._parts) == place + 2:
            del self._parts[place:]
            self._done = before
            return 0
        self._parts[place + 1] = head = begin(tag, stop - start + growth)
        return growth + len(head) - (start - begins)

    def _records(self, siblings: Siblings, at: int, end: int) -> int:
        """Edit sibling records, and return how much longer they are then."""
        wire, records = self._wire, records_in(self._wire, at, end, siblings.tag)
        edits = self._edits_for(siblings.holder)
        growth = 0
        # so many at a time that what is made on the way stays in the processor's cache
        while rows := list(islice(records, _PORTION)):
            at, stop = rows[0][0], rows[-1][-1]
            columns = None if self._is_doubtful else by_columns(wire, rows, siblings.tag, edits)
            if columns is None:
                parts = self._by_rows(rows, siblings, edits)
            else:
                parts = columns.parts
                self._heads += columns.heads
            if parts:
                portion = b"".join(parts)
                self._parts += (wire[self._done : at], portion)
                self._done = stop
                growth += len(portion) - (stop - at)
            if len(self._heads) >= _PORTION:
                self._is_certain = self._is_certain and _are_whole(self._heads)
                self._heads.clear()
        return growth

    def _by_rows(self, rows: Sequence[tuple[int, int, int]], siblings: Siblings, edits: list[Edit]) -> list[bytes]:
        """Return what is there instead of records, which may be any, and between them; nothing if all stays."""
        parts: list[bytes] = []
        done, begin_of, is_expected = rows[0][0], partial(begin, siblings.tag), not self._is_doubtful
        for begins, start, stop in rows:
            pieces = self._pieces(edits, siblings.holder.tag, start, stop, begin_of) if is_expected else None
            if pieces is None:
                pieces = self._pieces_of_odd(edits, siblings, start, stop)
            if pieces:
                if done < begins:
                    parts.append(self._wire[done:begins])
                parts += pieces
                done = stop
        if parts:
            parts.append(self._wire[done : rows[-1][-1]])
        return parts

    def _pieces(
        self, edits: list[Edit], tag: int, start: int, stop: int, begin_of: Callable[[int], bytes]
    ) -> list[bytes] | None:
        """Return what the field of a record becomes; nothing if all stays, None if the record is not as expected."""
        # every record of every request comes by here, so there are few calls, and no look-ups that can be made before
        wire, heads, done, added = self._wire, self._heads, start, b""
        find, is_at = wire.find, wire.startswith
        pieces = [b""]
        for edit, needle, usual, argument, rewrite, piece, absent in edits:
            key = find(needle, start, stop)
            if key < 0:
                added += absent
                continue
            field, length = key - 3, wire[key - 2]
            last = key - 1 + length
            is_usual = is_at(usual[length], field)
            if not is_usual:
                field, last = find_unusual(wire, key, len(needle), tag)
            if field < done or last > stop or find(needle, key + 1, stop) >= 0:
                del heads[len(heads) - len(pieces) // 2 :]
                return None
            head = wire[done:field]
            heads.append(head)
            if not is_usual:
                new = field_of(edit.rewrite(wire[key - 1 : last]), tag)
            else:
                new = rewrite(wire[key + argument : last]) if rewrite else piece
            pieces += (head, new)
            done = last
        if done == start and not added:
            return []
        pieces.append(wire[done:stop] + added)
        pieces[0] = begin_of(sum(map(len, pieces)))
        return pieces

    def _pieces_of_odd(self, edits: list[Edit], siblings: Siblings, start: int, stop: int) -> list[bytes]:
        """Return the same of a record in which keys come in another order, or that has to be taken apart."""
        wire, (tag, holder) = self._wire, siblings
        order = edits if self._is_doubtful else sorted(edits, key=lambda edit: wire.find(edit.needle, start, stop))
        if order != edits:
            edits[:] = order
            pieces = self._pieces(edits, holder.tag, start, stop, partial(begin, tag))
            if pieces is not None:
                return pieces
        if not any(edit.absent or wire.find(edit.key, start, stop) >= 0 for edit in self._given):
            return []
        record = wire[start:stop]
        new = exactly(record, self._given, holder, self._keys)
        return [] if new is record else [begin(tag, len(new)), new]

    def _edits_for(self, holder: Holder) -> list[Edit]:
        if holder.tag not in self._edits:
            self._edits[holder.tag] = [edit_of(edit, holder.tag) for edit in self._given]
        return self._edits[holder.tag]
