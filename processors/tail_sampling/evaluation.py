"""Many votes, one decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from collector.sampling import ALWAYS
from processors.tail_sampling.policies.combined import NamedPolicy
from processors.tail_sampling.policy import AtOnce, Choice, Policy, Verdict, Vote, at_once
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces

_VETOES = ((Vote.DROPPED, "dropped"), (Vote.INVERT_NOT_SAMPLED, "not_sampled"))
_MOST_OUTCOMES = 10_000
"""Patterns of votes that are remembered; four policies that know two votes have 16."""
_NOT_ASKED = Verdict(Vote.NOT_SAMPLED)
"""Stands where a policy was not asked, since the votes before said enough."""
_threshold = attrgetter("threshold")
_vote: Callable[[Any], Vote] = itemgetter(Verdict._fields.index("vote"))  # at half of what its name costs

Verdicts: TypeAlias = Sequence[Verdict | None]
"""Of the policies that were asked, in the order of `Evaluator.policies`; None for an error."""
OnError: TypeAlias = Callable[[str, Exception], None]
OnAnswer: TypeAlias = Callable[[str, float, int], None]


class Outcome:
    """What becomes of all traces with the same votes.  Equal ones are one object, by which they are counted."""

    __slots__ = ("decision", "kept", "policy", "sampling", "votes")

    def __init__(self, votes: Sequence[Vote | None], decision: str, policy: str, sampling: Sequence[int] = ()) -> None:
        self.votes = votes
        """Of the policies that were asked; None for an error."""
        self.decision = decision
        """sampled, not_sampled or dropped."""
        self.policy = policy
        """Name of the policy that decided; empty if none did."""
        self.sampling = sampling
        """The places of the policies by which a trace is kept."""
        self.kept = bool(sampling)


class Decision(NamedTuple):
    """What becomes of a trace."""

    outcome: Outcome
    votes: Verdicts
    threshold: int = ALWAYS
    """The rejection threshold that a kept trace passed, the lowest if several policies sampled it."""
    randomness: int | None = None
    """What was compared with the threshold, if it is not the trace's own; for `collector.sampling.with_threshold`."""
    composite: str = ""
    """The sub-policy that decided within a composite one."""

    @property
    def kept(self) -> bool:
        return self.outcome.kept

    @property
    def policy(self) -> str:
        return self.outcome.policy

    @property
    def decision(self) -> str:
        return self.outcome.decision


Decided: TypeAlias = tuple[Outcome, Verdicts, int, int | None, str]
"""All that a `Decision` is: to make one of these for each trace takes five times as long."""


class _Asked(NamedTuple):
    name: str
    policy: Policy
    at_once: AtOnce | None
    ends_with: frozenset[Vote]
    """Votes after which nobody else is asked."""


