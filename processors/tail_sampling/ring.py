"""The last decisions, on traces that were kept and on those that were not, for whoever asks why.

What is held of a decision is what the policies answered, as it is; words are made of it when somebody asks.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from collector.sampling import ALWAYS, adjusted_count, encode
from processors.tail_sampling.evaluation import Decided
from processors.tail_sampling.policy import Policy, Verdict, Vote
from processors.tail_sampling.trace import Trace

_MOST_OF_ONE_TRACE = 4
"""Decisions remembered of one trace, which has more than one if spans come after it was forgotten."""
_VETOES = frozenset({Vote.DROPPED, Vote.INVERT_NOT_SAMPLED})


class How(enum.StrEnum):
    """What made it the moment to decide."""

    DECISION_WAIT = "decision_wait"
    """The trace was held for as long as was configured."""
    ROOT = "root"
    """Its root span had come, and the wait for the others was over."""
    OVERFLOW = "overflow"
    """There was no more room, and it was the oldest."""
    TRACE_SIZE = "trace_size"
    """It was larger than a trace may be."""
    SHUTDOWN = "shutdown"
    """The collector was told to stop."""
    LATE = "late"
    """Spans came when it had been decided; they followed."""


class _Entry(NamedTuple):
    """A decision.  What is remembered is a bare tuple of the same: to make one of these for each trace takes longer."""

    at: float
    spans: int
    kept: bool
    policy: str
    how: How
    verdicts: Sequence[Verdict | None] = ()
    threshold: int = ALWAYS
    late: int = 0
    late_at: float = 0.0


_Entries = list[tuple[Any, ...]]


class Ring:
    """Remembers the last `size` decisions, and forgets the trace first that was decided on longest ago."""

    def __init__(self, size: int, policies: Mapping[str, Policy]) -> None:
        """Args:
        size: how many decisions to remember; 0 for none.
        policies: by their names, in the order of the verdicts.
        """
        self._size = size
        self._most_of_one_trace = min(_MOST_OF_ONE_TRACE, size)
        self._policies = list(policies.items())
        self._traces: OrderedDict[bytes, tuple[Any, ...] | _Entries] = OrderedDict()  # one decision, or several
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def note(
        self,
        trace_id: bytes,
        *,
        at: float,
        spans: int,
        kept: bool,
        policy: str,
        verdicts: Sequence[Verdict | None],
        how: How,
        threshold: int = ALWAYS,
    ) -> None:
        """Remember a decision.

        Args:
            trace_id: 16 bytes.
            at: seconds since the Unix epoch.
            spans: how many it was about.
            kept: whether they go on.
            policy: the name of the one that decided; empty if none did.
            verdicts: of each policy, in the order of the configuration; None for one that had an error, and missing
                at the end for those that were not asked.
            how: why then.
            threshold: the rejection threshold (`collector.sampling`) that a kept trace passed.
        """
        self._remember(trace_id, (at, spans, kept, policy, how, verdicts, threshold))

    def note_all(self, traces: Iterable[Trace], decisions: Iterable[Decided], *, at: float, how: How) -> None:
        """Remember the decision on each of some traces."""
        if not self._size:
            return
        remembered, new = self._traces, 0
        for trace, (outcome, votes, threshold, _, _) in zip(traces, decisions, strict=True):
            entry = (at, len(trace.raws), outcome.kept, outcome.policy, how, votes, threshold)
            if trace.trace_id in remembered:
                self._remember(trace.trace_id, entry)
            else:
                remembered[trace.trace_id] = entry
                new += 1
        self._count += new
        self._forget_the_oldest()

    def note_late(self, trace_id: bytes, *, at: float, spans: int, kept: bool, policy: str = "") -> None:
        """Remember that spans followed a decision that had been made; all that follow one decision count as one."""
        if not (known := self._traces.get(trace_id)):
            self._remember(trace_id, (at, spans, kept, policy, How.LATE))
            return
        *before, last = _decisions(known)
        last = _Entry(*last)
        last = last._replace(late=last.late + spans, late_at=at)
        self._traces[trace_id] = [*before, last] if before else last

    def decisions_on(self, trace_id: bytes) -> list[dict[str, Any]]:
        """Return what is remembered of a trace, the newest last, as JSON can hold it."""
        known = self._traces.get(trace_id)
        return [self._describe(_Entry(*entry)) for entry in _decisions(known)] if known else []

    def _remember(self, trace_id: bytes, entry: tuple[Any, ...]) -> None:
        if not self._size:
            return
        before = self._traces.pop(trace_id, None)
        if before is None:
            self._traces[trace_id] = entry
            self._count += 1
        else:
            known = _decisions(before)
            after = self._traces[trace_id] = [*known, entry][-self._most_of_one_trace :]
            self._count += len(after) - len(known)
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        over, forget = self._count - self._size, self._traces.popitem
        while over > 0:
            _, forgotten = forget(last=False)
            over -= len(forgotten) if isinstance(forgotten, list) else 1
        self._count = self._size + over

    def _describe(self, entry: _Entry) -> dict[str, Any]:
        late = {"late_spans": entry.late, "last_late_at": _time(entry.late_at)} if entry.late else {}
        return {
            "decision": _decision(entry),
            "policy": entry.policy or None,
            "decided_at": _time(entry.at),
            "because": entry.how.value,
            "spans": entry.spans,
            **late,
            **_chance(entry),
            "policies": self._votes(entry.verdicts) if entry.how is not How.LATE else [],
        }

    def _votes(self, verdicts: Sequence[Verdict | None]) -> list[dict[str, Any]]:
        votes: list[dict[str, Any]] = []
        for i, (name, policy) in enumerate(self._policies):
            if i >= len(verdicts):
                votes.append({"policy": name, "vote": "not_asked"})
            elif (verdict := verdicts[i]) is None:
                votes.append({"policy": name, "vote": "error"})
            else:
                votes.append({"policy": name, "vote": verdict.vote.value, "values": dict(policy.explain(verdict))})
        return votes


def _decisions(remembered: tuple[Any, ...] | _Entries) -> _Entries:
    return remembered if isinstance(remembered, list) else [remembered]


def _decision(entry: _Entry) -> str:
    if entry.kept:
        return "sampled"
    vetoed = any(verdict is not None and verdict.vote in _VETOES for verdict in entry.verdicts)
    return "dropped" if vetoed else "not_sampled"


def _chance(entry: _Entry) -> dict[str, Any]:
    if not entry.kept or entry.threshold == ALWAYS:
        return {}
    return {"threshold": encode(entry.threshold), "adjusted_count": round(adjusted_count(entry.threshold), 3)}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
