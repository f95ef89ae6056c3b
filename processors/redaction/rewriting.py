"""Masking a whole request: first all text that is in it at once, then only the places in which something changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, compress, count
from operator import attrgetter
from typing import Any, NamedTuple

from processors.redaction.few_changes import Touched, with_few_changes
from processors.redaction.memory import Memory
from processors.redaction.places import Level, Places, holds_text
from processors.redaction.pruning import Doomed, prune
from processors.redaction.summary import Audit, Outcome
from processors.redaction.verdicts import Verdict


class Memories(NamedTuple):
    """One for each kind of place, since the same bytes mean another thing there."""

    texts: Memory
    pairs: Memory
    values: Memory


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
    touched = list(_touched(places.gathered.FromString(wire), places.root, memories))
    if not touched and not always:
        return None
    done = _done(touched)
    if not always and not audit and not done.drops and (new := with_few_changes(wire, places, touched)) is not None:
        return Rewritten(new, done)
    request = places.apart.FromString(wire)
    if always:
        request.DiscardUnknownFields()
    rewriter = _Rewriter(request, places)
    for place in touched:
        rewriter.replace(place)
    if audit:
        rewriter.tell(audit)
    if rewriter.doomed and prune(request, places.root, rewriter.doomed):
        return Rewritten(b"", done)
    return Rewritten(request.SerializeToString(), done)


def _touched(gathered: Any, root: Level, memories: Memories) -> Iterator[Touched]:
    """Yield the places in which something changes."""
    for kind, memory in zip(Memories._fields, memories, strict=True):
        places = list(_gather(gathered, root, kind))
        changes, meant = memory.changes([pieces for _, _, pieces in places])
        for (level, name, pieces), these in zip(places, meant, strict=False):
            if these:
                yield Touched(level, name, pieces, changes, these)


def _gather(node: Any, level: Level, kind: str) -> Iterator[tuple[Level, str, Sequence[bytes]]]:
    """Yield every field of a kind that has pieces, with those."""
    for name in getattr(level, kind):
        if pieces := getattr(node, name)[:]:
            yield level, name, pieces
    for name, inner in (*level.parts, *level.children):
        if holds_text(inner) and node.HasField(name):
            yield from _gather(getattr(node, name), inner, kind)


def _done(touched: Sequence[Touched]) -> Done:
    verdicts = [verdict for place in touched for verdict in map(place.changes.__getitem__, place.meant)]
    hits = Counter(chain.from_iterable(map(attrgetter("hits"), verdicts)))
    removed = [o for verdict in verdicts if verdict.outcomes for o, _ in verdict.outcomes if o is Outcome.REDACTED]
    return Done(hits, len(removed), any(map(attrgetter("drops"), verdicts)))


class _Rewriter:
    """Changes a request with all its records in its place, and keeps account of what goes and of what summaries tell.

    A piece is found by counting: the messages of a kind, walked in their order, hold the pieces of a place in theirs.
    """

    def __init__(self, request: Any, places: Places) -> None:
        self.doomed: Doomed = {}
        self._request = request
        self._paths = {level: (*way.outer, *way.inner) for level, way in places.ways.items()}
        self._nodes: dict[Level, list[Any]] = {}
        self._told: dict[tuple[Level, int, bool], list[tuple[Outcome, str]]] = {}

    def replace(self, place: Touched) -> None:
        """Change what a place holds."""
        level, name, pieces, changes, _ = place
        nodes = self._all(level)
        lists = [getattr(node, name) for node in nodes]
        ends = list(accumulate(map(len, lists)))
        if not ends or ends[-1] != len(pieces):
            raise RuntimeError("a place does not hold what was gathered")
        gone: list[tuple[Any, int]] = []
        positions = compress(count(), map(changes.__contains__, pieces))
        index = 0
        for position, piece in zip(positions, place.meant, strict=True):
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

    def _note(self, verdict: Verdict, level: Level, index: int, *, is_body: bool) -> None:
        if verdict.drops:
            self.doomed.setdefault(level, set()).add(index)
        if verdict.outcomes and level.pairs:
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
