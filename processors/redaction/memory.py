"""What became of a text is remembered by its bytes, since telemetry repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from processors.redaction.values import Verdict

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

    def changes(self, pieces: Iterable[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of those pieces that do not stay as they are."""
        left = set(pieces)
        left -= self._unchanged
        again = left & self._old_unchanged
        left -= again
        known = {piece: verdict for piece in left if (verdict := self._recall(piece))}
        new = list(left.difference(known))
        judged = self._judge(new) if new else {}
        self._remember(again, {})
        if new:
            self._remember([piece for piece in new if piece not in judged and len(piece) <= _LONGEST], judged)
        return {**known, **judged}

    def _recall(self, piece: bytes) -> Verdict | None:
        verdict = self._changed.get(piece)
        if verdict is None and (verdict := self._old_changed.pop(piece, None)):
            self._remember((), {piece: verdict})
        return verdict

    def _remember(self, unchanged: Iterable[bytes], changed: dict[bytes, Verdict]) -> None:
        unchanged = set(unchanged)
        short = {piece: verdict for piece, verdict in changed.items() if len(piece) <= _LONGEST}
        size = sum(map(len, unchanged)) + _OVERHEAD * len(unchanged) + sum(map(_size, short.items()))
        if self._used + size > self._room:
            self._old_unchanged, self._unchanged = self._unchanged, set()
            self._old_changed, self._changed = self._changed, {}
            self._used = 0
        if size <= self._room:
            self._unchanged |= unchanged
            self._changed.update(short)
            self._used += size


def _size(change: tuple[bytes, Verdict]) -> int:
    piece, verdict = change
    return len(piece) + len(verdict.new or b"") + _OVERHEAD_OF_CHANGE + 100 * len(verdict.outcomes)
