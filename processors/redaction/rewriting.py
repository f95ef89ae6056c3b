"""Masking a whole request: first all text that is in it at once, then only the places in which something changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, compress
from typing import Any, NamedTuple

from processors.redaction.memory import Memory
from processors.redaction.places import Level, Places, holds_text
from processors.redaction.pruning import Doomed, prune
from processors.redaction.summary import Audit, Outcome
from processors.redaction.values import Verdict

Changes = Mapping[bytes, Verdict]


class Memories(NamedTuple):
    """One for each kind of place, since the same bytes mean another thing there."""

    texts: Memory
    pairs: Memory
    values: Memory


@dataclass
class Done:
    """What was done to a request."""

    hits: Counter[str] = field(default_factory=Counter)
    """How many values were masked, by detector."""
    removed: int = 0
    """How many attributes went since their keys are not allowed."""
    drops: bool = False
    """Whether records went."""


class Rewritten(NamedTuple):
    wire: bytes
    """Empty if no record is left."""
    done: Done


class _Place(NamedTuple):
    """A field of one kind of message, and what all messages of the kind have there in this request."""

    level: Level
    name: str
    pieces: list[bytes]
    """In the order in which they stand in the request."""


def rewrite(wire: bytes, places: Places, memories: Memories, audit: Audit | None, *, always: bool) -> Rewritten | None:
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
    touched = list(_touched(places.gathered.FromString(wire), places.root, memories))
    if not touched and not always:
        return None
    request = places.apart.FromString(wire)
    if always:
        request.DiscardUnknownFields()
    rewriter = _Rewriter(request, places)
    for place, changes in touched:
        rewriter.replace(place, changes)
    if audit:
        rewriter.tell(audit)
    if rewriter.doomed:
        rewriter.done.drops = True
        if prune(request, places.root, rewriter.doomed):
            return Rewritten(b"", rewriter.done)
    return Rewritten(request.SerializeToString(), rewriter.done)


def _touched(gathered: Any, root: Level, memories: Memories) -> Iterator[tuple[_Place, Changes]]:
    """Yield the places in which something changes, with what becomes of all pieces of their kind."""
    for kind, memory in zip(Memories._fields, memories, strict=True):
        found = list(_gather(gathered, root, kind))
        changes = memory.changes([place.pieces for place in found])
        for place in found:
            if changes and not changes.keys().isdisjoint(place.pieces):
                yield place, changes


def _gather(node: Any, level: Level, kind: str) -> Iterator[_Place]:
    """Yield every place of a kind that has pieces."""
    for name in getattr(level, kind):
        if pieces := getattr(node, name)[:]:
            yield _Place(level, name, pieces)
    for name, inner in (*level.parts, *level.children):
        if holds_text(inner) and node.HasField(name):
            yield from _gather(getattr(node, name), inner, kind)


class _Rewriter:
    """Changes a request in its place, and keeps account of what it does.

    A piece is found by counting: the messages of a kind, walked in their order, hold the pieces of a place in theirs.
    """

    def __init__(self, request: Any, places: Places) -> None:
        self.done = Done()
        self.doomed: Doomed = {}
        self._request = request
        self._paths = places.paths
        self._nodes: dict[Level, list[Any]] = {}
        self._told: dict[tuple[Level, int, bool], list[tuple[Outcome, str]]] = {}

    def replace(self, place: _Place, changes: Changes) -> None:
        """Change what a place holds."""
        level, name, pieces = place
        nodes = self._all(level)
        lists = [getattr(node, name) for node in nodes]
        ends = list(accumulate(map(len, lists)))
        if not ends or ends[-1] != len(pieces):
            raise RuntimeError("a place does not hold what was gathered")
        gone: list[tuple[Any, int]] = []
        for position in compress(range(len(pieces)), map(changes.__contains__, pieces)):
            piece = pieces[position]
            verdict = changes[piece]
            index = bisect_right(ends, position)
            held = lists[index]
            offset = position - ends[index] + len(held)
            if held[offset] != piece:
                raise RuntimeError("a place does not hold what was gathered")
            self._note(verdict, level, index, is_body=name in level.values)
            if verdict.new is None:
                gone.append((held, offset))
            else:
                held[offset] = verdict.new
        for held, offset in reversed(gone):
            del held[offset]

    def _note(self, verdict: Verdict, level: Level, index: int, *, is_body: bool) -> None:
        for detector in verdict.hits:
            self.done.hits[detector] += 1
        if verdict.drops:
            self.doomed.setdefault(level, set()).add(index)
        if verdict.outcomes:
            self.done.removed += sum([outcome is Outcome.REDACTED for outcome, _ in verdict.outcomes])
            if level.pairs:
                self._told.setdefault((level, index, is_body), []).extend(verdict.outcomes)

    def tell(self, audit: Audit) -> None:
        """Write summaries to the attributes of all messages in which something was done."""
        for (level, index, is_body), outcomes in self._told.items():
            attributes = getattr(self._nodes[level][index], level.pairs[0])
            attributes[:] = audit(attributes[:], outcomes, is_body)

    def _all(self, level: Level) -> list[Any]:
        """Return all messages of a kind, in the order in which they stand in the request."""
        if level not in self._nodes:
            nodes = [self._request]
            for name in self._paths[level]:
                nodes = [child for node in nodes for child in getattr(node, name)]
            self._nodes[level] = nodes
        return self._nodes[level]
