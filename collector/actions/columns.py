"""Finding attributes in the bytes of many records at once, each step for all of them.

Loops that are a list's own cost a fraction of those that look at one record after another.

A key is a run of bytes in its record. Where it is mentioned once, with all around it as encoders write it, the
attribute can be cut out. That such a place is what it seems, and no text that looks like it, is certain if what is
before it is a whole message: then a field begins there. The official parser says so for all records at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key, lru_cache
from itertools import chain, compress, repeat
from operator import itemgetter
from secrets import token_bytes
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from collector.actions.pairs import SHORT, begin, begins_of, head_of
from collector.patterns import compile_pattern
from collector.wire.declaration import declare
from collector.wire.walk import WireError, varint

T = TypeVar("T")

_Seams: Any = declare("pyotelcol.actions", "message Seams { repeated bytes seam = 536870911; }")["Seams"]
_SECRET = token_bytes(16)  # what no sender knows cannot be in what it sends
_SEAM = _Seams(seam=[_SECRET]).SerializeToString()
_REMEMBERED = 256
_TABLES = 64
"""Remembered, of 32 KiB each."""
_SAMPLE = 8
"""Records among which one is looked for that has all attributes, and so tells their order."""
_FIRST = itemgetter(0)
_ONE_MORE = bytes(range(1, 0x100)) + b"\x00"
"""From numbers below 255, as bytes, to those that are one greater."""


class OddRecordsError(Exception):
    """Some records are not as encoders write them."""

    def __init__(self, odd: set[int]) -> None:
        """Tell which, by their indices."""
        self.odd = odd


class Key(NamedTuple):
    """A key of 1 to 127 bytes and how it is looked for."""

    head: bytes
    """What is before the length of the value in a usual attribute."""
    mention: Any
    """Finds the key behind its length, as it is in every attribute that has it, unless that length is longer."""
    longer: Any
    """Finds the key behind the last byte of a length that has more bytes than it needs."""

    @classmethod
    @lru_cache(_REMEMBERED)
    def of(cls, name: bytes) -> Key:
        # RE2 skips to the first byte, and is ten times as fast as `bytes.find` where there is nothing to be found
        text = "".join(f"\\x{{{ord(character):x}}}" for character in name.decode())
        return cls(head_of(name), compile_pattern(f"\\x{{{len(name):x}}}{text}"), compile_pattern(f"\\x00{text}"))


class Column(NamedTuple):
    """The attribute of one key in each of many records."""

    key: Key
    there: list[bool] | None
    """Of each record whether it has one; None if all do."""
    begins: list[bytes]
    """Of each that is there, the tag and the length of the field."""
    behind: Sequence[bytes]
    """What comes behind the head of each that is there."""
    sizes: Sequence[int]
    """How many bytes of that are its."""

    def pairs(self) -> list[bytes]:
        """Return the KeyValue that each record has; empty for none."""
        head = self.key.head
        pairs = [head + behind[:size] for behind, size in zip(self.behind, self.sizes, strict=True)]
        return pairs if self.there is None else _spread(pairs, self.there, repeat(b""))

    def lengths(self) -> list[int]:
        """Return how long the field is that each record has."""
        head = len(self.key.head)
        lengths = [len(begin) + head + size for begin, size in zip(self.begins, self.sizes, strict=True)]
        return lengths if self.there is None else _spread(lengths, self.there, repeat(0))

    def length(self) -> int:
        """Return the sum of `lengths`."""
        # most are short: then none begins with more than the one does that is longest
        longest = max(self.sizes) + len(self.key.head)
        begins = 2 * len(self.begins) if longest < SHORT else sum(map(len, self.begins))
        return begins + len(self.key.head) * len(self.sizes) + sum(self.sizes)


class Table(NamedTuple):
    """Where attributes are in records, in which all of them come in the same order, and what is around them."""

    columns: list[Column]
    """Those of keys that are in any record, in their order."""
    gaps: list[Sequence[bytes]]
    """For each column what is before its attributes, from those before them on."""
    tails: Sequence[bytes]
    """What is behind the last attributes."""


def find(records: Sequence[bytes], keys: Sequence[Key], tag: int) -> Table:
    """Find attributes.

    Args:
        records: serialised messages of one kind.
        keys: those of the attributes.
        tag: that of attributes in such a message.

    Raises:
        OddRecordsError: some records have one of the keys, or something like it, in any other way than once, as
            encoders write it, and in the order of the other records; perhaps more when these are left out.
    """
    joined = b"".join(records)
    odd: set[int] = set()
    for key in keys:
        odd |= _mentioning(key.longer, joined, records)
    keys = [key for key in keys if key.mention.search(joined)]
    table = _cut(records, keys, tag)
    kept = b"".join(chain(*table.gaps, table.tails))
    # nothing is cut that is not where it should be, so what is kept is too long if anything is odd, and never too short
    if len(kept) + sum(column.length() for column in table.columns) != len(joined):
        odd |= _longer(records, table)
    if odd:
        raise OddRecordsError(odd)
    for key in keys:
        odd |= _mentioning(key.mention, kept, map(b"".join, zip(*table.gaps, table.tails, strict=True)))
    if not _are_whole(list(chain(*filter(any, table.gaps)))):
        odd.update(index for index, gaps in enumerate(zip(*table.gaps, strict=True)) if not _are_whole(gaps))
    if odd:
        raise OddRecordsError(odd)
    return table


def _mentioning(pattern: Any, joined: bytes, parts: Iterable[bytes]) -> set[int]:
    """Return the indices of the parts in which a pattern is found; joined, nothing may be found more quickly."""
    return {index for index, part in enumerate(parts) if pattern.search(part)} if pattern.search(joined) else set()


def _cut(records: Sequence[bytes], keys: Sequence[Key], tag: int) -> Table:
    """Cut attributes out: one key after another, from that end on from where they are found sooner."""
    if not keys:
        return Table([], [], records)
    keys, is_backward = _in_order(records, keys)
    columns, parts, rest = [], [], records
    for key in reversed(keys) if is_backward else keys:
        cut = _split(rest, key, tag, is_backward=is_backward)
        if cut:
            before, column, after = cut
            columns.append(column)
            rest, part = (before, after) if is_backward else (after, before)
            parts.append(part)
    if is_backward:
        first, *others = rest, *reversed(parts)
        return Table(columns[::-1], [first, *others[:-1]], others[-1]) if columns else Table([], [], records)
    return Table(columns, parts, rest)


def _in_order(records: Sequence[bytes], keys: Sequence[Key]) -> tuple[Sequence[Key], bool]:
    """Return keys in the order of their attributes, and whether these are nearer to the ends of records."""
    for record in records[:_SAMPLE]:
        places = [record.rfind(key.head) for key in keys]
        if min(places) >= 0:
            return [key for _, key in sorted(zip(places, keys, strict=True), key=_FIRST)], _is_behind(places, record)
    in_all = {key: list(map(bytes.rfind, records, repeat(key.head))) for key in keys}

    def by_place(one: Key, other: Key) -> int:
        """Compare two by the first record that has both."""
        both = zip(in_all[one], in_all[other], strict=True)
        return next((first - second for first, second in both if first >= 0 <= second), 0)

    return sorted(keys, key=cmp_to_key(by_place)), _is_behind([places[0] for places in in_all.values()], records[0])


def _is_behind(places: Sequence[int], record: bytes) -> bool:
    # attributes are behind the other fields mostly, and what is near the end is found sooner from there
    found = [place for place in places if place >= 0]
    return not found or min(found) + max(found) > len(record)


def _split(
    records: Sequence[bytes], key: Key, tag: int, *, is_backward: bool
) -> tuple[Sequence[bytes], Column, Sequence[bytes]] | None:
    """Return what is before the attribute of a key in each record, the attributes, and what is behind each.

    Where there is none, all of the record is on that side from which it was looked for last. Nothing is cut off that
    is not the beginning of such an attribute, or is more than there is; None if there is no such attribute.
    """
    split: Callable[[bytes, bytes], tuple[bytes, bytes, bytes]] = bytes.rpartition if is_backward else bytes.partition
    before: Sequence[bytes]
    behind: Sequence[bytes]
    before, heads, behind = zip(*map(split, records, repeat(key.head)), strict=True)
    there = None
    if not all(heads):
        there = list(map(bool, heads))
        before, behind = list(compress(before, there)), list(compress(behind, there))
        if not before:
            return None
    sizes = _sizes(behind)
    begins = _begins(tag, len(key.head), sizes)
    column = Column(key, there, begins, behind, sizes)
    around = list(map(bytes.removesuffix, before, begins))
    after = [piece[size:] for piece, size in zip(behind, sizes, strict=True)]
    if there is None:
        return around, column, after
    all_before = _spread(around, there, records if is_backward else repeat(b""))
    return all_before, column, _spread(after, there, repeat(b"") if is_backward else records)


def _spread(values: Iterable[T], there: list[bool], otherwise: Iterable[T]) -> list[T]:
    """Return values of some records as a list of all of them."""
    left = iter(values)
    return [next(left) if is_there else other for is_there, other in zip(there, otherwise, strict=False)]


def _sizes(behind: Sequence[bytes]) -> Sequence[int]:
    """Return the sizes of values and their lengths, which these bytes begin with."""
    try:
        firsts = bytes(map(_FIRST, behind))
    except IndexError:
        return list(map(_size, behind))
    if firsts.isascii():  # all lengths have one byte
        return firsts.translate(_ONE_MORE)
    return [first + 1 if first < SHORT else _size(piece) for first, piece in zip(firsts, behind, strict=True)]


def _size(piece: bytes) -> int:
    try:
        size, start = varint(piece, 0, len(piece))
    except WireError:
        return len(piece) + 1  # more than there is, so it is odd
    return start + size


def _begins(tag: int, head: int, sizes: Sequence[int]) -> list[bytes]:
    """Return what fields begin with whose KeyValues have a head of so many bytes and then these sizes."""
    try:
        return list(map(_begins_behind(tag, head).__getitem__, sizes))
    except IndexError:
        return [begin(tag, head + size) for size in sizes]


@lru_cache(_TABLES)
def _begins_behind(tag: int, head: int) -> list[bytes]:
    return begins_of(tag)[head:]


def _longer(records: Sequence[bytes], table: Table) -> set[int]:
    """Return the indices of records that are shorter than what they were cut into, and what was cut out, together."""
    pieces = zip(*(map(len, part) for part in (*table.gaps, table.tails)), strict=True)
    fields = zip(*(column.lengths() for column in table.columns), strict=True)
    together = zip(records, pieces, fields, strict=True)
    return {index for index, (record, kept, cut) in enumerate(together) if sum(kept) + sum(cut) != len(record)}


def _are_whole(gaps: Sequence[bytes]) -> bool:
    """Whether each of these is a message: then all seams between them are read as such."""
    try:
        seams = _Seams.FromString(_SEAM.join([*gaps, b""])).seam
    except DecodeError:
        return False
    return bool(seams[:].count(_SECRET) == len(gaps))
