"""Changing attributes in the bytes of many records, without taking apart those that encoders wrote as they all do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat

from collector.actions.columns import Column, Key, OddRecordsError, Table, find
from collector.actions.groups import Group
from collector.actions.pairs import fields_of

_PORTION = 512
"""Records at a time: so many that what is made on the way stays in the processor's cache."""
_ATTEMPTS = 4
"""Times to leave out what is odd: it is found in two steps, and the first record, which tells the order, may be odd."""


def edited(
    records: Sequence[bytes], groups: Sequence[Group], tag: int, by_itself: Callable[[bytes], bytes]
) -> list[bytes]:
    """Return records with their attributes changed.

    Args:
        records: serialised messages of one kind.
        groups: what to do.
        tag: that of attributes in such a message.
        by_itself: changes one that is not like others.
    """
    after: list[bytes] = []
    for start in range(0, len(records), _PORTION):
        after += _portion(records[start : start + _PORTION], groups, tag, by_itself)
    return after


def _portion(
    records: Sequence[bytes], groups: Sequence[Group], tag: int, by_itself: Callable[[bytes], bytes]
) -> Iterable[bytes]:
    keys = [Key.of(key) for group in groups for key in group.keys]
    places = list(range(len(records)))
    for _ in range(_ATTEMPTS):
        some = [records[place] for place in places] if len(places) < len(records) else records
        try:
            table = find(some, keys, tag)
        except OddRecordsError as error:
            places = [place for index, place in enumerate(places) if index not in error.odd]
            if not places or any(group.is_counted for group in groups):  # what is counted keeps its order
                break
        else:
            new = _changed(some, table, groups, tag)
            if some is records:
                return new
            alike = dict(zip(places, new, strict=True))
            return [alike[place] if place in alike else by_itself(record) for place, record in enumerate(records)]
    return map(by_itself, records)


def _changed(records: Sequence[bytes], table: Table, groups: Sequence[Group], tag: int) -> Sequence[bytes]:
    columns = {column.key: column for column in table.columns}
    fields: dict[Key, Iterable[bytes]] = {}
    added: list[Iterable[bytes]] = []
    everywhere = b""
    for group in groups:
        found = [columns.get(Key.of(key)) for key in group.keys]
        if group.absent is not None and not any(found):
            everywhere += b"".join(group.absent)
            continue
        for column, new in zip(found, _fields(group, found, len(records)), strict=False):
            if column:
                fields[column.key] = new
            else:
                added.append(new)
    if everywhere:
        added.append(repeat(everywhere))
    return _assembled(table, fields, added, tag) if fields or added else records


def _fields(group: Group, found: Sequence[Column | None], count: int) -> Sequence[Iterable[bytes]]:
    """Return for each key of a group what comes instead of its attributes or besides them; nothing if all stay."""
    if group.constant is not None and group.absent is not None and found[0] is not None:
        there, piece, absent = found[0].there, group.constant, group.absent[0]
        return [repeat(piece) if there is None else [piece if is_there else absent for is_there in there]]
    return group.fields([column.pairs() if column else [b""] * count for column in found]) or ()


def _assembled(
    table: Table, fields: Mapping[Key, Iterable[bytes]], added: list[Iterable[bytes]], tag: int
) -> Sequence[bytes]:
    """Return records made of what is around attributes and the fields that come instead of these, and besides."""
    content: list[Iterable[bytes]] = []
    for column, gaps in zip(table.columns, table.gaps, strict=True):
        if any(gaps):
            content.append(gaps)
        new = fields.get(column.key)
        if new is None:
            new = fields_of(column.pairs(), tag)
        if column.there is None:
            content.append(new)
        else:
            split = [
                (field, b"") if is_there else (b"", field) for field, is_there in zip(new, column.there, strict=False)
            ]
            in_place, behind = zip(*split, strict=True)
            content.append(in_place)
            added.append(behind)
    return list(map(b"".join, zip(*content, table.tails, *added, strict=False)))
