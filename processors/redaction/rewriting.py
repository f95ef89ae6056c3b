"""Masking a whole request: first all text that is in it at once, then only the records in which something changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from processors.redaction.memory import Memory
from processors.redaction.places import Level, Places, holds_text
from processors.redaction.values import Outcome, Verdict

Changes = Mapping[bytes, Verdict]
Audit = Callable[[Sequence[bytes], Sequence[tuple[Outcome, str]], str], list[bytes]]
"""From attributes, outcomes and the prefix of a summary's keys to the attributes with the summary."""


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


class _Plan(NamedTuple):
    """The places of a message in which something changes in this request, and what."""

    lists: list[tuple[str, Changes]]
    parts: list[tuple[str, _Plan]]
    children: list[tuple[str, _Plan]]
    pairs: str
    """The list of attributes that a summary is added to; empty for none."""


def rewrite(wire: bytes, places: Places, memories: Memories, audit: Audit | None, *, always: bool) -> _Rewritten | None:
    """Return a request with everything masked; None if nothing changes.

    Args:
        wire: the request.
        places: of its signal.
        memories: what becomes of each piece.
        audit: writes summaries; None for none.
        always: also if no text changes, so that unknown fields go.

    Raises:
        google.protobuf.message.DecodeError: it is no request.
    """
    gathered = places.gathered.FromString(wire)
    found = {kind: list(_gather(gathered, places.root, kind)) for kind in ("texts", "pairs", "values")}
    changes = {
        kind: getattr(memories, kind).changes(piece for _, _, pieces in lists for piece in pieces)
        for kind, lists in found.items()
    }
    touched = {
        (level, name): changes[kind]
        for kind, lists in found.items()
        if changes[kind]
        for level, name, pieces in lists
        if not changes[kind].keys().isdisjoint(pieces)
    }
    if not touched and not always:
        return None
    request = places.apart.FromString(wire)
    if always:
        request.DiscardUnknownFields()
    rewriter = _Rewriter(audit)
    plan = _plan(places.root, touched)
    if plan and rewriter.rewrite(request, plan):
        return _Rewritten(b"", rewriter.done)
    return _Rewritten(request.SerializeToString(), rewriter.done)


class _Rewritten(NamedTuple):
    wire: bytes
    done: Done


def _gather(node: Any, level: Level, kind: str) -> Iterator[tuple[Level, str, list[bytes]]]:
    """Yield the pieces of every place that has some."""
    for name in getattr(level, kind):
        if pieces := getattr(node, name)[:]:
            yield level, name, pieces
    for name, inner in (*level.parts, *level.children):
        if holds_text(inner) and node.HasField(name):
            yield from _gather(getattr(node, name), inner, kind)


def _plan(level: Level, touched: Mapping[tuple[Level, str], Changes]) -> _Plan | None:
    lists = [(name, changes) for (of, name), changes in touched.items() if of is level]
    parts = [(name, plan) for name, inner in level.parts if (plan := _plan(inner, touched))]
    children = [(name, plan) for name, inner in level.children if (plan := _plan(inner, touched))]
    if not (lists or parts or children):
        return None
    return _Plan(lists, parts, children, level.pairs[0] if level.pairs else "")


class _Rewriter:
    """Changes a request in its place, and keeps account of what it does."""

    def __init__(self, audit: Audit | None) -> None:
        self.done = Done()
        self._audit = audit

    def rewrite(self, node: Any, plan: _Plan) -> bool:
        """Mask a message and all below it; return whether it goes."""
        goes = False
        for name, changes in plan.lists:
            pieces = getattr(node, name)
            before = pieces[:]
            if not changes.keys().isdisjoint(before):
                goes |= self._replace(node, pieces, before, changes, plan)
        for name, part in plan.parts:
            for inner in getattr(node, name):
                goes |= self.rewrite(inner, part)
        if goes:
            return True
        had = [self._children(getattr(node, name), child) for name, child in plan.children]
        return bool(had) and "emptied" in had and not _has_children(node, plan)

    def _children(self, children: Any, plan: _Plan) -> str:
        if not children:
            return "none"
        kept = [child for child in children if not self.rewrite(child, plan)]
        if len(kept) < len(children):
            del children[:]
            children.extend(kept)
        return "some" if kept else "emptied"

    def _replace(self, node: Any, pieces: Any, before: list[bytes], changes: Changes, plan: _Plan) -> bool:
        drops = False
        outcomes: list[tuple[Outcome, str]] = []
        gone = []
        for index, piece in enumerate(before):
            verdict = changes.get(piece)
            if verdict is None:
                continue
            self.done.hits.update(verdict.hits)
            drops |= verdict.drops
            outcomes += verdict.outcomes
            if verdict.new is None:
                gone.append(index)
            else:
                pieces[index] = verdict.new
        for index in reversed(gone):
            del pieces[index]
        self.done.removed += sum(1 for outcome, _ in outcomes if outcome is Outcome.REDACTED)
        return drops


def _has_children(node: Any, plan: _Plan) -> bool:
    return any(len(getattr(node, name)) for name, _ in plan.children)
