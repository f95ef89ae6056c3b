"""Changing attributes of many records that are alike, each step for all of them at once.

Loops that are a list's own cost a third less than those that look at one record after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain, repeat
from operator import le
from typing import NamedTuple

from collector.actions.edits import Edit
from collector.actions.layout import begin


class Columns(NamedTuple):
    """What becomes of records."""

    parts: list[bytes]
    """All that is there instead; nothing if all stays."""
    heads: list[bytes]
    """What is before each attribute in its record, from the one before it on."""


class _Column(NamedTuple):
    """One attribute of all records."""

    edit: Edit
    keys: list[int]
    """Where the length of its key is."""
    fields: list[int]
    """Where it begins."""
    lasts: list[int]
    """Where it ends."""


def by_columns(wire: bytes, rows: Sequence[tuple[int, int, int]], tag: int, edits: Sequence[Edit]) -> Columns | None:
    """Return what becomes of records.

    Args:
        wire: the request.
        rows: where each record begins, its content does, and both end.
        tag: that of the records.
        edits: what to do.

    Returns:
        None if not all have the same of these keys in the same order, or one has anything that is not as usual.
    """
    begins, starts, stops = zip(*rows, strict=True)
    found = _found(wire, starts, stops, edits)
    if found is None or stops[:-1] != begins[1:]:
        return None
    done: Sequence[int] = starts
    heads: list[bytes] = []
    content: list[list[bytes]] = []
    for column in found:
        if not (all(map(le, done, column.fields)) and all(map(le, column.lasts, stops))):
            return None
        head = [wire[start:stop] for start, stop in zip(done, column.fields, strict=True)]
        heads += head
        content += (head, head)  # the second one is not known yet
        done = column.lasts
    content[1::2] = [_rewritten(wire, column) for column in found]
    added = b"".join([edit.absent for edit in edits if all(column.edit is not edit for column in found)])
    if not found and not added:
        return Columns([], [])
    content.append([wire[start:stop] for start, stop in zip(done, stops, strict=True)])
    if added:
        content.append([added] * len(rows))
    sizes = map(sum, zip(*[map(len, column) for column in content], strict=True))
    fields = zip(map(partial(begin, tag), sizes), *content, strict=True)
    return Columns(list(chain.from_iterable(fields)), heads)


def _found(wire: bytes, starts: Sequence[int], stops: Sequence[int], edits: Sequence[Edit]) -> list[_Column] | None:
    """Return the attributes that all of the records have, in their order; None if some have them and others do not."""
    columns = []
    for edit in edits:
        keys = list(map(wire.find, repeat(edit.needle), starts, stops))
        if min(keys) >= 0:
            column = _column(wire, keys, stops, edit)
            if column is None:
                return None
            columns.append(column)
        elif max(keys) >= 0:
            return None
    return sorted(columns, key=lambda column: column.keys[0])


def _column(wire: bytes, keys: list[int], stops: Sequence[int], edit: Edit) -> _Column | None:
    if max(map(wire.find, repeat(edit.needle), [key + 1 for key in keys], stops)) >= 0:
        return None
    fields = [key - 3 for key in keys]
    lengths = [wire[key - 2] for key in keys]
    if not all(map(wire.startswith, map(edit.heads.__getitem__, lengths), fields)):
        return None
    return _Column(edit, keys, fields, [key - 1 + length for key, length in zip(keys, lengths, strict=True)])


def _rewritten(wire: bytes, column: _Column) -> list[bytes]:
    edit = column.edit
    rewrite, argument = edit.rewrite, edit.argument
    if rewrite is None:
        return [edit.piece] * len(column.keys)
    return [rewrite(wire[key + argument : last]) for key, last in zip(column.keys, column.lasts, strict=True)]
