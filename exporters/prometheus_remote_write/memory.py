"""Bounded memories of what is expensive to find out and is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class TwoGenerations(Generic[K, V]):
    """Remembers answers, two generations deep.

    When the young generation is full it becomes the old one, and the former old one is forgotten.  What is asked for
    again moves to the young one, so frequent answers stay and rare ones age out.  Holds at most `2 * size` answers.
    """

    def __init__(self, find: Callable[[K], V], size: int) -> None:
        self._find = find
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if key in self._young:
            return self._young[key]
        answer = self._old.pop(key) if key in self._old else self._find(key)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = answer
        return answer

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
