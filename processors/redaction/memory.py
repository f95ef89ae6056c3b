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
        left = set(chain.from_iterable(unsure))
        if not left:
            return {}, ()
        changes = self._changes(left)
        return changes, [list(filter(changes.__contains__, pieces)) for pieces in unsure] if changes else ()

    def _changes(self, left: set[bytes]) -> Changes:
        known = {piece: self._changed[piece] for piece in self._changed.keys() & left}
        left -= known.keys()
        if not left:
            return known
        again = left & self._old_unchanged
        known_before = {piece: self._old_changed[piece] for piece in self._old_changed.keys() & left}
        left -= again
        left -= known_before.keys()
        judged = self._judge(list(left)) if left else {}
        if again or known_before:
            self._remember(again, known_before)
        if left:
            left -= judged.keys()
            self._remember(left, judged)
        return {**known, **known_before, **judged}

    def _remember(self, unchanged: set[bytes], changed: dict[bytes, Verdict]) -> None:
        lengths = list(map(len, unchanged))
        if lengths and max(lengths) > _LONGEST:
            unchanged = {piece for piece in unchanged if len(piece) <= _LONGEST}
            lengths = list(map(len, unchanged))
        short = {piece: verdict for piece, verdict in changed.items() if _comes_again(piece, verdict)}
        size = sum(lengths) + _OVERHEAD * len(unchanged) + sum(map(_size, short.items()))
        if self._used + size > self._room:
            self._old_unchanged, self._unchanged = self._unchanged, set()
            self._old_changed, self._changed = self._changed, {}
            self._used = 0
        if size <= self._room:
            self._unchanged |= unchanged
            self._changed.update(short)
            self._used += size


def _comes_again(piece: bytes, verdict: Verdict) -> bool:
    # in another request there may be fewer findings, so that it is masked with more care
    return len(piece) <= _LONGEST and TOO_MANY.name not in verdict.hits


def _size(change: tuple[bytes, Verdict]) -> int:
    piece, verdict = change
    new = 0 if verdict.new is None else len(verdict.new)
    return len(piece) + new + _OVERHEAD_OF_CHANGE + sum([100 + len(path) for _, path in verdict.outcomes])
