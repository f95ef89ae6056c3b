"""Attributes as JSON, remembered by their bytes: telemetry repeats itself, so most have been written before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Fragment: TypeAlias = tuple[str, str]
"""The name of a field, and whatever is to be written for it."""
_LONGEST_REMEMBERED = 1024
_HEAVIEST_QUESTION = 16 << 10


def _weight(question: object) -> int:
    if isinstance(question, tuple):
        return sum(map(_weight, question))
    return len(question) if isinstance(question, bytes | str) else 0


class Memory(dict[K, V]):
    """A bounded memory of a pure function, two generations deep; see `collector.wire.memo`.

    Asking is subscribing, so that an answer that is there costs no call of a Python function.  Holds at most `2 * size`
    answers, and none to a question of more than 16 KiB: thousands of resources of a megabyte would be gigabytes.
    """

    __slots__ = ("_answer", "_old", "_size")

    def __init__(self, answer: Callable[[K], V], size: int = 8192) -> None:
        super().__init__()
        self._answer = answer
        self._size = size
        self._old: dict[K, V] = {}

    def __missing__(self, question: K) -> V:
        answer = self._old[question] if question in self._old else self._answer(question)
        if _weight(question) > _HEAVIEST_QUESTION:
            return answer
        if len(self) >= self._size:
            self._age()
        self[question] = answer
        return answer

    def _age(self) -> None:
        self._old = self.copy()
        self.clear()


class Fragments(Memory[bytes, Fragment]):
    """Writes lists of serialised `KeyValue`s as fields.

    Args:
        write: makes one field of one attribute.
        size: how many attributes one generation remembers.
    """

    __slots__ = ()

    def __init__(self, write: Callable[[bytes], Fragment], size: int = 32_768) -> None:
        super().__init__(write, size)

    def __missing__(self, question: bytes) -> Fragment:
        answer = self._old.get(question) or self._answer(question)
        if len(question) <= _LONGEST_REMEMBERED:
            if len(self) >= self._size:
                self._age()
            self[question] = answer
        return answer

    def of(self, pairs: Iterable[bytes]) -> dict[str, str]:
        """Return the field of each attribute by its name; of those with the same name, the last one."""
        return dict(map(self.__getitem__, pairs))