class Evaluator:
    """Asks policies about traces.

    Drop policies come first. Their veto and that of `invert_match` win; then whoever sampled; then what `invert_match`
    did not find, if no other policy was against it.  (OpenTelemetry Collector, tail_sampling README.)
    """

    def __init__(
        self,
        policies: Iterable[NamedPolicy],
        *,
        sample_on_first_match: bool,
        on_error: OnError,
        on_answer: OnAnswer | None = None,
    ) -> None:
        """Args:
        policies: in the order in which they were written.
        sample_on_first_match: whether nobody else is asked about a trace that a policy samples.
        on_error: is told the name of a policy and what it raised.
        on_answer: is told the name of a policy, the seconds that it took and on how many traces it voted.
        """
        in_order = sorted(policies, key=lambda policy: not policy.is_drop)
        self._policies = {policy.name: policy.policy for policy in in_order}
        first_match = {Vote.SAMPLED} if sample_on_first_match else set()
        self._asked = [
            _Asked(name, policy, at_once(policy), frozenset(first_match | ({Vote.DROPPED} if is_drop else set())))
            for name, policy, is_drop in in_order
        ]
        self._on_error = on_error
        self._on_answer = on_answer
        self._outcomes: dict[tuple[Vote | None, ...], Outcome] = {}

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By name, in the order in which they are asked."""
        return self._policies

    def decide(self, traces: Traces, now: float) -> Sequence[Decided]:
        """Decide on each of some traces.

        Args:
            traces: with all that has come of each.
            now: seconds of a clock that never jumps.
        """
        columns: list[Sequence[Verdict | None]] = []
        places: Sequence[int] = range(len(traces))
        open_ = traces
        for asked in self._asked:
            started = perf_counter()
            verdicts = self._ask(asked, open_, now)
            if self._on_answer is not None:
                self._on_answer(asked.name, perf_counter() - started, len(open_))
            columns.append(verdicts if open_ is traces else _spread(verdicts, places, len(traces)))
            if asked.ends_with:
                left = [at for at, each in enumerate(verdicts) if each is None or each.vote not in asked.ends_with]
                if len(left) < len(open_):
                    open_, places = open_.only(left), [places[at] for at in left]
        if open_ is traces and columns:
            return list(map(self._decision, zip(*columns, strict=True), zip(*map(_votes, columns), strict=True)))
        rows: Iterable[Any] = zip(*columns, strict=True) if columns else [()] * len(traces)
        rows = [tuple([each for each in row if each is not _NOT_ASKED]) for row in rows]
        return [self._decision(row, tuple(_votes(row))) for row in rows]

    def _ask(self, asked: _Asked, traces: Traces, now: float) -> Sequence[Verdict | None]:
        verdicts = _all_at_once(asked, traces, now)
        return [self._ask_about(asked, trace, now) for trace in traces] if verdicts is None else verdicts

    def _ask_about(self, asked: _Asked, trace: Trace, now: float) -> Verdict | None:
        try:
            return asked.policy.evaluate(trace, now)
        except Exception as error:
            self._on_error(asked.name, error)
            return None

    def _decision(self, verdicts: Verdicts, votes: tuple[Vote | None, ...]) -> Decided:
        outcome = self._outcomes.get(votes) or self._new_outcome(votes)
        chosen = outcome.sampling
        if not chosen:
            return outcome, verdicts, ALWAYS, None, ""
        first: Any = verdicts[chosen[0]]
        lowest: Any = first if len(chosen) == 1 else min([verdicts[place] for place in chosen], key=_threshold)
        composite = first.value.policy if isinstance(first.value, Choice) else ""
        return outcome, verdicts, lowest.threshold, lowest.randomness, composite

    def _new_outcome(self, votes: tuple[Vote | None, ...]) -> Outcome:
        if len(self._outcomes) >= _MOST_OUTCOMES:
            self._outcomes.clear()
        outcome = self._outcomes[votes] = _outcome(votes, [asked.name for asked in self._asked])
        return outcome


def _votes(verdicts: Verdicts) -> Sequence[Vote | None]:
    try:
        return list(map(_vote, verdicts))
    except TypeError:  # one is None, for an error
        return [None if each is None else each.vote for each in verdicts]


def _all_at_once(asked: _Asked, traces: Traces, now: float) -> Sequence[Verdict] | None:
    """Return the votes on all; None if each has to be asked for, as after an error, which is that of one trace."""
    if asked.at_once is None:
        return None
    try:
        return asked.at_once(traces, now)
    except Exception:
        return None


def _spread(verdicts: Sequence[Verdict | None], places: Sequence[int], size: int) -> list[Verdict | None]:
    """Return a column for all traces, of the verdicts on some."""
    column: list[Verdict | None] = [_NOT_ASKED] * size
    for place, verdict in zip(places, verdicts, strict=True):
        column[place] = verdict
    return column


def _outcome(votes: Sequence[Vote | None], names: Sequence[str]) -> Outcome:
    sampled = [place for place, vote in enumerate(votes) if vote is Vote.SAMPLED]
    for veto, decision in _VETOES:
        if veto in votes:
            return Outcome(votes, decision, names[votes.index(veto)])
    if not sampled and Vote.NOT_SAMPLED not in votes:
        sampled = [place for place, vote in enumerate(votes) if vote is Vote.INVERT_SAMPLED]
    return Outcome(votes, "sampled", names[sampled[0]], sampled) if sampled else Outcome(votes, "not_sampled", "")
