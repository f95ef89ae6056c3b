"""What the instances of one component tell each other: which traces are decided on, and who waits for it.

A component that stands in several pipelines is built once for each.  Some of its instances are given spans and decide;
others are given log records, which follow.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Protocol

_KEY = "decisions"


class State(enum.Enum):
    """What all instances together know of one trace."""

    KEPT = "kept"
    DROPPED = "dropped"
    PENDING = "pending"
    """Spans of it are held."""
    UNKNOWN = "unknown"
    """No span of it came, or its decision is forgotten."""


class Decider(Protocol):
    """Holds spans, and decides on their traces."""

    def knows(self, trace_id: bytes) -> bool | None:
        """Say whether a trace was kept; None if nothing is remembered of it."""

    def holds(self, trace_id: bytes) -> bool:
        """Say whether spans of a trace are held."""

    def decide_now(self, trace_ids: Iterable[bytes]) -> None:
        """Decide on traces of which spans are held, since who waits for them cannot wait any longer."""


class Follower(Protocol):
    """Holds what waits for decisions."""

    def decided(self, trace_id: bytes, *, kept: bool) -> None:
        """Take note of a decision that it waited for."""

    def settle(self) -> None:
        """Send what was held for decisions: no more of them are about to be made."""


class Common:
    """One for each component id."""

    def __init__(self) -> None:
        self.instances: list[Any] = []
        """Those that were built, which see each other only to be measured together."""
        self._deciders: list[Decider] = []
        self._waiting: dict[bytes, list[Follower]] = {}
        self._told: dict[Follower, None] = {}

    @classmethod
    def of(cls, common: MutableMapping[str, Any]) -> Common:
        """Return the one that is in `Settings.common`, made when first asked for."""
        found: Common = common.setdefault(_KEY, cls())
        return found

    def join(self, decider: Decider) -> None:
        """Have a decider asked."""
        self._deciders.append(decider)

    def state(self, trace_id: bytes) -> State:
        """Return what is known of a trace.  Records follow the trace if it was kept in any of the pipelines."""
        known = [decider.knows(trace_id) for decider in self._deciders]
        if True in known:
            return State.KEPT
        if any(decider.holds(trace_id) for decider in self._deciders):
            return State.PENDING
        return State.DROPPED if False in known else State.UNKNOWN

    def wait_for(self, trace_id: bytes, follower: Follower) -> None:
        """Have a follower told once when a trace is decided on."""
        self._waiting.setdefault(trace_id, []).append(follower)

    def wait_no_longer(self, trace_id: bytes, follower: Follower) -> None:
        """Take back what `wait_for` asked for."""
        waiting = self._waiting.get(trace_id, [])
        if follower in waiting:
            waiting.remove(follower)
            if not waiting:
                del self._waiting[trace_id]

    def decided(self, trace_ids: Iterable[bytes], *, kept: bool) -> None:
        """Tell those who wait for traces what one of the deciders said, unless another one may still keep them."""
        if self._waiting:
            for trace_id in filter(self._waiting.__contains__, trace_ids):
                self._tell(trace_id, kept=kept)

    def _tell(self, trace_id: bytes, *, kept: bool) -> None:
        if not kept:
            state = self.state(trace_id)
            if state is State.PENDING:
                return
            kept = state is State.KEPT
        for follower in self._waiting.pop(trace_id):
            follower.decided(trace_id, kept=kept)
            self._told[follower] = None

    def decide_now(self, trace_ids: Sequence[bytes]) -> None:
        """Have every decider that holds spans of these traces decide on them."""
        for decider in self._deciders:
            decider.decide_now(trace_ids)

    def settle(self) -> None:
        """Have those who were told something since the last time send what they have."""
        if self._told:
            told, self._told = self._told, {}
            for follower in told:
                follower.settle()
