"""Steps made ready for the attributes of many records: those that have no key in common do not see each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar

from collector.actions.pairs import fields_of
from collector.actions.steps import Constant, KeyEdit, Step

Q = TypeVar("Q")
A = TypeVar("A")

_REMEMBERED = 16_384
_LONGEST = 256
"""Bytes of attributes for which answers are remembered."""
_PAUSE = 7
"""Times nothing is looked up after most of what was asked was new: for values that never come again."""
_PROGRAMS = 256
MOST_KEYS = 64
"""Keys up to which looking for each costs no more than looking at all attributes."""
_LONGEST_KEY = 0x7F
"""Bytes of a key that is looked for in records."""


class _Memory(Generic[Q, A]):
    """Answers to questions that have always the same, all of which are forgotten when they are too many."""

    def __init__(self, ask: Callable[[Sequence[Q]], Iterable[A]], size_of: Callable[[Q], int]) -> None:
        self._ask = ask
        self._size_of = size_of
        self._known: dict[Q, A] = {}
        self._pause = 0

    def answers(self, questions: Sequence[Q]) -> list[A]:
        if self._pause:
            self._pause -= 1
            return list(self._ask(questions))
        known = self._known
        try:
            return list(map(known.__getitem__, questions))
        except KeyError:
            pass
        new = list(dict.fromkeys(question for question in questions if question not in known))
        if 2 * len(new) > len(questions):
            self._pause = _PAUSE
        answers = dict(zip(new, self._ask(new), strict=True))
        result = [known[question] if question in known else answers[question] for question in questions]
        self._learn(answers)
        return result

    def _learn(self, answers: dict[Q, A]) -> None:
        if max(map(self._size_of, answers)) > _LONGEST:
            answers = {question: answer for question, answer in answers.items() if self._size_of(question) <= _LONGEST}
        if len(self._known) + len(answers) > _REMEMBERED:
            self._known = {}
        self._known.update(answers)


class OneKey:
    """What is done to one key."""

    def __init__(self, edits: Sequence[KeyEdit], tag: int) -> None:
        self.keys = (edits[0].key,)
        self.is_counted = any(edit.is_counted for edit in edits)
        self._edits = edits
        self._tag = tag
        self._memory = _Memory(self._fields, len)
        (only, *others) = edits
        self._all_stay = None if others else only.all_stay
        self.constant: bytes | None = None
        """What every attribute becomes; empty for none."""
        if not others and isinstance(only.rewrite, Constant):
            (self.constant,) = fields_of([only.rewrite.pair], tag)
        self.absent = None if self.is_counted and _adds(edits) else tuple(self._fields([b""]))

    def fields(self, columns: Sequence[Sequence[bytes]]) -> Sequence[Sequence[bytes]] | None:
        (pairs,) = columns
        if self._all_stay and self._all_stay(pairs):
            return None
        return (self._fields(pairs) if self.is_counted else self._memory.answers(pairs),)

    def _fields(self, pairs: Sequence[bytes]) -> list[bytes]:
        *others, last = self._edits
        for edit in others:
            pairs = edit.rewritten(pairs)
        return last.fields(pairs, self._tag)


class SeveralKeys:
    """What is done to keys that have to do with each other."""

    constant = None

    def __init__(self, steps: Sequence[Step], tag: int) -> None:
        self.keys = tuple({key: None for step in steps for key in sorted(step.keys or ())})
        self.is_counted = any(step.is_counted for step in steps)
        self._steps = steps
        self._tag = tag
        self._memory = _Memory(self._fields, lambda row: sum(map(len, row)))
        nothing = (b"",) * len(self.keys)
        self.absent = None if self.is_counted and _adds(steps) else self._fields([nothing])[0]

    def fields(self, columns: Sequence[Sequence[bytes]]) -> Sequence[Sequence[bytes]] | None:
        rows = list(zip(*columns, strict=True))
        return list(zip(*(self._fields(rows) if self.is_counted else self._memory.answers(rows)), strict=True))

    def _fields(self, rows: Sequence[tuple[bytes, ...]]) -> list[tuple[bytes, ...]]:
        keys, steps, tag = self.keys, self._steps, self._tag
        done = []
        for row in rows:
            state = {key: pair for key, pair in zip(keys, row, strict=True) if pair}
            for step in steps:
                step(state)
            done.append(tuple(fields_of([state.get(key, b"") for key in keys], tag)))
        return done


Group: TypeAlias = OneKey | SeveralKeys
"""Steps that have keys in common, in their order.

`keys` are those that they look at, and `absent` the fields that they add, for each, to a record that has none of them;
None if that is not the same for all, since what they add is counted.
`fields` takes, for each key, the serialised KeyValue that each record has, empty for none, and returns the same with
the field that it gets instead of that or besides; None if all stay.
"""


@lru_cache(_PROGRAMS)
def grouped(steps: tuple[Step, ...], tag: int) -> tuple[Group, ...] | None:
    """Return steps by the keys that they have in common, for a kind of record with attributes of this tag.

    Returns:
        None if they look at so many keys, or such, that they are better run record by record.
    """
    together: list[tuple[set[bytes], list[Step]]] = []
    for step in steps:
        if step.keys is None or not all(0 < len(key) <= _LONGEST_KEY for key in step.keys):
            return None
        related = [group for group in together if not group[0].isdisjoint(step.keys)]
        together = [group for group in together if group not in related]
        merged = set(step.keys).union(*(keys for keys, _ in related))
        before = {id(one) for _, ones in related for one in ones}
        together.append((merged, [one for one in steps if id(one) in before or one is step]))
    if sum(len(keys) for keys, _ in together) > MOST_KEYS:
        return None
    return tuple([_group(ones, tag) for _, ones in together])


def _adds(steps: Sequence[Step]) -> bool:
    return any(step.adds for step in steps)


def _group(steps: list[Step], tag: int) -> Group:
    edits = [step for step in steps if isinstance(step, KeyEdit)]
    if len(edits) == len(steps) and len({edit.key for edit in edits}) == 1:
        return OneKey(edits, tag)
    return SeveralKeys(steps, tag)
