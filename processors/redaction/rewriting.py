"""Masking a whole request: first all text that is in it at once, then only the places in which something changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from processors.redaction.few_changes import Touched, with_few_changes
from processors.redaction.memory import Memory
from processors.redaction.places import KINDS, Level, Places, Reading
from processors.redaction.pruning import Doomed, prune
from processors.redaction.summary import Audit, Outcome
from processors.redaction.verdicts import Verdict

_FEW = 8
"""Verdicts: each is counted by itself, which takes less than to count all of them at once."""


class Memories(NamedTuple):
    """One for each kind of place, since the same bytes mean another thing there."""

    texts: Memory
    pairs: Memory
    values: Memory


_Place = tuple[Level, str, Sequence[bytes]]
"""A field of one kind of message, and the pieces of all of them."""


class Done(NamedTuple):
    """What was done to a request."""

    hits: Counter[str]
    """How many values were masked, by detector."""
    removed: int
    """How many attributes went since their keys are not allowed."""
    drops: bool
    """Whether records went."""


class Rewritten(NamedTuple):
    wire: bytes
    """Empty if no record is left."""
    done: Done
    records: Sequence[Sequence[bytes]] | None = None
    """In place of `wire` those of each scope, where it is known that nothing else changes."""


def rewrite(
    wire: bytes, places: Places, memories: Memories, audit: Audit | None, *, always: bool = False
) -> Rewritten | None:
    """Return a request with everything masked; None if nothing changes.

    Args:
        wire: the request.
        places: of its signal.
        memories: what becomes of each piece.
        audit: writes summaries; None for none.
        always: also if no text changes, so that unknown fields go.

    Raises:
        google.protobuf.message.DecodeError: it is no request.
        RuntimeError: a place is not where it was when it was looked at; a bug here.
    """
    touched = _touched(wire, places, memories)
    if not touched and not always:
        return None
    done = _done(touched)
    if not always and not audit and not done.drops and (new := with_few_changes(wire, places, touched)) is not None:
        return Rewritten(new, done)
    request = places.apart.FromString(wire)
    if always:
        request.DiscardUnknownFields()
    rewriter = _Rewriter(request, places)
    rewriter.replace_all(touched, audit)
    if rewriter.doomed and prune(request, places.root, rewriter.doomed):
        return Rewritten(b"", done)
    return Rewritten(request.SerializeToString(), done)


def rewrite_sifted(wire: bytes, places: Places, memories: Memories, audit: Audit | None) -> Rewritten | None:
    """Return the same of a request in which most records change and none may go.

    Raises:
        google.protobuf.message.DecodeError: it is no request.
        RuntimeError: a record would go, or a place is not where it was when it was looked at; a bug here.
    """
    touched = _touched(wire, places, memories)
    if not touched:
        return None
    request = places.apart.FromString(wire)
    rewriter = _Rewriter(request, places)
    rewriter.replace_all(touched, audit)
    if rewriter.doomed:
        raise RuntimeError("a record would go")
    if len(places.records) > 1 or not all(places.ways[place.level].record for place in touched):
        return Rewritten(request.SerializeToString(), _done(touched))
    (level,) = places.records
    return Rewritten(b"", _done(touched), rewriter.written(level))


def _touched(wire: bytes, places: Places, memories: Memories) -> Sequence[Touched]:
    """Return the places in which something changes."""
    found: list[list[_Place]] = [[] for _ in KINDS]
    _gather(places.gathered.FromString(wire), places.reading, found)
    touched: list[Touched] = []
    for memory, of_a_kind in zip(memories, found, strict=True):
        changes, meant = memory.changes([pieces for _, _, pieces in of_a_kind])
        for (level, name, pieces), these in zip(of_a_kind, meant, strict=False):
            if these:
                touched.append(Touched(level, name, pieces, changes, these))
    return touched


def _gather(node: Any, reading: Reading, found: Sequence[list[_Place]]) -> None:
    """Add every field that has pieces, with those, to the ones of its kind."""
    for kind, level, name in reading.fields:
        if pieces := getattr(node, name)[:]:
            found[kind].append((level, name, pieces))
    for name, inner in reading.inner:
        if node.HasField(name):
            _gather(getattr(node, name), inner, found)


def _done(touched: Sequence[Touched]) -> Done:
    verdicts: list[Verdict] = []
    for place in touched:
        verdicts += map(place.changes.__getitem__, place.meant)
    # texts that become the same have one verdict in common, so there are few of them, and each is looked at once
    numbers = list(map(id, verdicts))
    each = dict(zip(numbers, verdicts, strict=True))
    times = {number: numbers.count(number) for number in each} if len(each) <= _FEW else Counter(numbers)
    hits: Counter[str] = Counter()
    removed = 0
    drops = False
    for number, (_, found, drops_it, outcomes) in each.items():
        for detector in found:
            hits[detector] += times[number]
        if outcomes:
            removed += times[number] * sum(outcome is Outcome.REDACTED for outcome, _ in outcomes)
        drops |= drops_it
    return Done(hits, removed, drops)


class _Rewriter:
    """Changes a request with all its records in its place, and keeps account of what goes and of what summaries tell.

    A piece is found by counting: the messages of a kind, walked in their order, hold the pieces of a place in theirs.
    """

    def __init__(self, request: Any, places: Places) -> None:
        self.doomed: Doomed = {}
        self._ways = places.ways
        self._nodes: dict[tuple[str, ...], list[Any]] = {(): [request]}
        self._told: dict[tuple[Level, int, bool], list[tuple[Outcome, str]]] = {}

    def replace_all(self, places: Sequence[Touched], audit: Audit | None) -> None:
        """Change what places hold, and write summaries to the attributes of all messages in which that was done."""
        for place in places:
            self._replace(place)
        if audit:
            self._tell(audit)

    def written(self, level: Level) -> list[list[bytes]]:
        """Return the serialised messages of a kind, in a list for each message that has such ones."""
        *outer, name = self._ways[level].outer
        return [[one.SerializeToString() for one in getattr(node, name)] for node in self._at(tuple(outer))]

    def _replace(self, place: Touched) -> None:
        level, name, pieces, changes, meant = place
        lists, ends = self._held(level, name, len(pieces))
        gone: list[tuple[Any, int]] = []
        position, index = -1, 0
        for piece in meant:
            position = pieces.index(piece, position + 1)
            if ends[index] <= position:  # most are in the same message as the one before, or the next one
                index += 1
                if ends[index] <= position:
                    index = bisect_right(ends, position, index)
            held = lists[index]
            offset = position - ends[index]  # from its end
            if held[offset] != piece:
                raise RuntimeError("a place does not hold what was gathered")
            verdict = changes[piece]
            new, _, drops, outcomes = verdict
            if drops or outcomes:
                self._note(verdict, level, index, is_body=name in level.values)
            if new is None:
                gone.append((held, offset + len(held)))
            else:
                held[offset] = new
        for held, offset in reversed(gone):
            del held[offset]

    def _held(self, level: Level, name: str, pieces: int) -> tuple[Sequence[Any], Sequence[int]]:
        """Return a field of all messages of a kind, and how many of these pieces are in it up to the end of each."""
        lists = [getattr(node, name) for node in self._all(level)]
        ends = list(accumulate(map(len, lists)))
        if not ends or ends[-1] != pieces:
            raise RuntimeError("a place does not hold what was gathered")
        return lists, ends

    def _note(self, verdict: Verdict, level: Level, index: int, *, is_body: bool) -> None:
        if verdict.drops:
            self.doomed.setdefault(level, set()).add(index)
        if verdict.outcomes and level.pairs:
            self._told.setdefault((level, index, is_body), []).extend(verdict.outcomes)

    def _tell(self, audit: Audit) -> None:
        for (level, index, is_body), outcomes in self._told.items():
            attributes = getattr(self._all(level)[index], level.pairs[0])
            attributes[:] = audit(attributes[:], outcomes, is_body)

    def _all(self, level: Level) -> Sequence[Any]:
        """Return all messages of a kind, in the order in which they stand in the request."""
        way = self._ways[level]
        return self._at((*way.outer, *way.inner))

    def _at(self, path: tuple[str, ...]) -> Sequence[Any]:
        if path not in self._nodes:
            self._nodes[path] = [child for node in self._at(path[:-1]) for child in getattr(node, path[-1])]
        return self._nodes[path]
