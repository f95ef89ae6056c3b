"""Changing few records of a request without reading the others, which pass as the bytes that they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, count
from typing import Any, NamedTuple

from processors.redaction.memory import Changes
from processors.redaction.places import Level, Places

_FEW = 4
"""One record of so many may change: beyond that, to read all of them at once costs less."""


class Touched(NamedTuple):
    """A field of one kind of message in which something changes."""

    level: Level
    name: str
    pieces: Sequence[bytes]
    """What all messages of the kind have there, in the order in which it stands in the request."""
    changes: Changes
    """What becomes of pieces; those that are not in it stay."""
    meant: Sequence[bytes]
    """Those of the pieces that change."""


def with_few_changes(wire: bytes, places: Places, touched: Sequence[Touched]) -> bytes | None:
    """Return the request with its places changed; None if that is not to be done here.

    Records that may hold a piece are found by its bytes.  What is changed in them is counted: it has to be as many
    pieces as change, so that none is missed where the same bytes stand elsewhere too.
    """
    request: Any = places.around.FromString(wire)
    by_record: dict[Level, list[Touched]] = {}
    for place in touched:
        outer, record, _ = places.ways[place.level]
        if record is not None:
            by_record.setdefault(record, []).append(place)
        elif _replaced(_walk(request, outer), place) != len(place.meant):
            return None
    if not all(_change_records(request, places, record, these) for record, these in by_record.items()):
        return None
    new: bytes = request.SerializeToString()
    return new


def _change_records(request: Any, places: Places, level: Level, touched: Sequence[Touched]) -> bool:
    """Change records of one kind; say whether that was all there is to change in them."""
    *outer, name = places.ways[level].outer
    lists = [getattr(parent, name) for parent in _walk(request, outer)]
    if sum([len(place.meant) for place in touched]) * _FEW > sum(map(len, lists)):
        return False
    records = [record for one in lists for record in one[:]]
    parse, opened = places.records[level].FromString, {}
    buffer, ends = b"".join(records), list(accumulate(map(len, records)))
    for place in touched:
        replaced = 0
        for index in _holding(buffer, ends, place.meant):
            if index not in opened:
                opened[index] = parse(records[index])
            replaced += _replaced(_walk(opened[index], places.ways[place.level].inner), place)
        if replaced != len(place.meant):
            return False
    ends = list(accumulate(map(len, lists)))
    for index, record in opened.items():
        held = lists[bisect_right(ends, index)]
        held[index - ends[bisect_right(ends, index)] + len(held)] = record.SerializeToString()
    return True


def _holding(buffer: bytes, ends: Sequence[int], pieces: Sequence[bytes]) -> Iterable[int]:
    """Return the indices of the records in which the pieces are found, each behind the one before."""
    found: dict[int, None] = {}
    position = 0
    for piece in pieces:
        position = buffer.find(piece, position)
        if position < 0 or not piece:
            break
        found[bisect_right(ends, position)] = None
        position += len(piece)
    return found


def _replaced(nodes: Sequence[Any], place: Touched) -> int:
    """Change what messages hold in a place; return in how many pieces."""
    changes, done = place.changes, 0
    for node in nodes:
        held = getattr(node, place.name)
        pieces = held[:]
        offsets = list(compress(count(), map(changes.__contains__, pieces)))
        for offset in reversed(offsets):  # so that the others keep their places where one goes
            if (new := changes[pieces[offset]].new) is None:
                del held[offset]
            else:
                held[offset] = new
        done += len(offsets)
    return done


def _walk(message: Any, path: Iterable[str]) -> Sequence[Any]:
    nodes = [message]
    for name in path:
        nodes = [inner for node in nodes for inner in getattr(node, name)]
    return nodes
