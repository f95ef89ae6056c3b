"""Many votes, one decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from collector.sampling import ALWAYS
from processors.tail_sampling.policies.combined import NamedPolicy
from processors.tail_sampling.policy import Choice, Policy, Verdict, Vote
from processors.tail_sampling.trace import Trace

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
        self._policies = sorted(policies, key=lambda policy: not policy.is_drop)
        self._stops_early = sample_on_first_match
        self._on_error = on_error

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By name, in the order in which they are asked."""
        return {policy.name: policy.policy for policy in self._policies}

    def decide(self, trace: Trace, now: float) -> Decision:
        """Decide on a trace.

        Args:
            trace: all that has come of it.
            now: seconds of a clock that never jumps.
        """
        votes: list[Verdict | None] = []
        for name, policy, _ in self._policies:
            try:
                verdict = policy.evaluate(trace, now)
            except Exception as error:
                self._on_error(name, error)
                votes.append(None)
                continue
            votes.append(verdict)
            vote = verdict.vote
            if vote is Vote.DROPPED:
                return Decision(False, name, "dropped", ALWAYS, votes)
            if self._stops_early and vote is Vote.SAMPLED:
                break
        return self._decision(votes)

    def _decision(self, votes: Sequence[Verdict | None]) -> Decision:
        by_vote: dict[Vote, list[tuple[str, Verdict]]] = {}
        for (name, _, _), verdict in zip(self._policies, votes, strict=False):
            if verdict is not None:
                by_vote.setdefault(verdict.vote, []).append((name, verdict))
        if vetoes := by_vote.get(Vote.INVERT_NOT_SAMPLED):
            return Decision(False, vetoes[0][0], "not_sampled", ALWAYS, votes)
        chosen = by_vote.get(Vote.SAMPLED)
        if not chosen and Vote.NOT_SAMPLED not in by_vote:
            chosen = by_vote.get(Vote.INVERT_SAMPLED)
        return _kept(chosen, votes) if chosen else Decision(False, "", "not_sampled", ALWAYS, votes)


def _kept(chosen: Sequence[tuple[str, Verdict]], votes: Sequence[Verdict | None]) -> Decision:
    name, first = chosen[0]
    lowest = min((verdict for _, verdict in chosen), key=lambda verdict: verdict.threshold)
    composite = first.value.policy if isinstance(first.value, Choice) else ""
    return Decision(True, name, "sampled", lowest.threshold, votes, lowest.randomness, composite)
