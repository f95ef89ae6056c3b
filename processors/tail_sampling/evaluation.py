"""Many votes, one decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from collector.sampling import ALWAYS
from processors.tail_sampling.policies.combined import NamedPolicy
from processors.tail_sampling.policy import Choice, Policy, Verdict, Vote
from processors.tail_sampling.trace import Trace

# Looking up a member of an enum costs as much as a policy's answer.
_SAMPLED, _NOT_SAMPLED, _DROPPED = Vote.SAMPLED, Vote.NOT_SAMPLED, Vote.DROPPED
_VETOES = ((Vote.DROPPED, "dropped"), (Vote.INVERT_NOT_SAMPLED, "not_sampled"))
_threshold = attrgetter("threshold")

OnError = Callable[[str, Exception], None]


class Decision(NamedTuple):
    """What becomes of a trace."""

    kept: bool
    policy: str
    """Name of the policy that decided; empty if none did."""
    decision: str
    """sampled, not_sampled or dropped."""
    threshold: int
    """The rejection threshold that a kept trace passed, the lowest if several policies sampled it."""
    votes: Sequence[Verdict | None]
    """Of the policies that were asked, in the order of `Evaluator.policies`; None for an error."""
    randomness: int | None = None
    """What was compared with the threshold, if it is not the trace's own; for `collector.sampling.with_threshold`."""
    composite: str = ""
    """The sub-policy that decided within a composite one."""


class Evaluator:
    """Asks policies about traces.

    Drop policies come first. Their veto and that of `invert_match` win; then whoever sampled; then what `invert_match`
    did not find, if no other policy was against it.  (OpenTelemetry Collector, tail_sampling README.)
    """

    def __init__(self, policies: Iterable[NamedPolicy], *, sample_on_first_match: bool, on_error: OnError) -> None:
        in_order = sorted(policies, key=lambda policy: not policy.is_drop)
        self._policies = {policy.name: policy.policy for policy in in_order}
        self._asked = [(policy.name, policy.policy.evaluate) for policy in in_order]
        self._stops_early = sample_on_first_match
        self._on_error = on_error

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By name, in the order in which they are asked."""
        return self._policies

    def decide(self, trace: Trace, now: float) -> Decision:
        """Decide on a trace.

        Args:
            trace: all that has come of it.
            now: seconds of a clock that never jumps.
        """
        votes: list[Verdict | None] = []
        telling: list[tuple[str, Verdict]] = []  # most votes are not_sampled, and most traces have no other
        for name, evaluate in self._asked:
            try:
                verdict = evaluate(trace, now)
            except Exception as error:
                self._on_error(name, error)
                votes.append(None)
                continue
            votes.append(verdict)
            vote = verdict.vote
            if vote is not _NOT_SAMPLED:
                telling.append((name, verdict))
                if vote is _DROPPED or (vote is _SAMPLED and self._stops_early):
                    break
        return _decision(telling, votes) if telling else Decision(False, "", "not_sampled", ALWAYS, votes)


def _decision(telling: Sequence[tuple[str, Verdict]], votes: Sequence[Verdict | None]) -> Decision:
    if len(telling) == 1 and telling[0][1].vote is _SAMPLED:
        return _kept(telling, votes)
    sampled = [each for each in telling if each[1].vote is _SAMPLED]
    if len(sampled) == len(telling):
        return _kept(sampled, votes)
    for vote, decision in _VETOES:
        for name, verdict in telling:
            if verdict.vote is vote:
                return Decision(False, name, decision, ALWAYS, votes)
    if not sampled and all(verdict is None or verdict.vote is not _NOT_SAMPLED for verdict in votes):
        sampled = list(telling)
    return _kept(sampled, votes) if sampled else Decision(False, "", "not_sampled", ALWAYS, votes)


def _kept(chosen: Sequence[tuple[str, Verdict]], votes: Sequence[Verdict | None]) -> Decision:
    name, first = chosen[0]
    lowest = first if len(chosen) == 1 else min([verdict for _, verdict in chosen], key=_threshold)
    value = first.value
    composite = value.policy if isinstance(value, Choice) else ""
    return Decision(True, name, "sampled", lowest.threshold, votes, lowest.randomness, composite)
