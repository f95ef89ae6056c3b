"""Which services and operations Jaeger's index knows already.

A document is forgotten after twelve hours, as Jaeger's writer does, so that each day's index has it.
"""

from __future__ import annotations

from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.mapping.context import Task
from exporters.elasticsearch.mapping.metric_groups import fnv1a_64

_LIFETIME = 12 * 3600 * 10**9
_MOST = 100_000


class Services:
    """Remembers what is there: only what has been written, not what has been sent."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, str], int] = {}
        self._ids = Memory(_id, 32_768)

    def id(self, service: str, operation: str) -> str:
        """Return the id of the document, which is the one that Jaeger gives it."""
        return self._ids[service, operation]

    def is_new(self, index: str, id: str, task: Task) -> bool:
        """Whether the document has to be written with this batch; once for each batch."""
        key = (index, id)
        if self._written.get(key, 0) > task.now - _LIFETIME or key in task.services:
            return False
        task.services.add(key)
        return True

    def written(self, index: str, id: str, now: int) -> None:
        """Take note that a document is there.  May be called from another thread than `is_new`."""
        if len(self._written) >= _MOST:
            self._written = {}
        self._written[index, id] = now


def _id(names: tuple[str, str]) -> str:
    return f"{fnv1a_64(''.join(names).encode()):x}"
