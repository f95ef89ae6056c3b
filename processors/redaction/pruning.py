"""Taking records out of a request, with all parents that this empties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from processors.redaction.places import Level, holds_text

Doomed: TypeAlias = dict[Level, set[int]]
"""By kind of message, which ones have to go, counted in the order in which they stand in the request."""


def prune(request: Any, root: Level, doomed: Mapping[Level, set[int]]) -> bool:
    """Take out what is doomed; return whether nothing is left.

    A record goes with what belongs to it, such as its events; a resource or a scope, with all of its records.
    """
    return _Pruning(doomed).goes(request, root)


class _Pruning:
    def __init__(self, doomed: Mapping[Level, set[int]]) -> None:
        self._doomed = doomed
        self._seen: Counter[Level] = Counter()

    def goes(self, node: Any, level: Level) -> bool:
        """Prune a message and say whether it goes."""
        index = self._seen[level]
        self._seen[level] += 1
        goes = index in self._doomed.get(level, ())
        for name, part in level.parts:
            for inner in getattr(node, name) if holds_text(part) else ():
                goes |= self.goes(inner, part)  # asked of all of them, since each counts
        emptied = [self._empties(getattr(node, name), child) for name, child in level.children]
        is_left = any(len(getattr(node, name)) for name, _ in level.children)
        return goes or (any(emptied) and not is_left)

    def _empties(self, children: Any, level: Level) -> bool:
        kept = [child for child in children if not self.goes(child, level)]
        if len(kept) == len(children):
            return False
        del children[:]
        children.extend(kept)
        return not kept
