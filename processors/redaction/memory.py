"""What became of a text is remembered by its bytes, since telemetry repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, filterfalse

from processors.redaction.texts import TOO_MANY
from processors.redaction.values import Verdict

Changes = Mapping[bytes, Verdict]
"""What becomes of pieces."""
Judge = Callable[[Sequence[bytes]], dict[bytes, Verdict]]
"""From many different pieces to what becomes of those that do not stay as they are."""

_OVERHEAD = 130
"""Bytes that a remembered piece takes beside its own: an object, and its place in a set that is half empty."""
_OVERHEAD_OF_CHANGE = 500
_LONGEST = 1024
"""Bytes.  Longer ones seldom come again."""


class Memory:
    """A bounded memory of a pure function of many pieces at a time, two generations deep.

    A generation that is full becomes the old one, and the former old one is forgotten; what is asked for again moves
    to the young one.  Pieces that stay as they are make up a set, so that those of a whole batch cost no step of
    Python each.  Nothing is remembered that was not judged: a judge that raises leaves the memory as it was.
    """

    def __init__(self, judge: Judge, room: int) -> None:
        """Hold at most `room` bytes, by estimate."""
        self._judge = judge
        self._room = room // 2
        self._used = 0
        self._unchanged: set[bytes] = set()
        self._old_unchanged: set[bytes] = set()
        self._changed: dict[bytes, Verdict] = {}
        self._old_changed: dict[bytes, Verdict] = {}

    def changes(self, lists: Sequence[Sequence[bytes]]) -> tuple[Changes, Sequence[Sequence[bytes]]]:
        """Return what becomes of those pieces that do not stay as they are, and which ones these are in each list."""
        unsure = [list(filterfalse(self._unchanged.__contains__, pieces)) for pieces in lists]
        left = list(dict.fromkeys(chain.from_iterable(unsure)))
        if not left:
            return {}, ()
        changes = self._changes(left)
        return changes, [list(filter(changes.__contains__, pieces)) for pieces in unsure] if changes else ()

    def _changes(self, pieces: Sequence[bytes]) -> Changes:
        """Return what becomes of different pieces; in their order, since what was made together is read together."""
        known = _of_those(pieces, self._changed)
        left = _without(pieces, known)
        if not left:
            return known
        known_before = _of_those(left, self._old_changed)
        left = _without(left, known_before)
        again = list(filter(self._old_unchanged.__contains__, left)) if self._old_unchanged else []
        if again:
            left = list(filterfalse(self._old_unchanged.__contains__, left))
        judged = self._judge(left) if left else {}
        if again or known_before:
            self._remember(again, known_before)
        if left:
            self._remember(_without(left, judged), judged)
        return {**known, **known_before, **judged}

    def _remember(self, unchanged: Sequence[bytes], changed: Changes) -> None:
        lengths = list(map(len, unchanged))
        if lengths and max(lengths) > _LONGEST:
            unchanged = [piece for piece in unchanged if len(piece) <= _LONGEST]
            lengths = list(map(len, unchanged))
        # in another request there may be fewer findings, so that a piece is masked with more care
        short = {
            piece: verdict
            for piece, verdict in changed.items()
            if len(piece) <= _LONGEST and TOO_MANY.name not in verdict.hits
        }
        size = sum(lengths) + _OVERHEAD * len(unchanged) + _size(short)
        if self._used + size > self._room:
            self._old_unchanged, self._unchanged = self._unchanged, set()
            self._old_changed, self._changed = self._changed, {}
            self._used = 0
        if size <= self._room:
            self._unchanged.update(unchanged)
            self._changed.update(short)
            self._used += size


def _of_those(pieces: Sequence[bytes], changes: Changes) -> dict[bytes, Verdict]:
    return {piece: changes[piece] for piece in filter(changes.__contains__, pieces)} if changes else {}


def _without(pieces: Sequence[bytes], changes: Changes) -> Sequence[bytes]:
    return list(filterfalse(changes.__contains__, pieces)) if changes else pieces


def _size(changes: Changes) -> int:
    """Return the bytes that answers take, those that several pieces have in common for each of them."""
    new = [len(verdict.new or b"") for verdict in changes.values()]
    paths = [100 + len(path) for verdict in changes.values() if verdict.outcomes for _, path in verdict.outcomes]
    return sum(map(len, changes)) + sum(new) + sum(paths) + _OVERHEAD_OF_CHANGE * len(changes)
