"""What became of a text is remembered by its bytes, since telemetry repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, filterfalse

from processors.redaction.policy import TOO_MANY
from processors.redaction.verdicts import Verdict

Changes = Mapping[bytes, Verdict]
"""What becomes of pieces."""
Judge = Callable[[Sequence[bytes]], dict[bytes, Verdict]]
"""From many different pieces to what becomes of those that do not stay as they are."""

_OVERHEAD = 130
"""Bytes that a remembered piece takes beside its own: an object, and its place in a set that is half empty."""
_OVERHEAD_OF_CHANGE = 500
_LONGEST = 1024
"""Bytes.  Longer ones seldom come again."""
_LONGEST_PAUSE = 15
"""Requests, one after another, of which nothing is remembered."""
_WORTH = 4
"""New pieces that may be remembered for each one that was known."""
_MOST_CREDIT = 100_000
"""Beyond that it is not counted how many were known."""


class Memory:
    """A bounded memory of a pure function of many pieces at a time, two generations deep.

    A generation that is full becomes the old one, and the former old one is forgotten; what is asked for again moves
    to the young one.  Pieces that stay as they are make up a set, so that those of a whole batch cost no step of
    Python each.  Nothing is remembered that was not judged: a judge that raises leaves the memory as it was.

    To remember a piece costs more than to judge it, so that it has to come again some times before that pays.  Where
    pieces do not, only those of one request in 16 are remembered, which tells when that changes.
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
        self._credit = 0
        """How many new pieces may be remembered before there is a pause."""
        self._pause = self._next_pause = 0
        """For how many requests nothing is remembered."""
        self._knows_next_to_nothing = False
        """Whether during the pause nothing is looked up either."""

    def changes(self, lists: Sequence[Sequence[bytes]]) -> tuple[Changes, Sequence[Sequence[bytes]]]:
        """Return what becomes of those pieces that do not stay as they are, and which ones these are in each list."""
        if not lists:
            return {}, ()
        is_paused = self._pause > 0
        self._pause -= is_paused
        if is_paused and self._knows_next_to_nothing:
            return _changing(self._judge(list(dict.fromkeys(chain.from_iterable(lists)))), lists)
        unsure = [list(filterfalse(self._unchanged.__contains__, pieces)) for pieces in lists]
        asked = list(chain.from_iterable(unsure))
        if not asked:
            return {}, ()
        if all(map(self._changed.__contains__, asked)):
            if not is_paused:
                self._account_for(lists, 0)
            return dict(zip(asked, map(self._changed.__getitem__, asked), strict=True)), unsure
        return _changing(self._answers(list(dict.fromkeys(asked)), lists, is_paused=is_paused), unsure)

    def _answers(self, asked: Sequence[bytes], lists: Sequence[Sequence[bytes]], *, is_paused: bool) -> Changes:
        """Return what becomes of different pieces of these lists, without those that stay."""
        # in their order, since what was made together is read together
        known = _of_those(asked, self._changed)
        left = _without(asked, known)
        known_before = _of_those(left, self._old_changed)
        left = _without(left, known_before)
        again = list(filter(self._old_unchanged.__contains__, left)) if self._old_unchanged else []
        if again:
            left = list(filterfalse(self._old_unchanged.__contains__, left))
        judged = self._judge(left) if left else {}
        if not is_paused:
            if left or again or known_before:
                self._remember([*again, *_without(left, judged)], {**known_before, **judged})
            self._account_for(lists, len(left))
        return {**known, **known_before, **judged}

    def _account_for(self, lists: Sequence[Sequence[bytes]], new: int) -> None:
        """Decide whether the next request is remembered too, after one of which so many pieces were new."""
        if self._credit < _MOST_CREDIT:
            known = len(set(chain.from_iterable(lists))) - new
            self._knows_next_to_nothing = known * _WORTH**2 < new
            self._credit += known * _WORTH
        self._credit = max(self._credit - new, 0)
        self._next_pause = 0 if self._credit else min(4 * self._next_pause + 3, _LONGEST_PAUSE)
        self._pause = self._next_pause

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


def _changing(changes: Changes, lists: Sequence[Sequence[bytes]]) -> tuple[Changes, Sequence[Sequence[bytes]]]:
    return changes, [list(filter(changes.__contains__, pieces)) for pieces in lists] if changes else ()


def _of_those(pieces: Sequence[bytes], changes: Changes) -> dict[bytes, Verdict]:
    return {piece: changes[piece] for piece in filter(changes.__contains__, pieces)} if changes else {}


def _without(pieces: Sequence[bytes], changes: Changes) -> Sequence[bytes]:
    return list(filterfalse(changes.__contains__, pieces)) if changes else pieces


def _size(changes: Changes) -> int:
    """Return the bytes that answers take, those that several pieces have in common for each of them."""
    new = [len(verdict.new or b"") for verdict in changes.values()]
    paths = [100 + len(path) for verdict in changes.values() if verdict.outcomes for _, path in verdict.outcomes]
    return sum(map(len, changes)) + sum(new) + sum(paths) + _OVERHEAD_OF_CHANGE * len(changes)
