"""Finding attributes in the bytes of many records at once, each step for all of them.

Loops that are a list's own cost a fraction of those that look at one record after another.

A key is a run of bytes in its record. Where it is mentioned once, with all around it as encoders write it, the
attribute can be cut out. That such a place is what it seems, and no text that looks like it, is certain if what is
before it is a whole message: then a field begins there. The official parser says so for all records at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key, lru_cache
from itertools import chain, compress, repeat
from operator import add, gt, le, ne, sub
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
_NOWHERE = -1


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
    """Of each record whether it has one; None if all do. Where it is not, all offsets are the same."""
    fields: list[int]
    """Where it begins."""
    pairs: list[int]
    """Where its KeyValue does."""
    lasts: list[int]
    """Where both end."""

    def behind(self, done: list[int]) -> Column:
        """Return the column with places for attributes that are not there: where those before them end."""
        if self.there is None:
            return self
        places = [
            [there if there >= 0 else end for there, end in zip(offsets, done, strict=True)]
            for offsets in (self.fields, self.pairs, self.lasts)
        ]
        return Column(self.key, self.there, *places)


class Table(NamedTuple):
    """Where attributes are in records, in which all of them come in the same order, and what is around them."""

    columns: list[Column]
    """Those of keys that are in any record, in their order."""
    gaps: list[list[bytes]]
    """For each column what is before its attributes, from those before them on."""
    tails: list[bytes]
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
        if key.longer.search(joined):
            odd.update(index for index, record in enumerate(records) if key.longer.search(record))
    keys = [key for key in keys if key.mention.search(joined)]
    columns = [column for key in keys if (column := _column(records, key, tag, odd))]
    table = _cut(records, columns, odd)
    if odd:
        raise OddRecordsError(odd)
    kept = b"".join(chain(*table.gaps, table.tails))
    for key in keys:
        if key.mention.search(kept):
            parts = zip(*table.gaps, table.tails, strict=True)
            odd.update(index for index, kept in enumerate(map(b"".join, parts)) if key.mention.search(kept))
    if not _are_whole(list(chain(*filter(any, table.gaps)))):
        odd.update(index for index, gaps in enumerate(zip(*table.gaps, strict=True)) if not _are_whole(gaps))
    if odd:
        raise OddRecordsError(odd)
    return table


def _column(records: Sequence[bytes], key: Key, tag: int, odd: set[int]) -> Column | None:
    # attributes are behind the other fields mostly, and what is near the end is found sooner from there
    search = bytes.rfind if 2 * records[0].rfind(key.head) > len(records[0]) else bytes.find
    pairs, there = list(map(search, records, repeat(key.head))), None
    if min(pairs) < 0:
        there = [pair >= 0 for pair in pairs]
        records, pairs = list(compress(records, there)), list(compress(pairs, there))
        if not pairs:
            return None
    sizes = _sizes(records, pairs, len(key.head))
    heads = _heads(tag, sizes)
    fields = list(map(sub, pairs, map(len, heads)))
    found = [record[field:pair] for record, field, pair in zip(records, fields, pairs, strict=True)]
    if found != heads:
        indices = range(len(records)) if there is None else compress(range(len(there)), there)
        odd.update(compress(indices, map(ne, found, heads)))
    lasts = list(map(add, pairs, sizes))
    return Column(key, there, *(_spread(offsets, there, _NOWHERE) for offsets in (fields, pairs, lasts)))


def _spread(values: list[T], there: list[bool] | None, otherwise: T) -> list[T]:
    """Return values of some records as a list of all of them."""
    if there is None:
        return values
    left = iter(values)
    return [next(left) if is_there else otherwise for is_there in there]


def _sizes(records: Sequence[bytes], pairs: list[int], length: int) -> list[int]:
    """Return the sizes of KeyValues by the lengths of their values, which are so many bytes behind their beginnings."""
    behind = length + 1
    try:
        sizes = [record[pair + length] + behind for record, pair in zip(records, pairs, strict=True)]
    except IndexError:
        sizes = [SHORT + behind]
    if max(sizes) < SHORT + behind:
        return sizes
    return [_size(record, pair, pair + length) for record, pair in zip(records, pairs, strict=True)]


def _size(record: bytes, pair: int, at: int) -> int:
    try:
        size, start = varint(record, at, len(record))
    except WireError:
        return 0
    return start + size - pair


def _heads(tag: int, sizes: list[int]) -> list[bytes]:
    begins = begins_of(tag)
    if max(sizes) < len(begins):
        return list(map(begins.__getitem__, sizes))
    return [begin(tag, size) for size in sizes]


def _cut(records: Sequence[bytes], columns: list[Column], odd: set[int]) -> Table:
    table = Table([], [], [])
    done = [0] * len(records)
    for column in sorted(columns, key=cmp_to_key(_by_place)):
        placed = column.behind(done)
        odd |= _decreasing(done, placed.fields)
        table.columns.append(placed)
        table.gaps.append(_between(records, done, placed.fields))
        done = placed.lasts
    odd |= _decreasing(done, list(map(len, records)))
    table.tails.extend([record[start:] for record, start in zip(records, done, strict=True)])
    return table


def _between(records: Sequence[bytes], starts: list[int], stops: list[int]) -> list[bytes]:
    if starts == stops:  # keys that go together stand together
        return [b""] * len(records)
    return [record[start:stop] for record, start, stop in zip(records, starts, stops, strict=True)]


def _decreasing(first: list[int], second: list[int]) -> set[int]:
    """Return where the numbers of the second list are less than those of the first."""
    if all(map(le, first, second)):
        return set()
    return set(compress(range(len(first)), map(gt, first, second)))


def _by_place(first: Column, second: Column) -> int:
    """Compare two columns by the first record that has both."""
    both = zip(first.fields, second.fields, strict=True)
    return next((one - other for one, other in both if one >= 0 <= other), 0)


def _are_whole(gaps: Sequence[bytes]) -> bool:
    """Whether each of these is a message: then all seams between them are read as such."""
    try:
        seams = _Seams.FromString(_SEAM.join([*gaps, b""])).seam
    except DecodeError:
        return False
    return bool(seams[:].count(_SECRET) == len(gaps))
