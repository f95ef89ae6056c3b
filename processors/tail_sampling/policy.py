"""What every sampling policy is, and what it answers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from collector.sampling import ALWAYS
from processors.tail_sampling.trace import Trace
from processors.tail_sampling.traces import Traces


class Vote(enum.Enum):
    """One policy's word on one trace.  How votes make a decision: OpenTelemetry Collector, tail_sampling README."""

    SAMPLED = "sampled"
    NOT_SAMPLED = "not_sampled"
    DROPPED = "dropped"
    """A veto, whatever others say."""
    INVERT_SAMPLED = "invert_sampled"
    """Sampled, unless another policy says not_sampled: what `invert_match` was looking for is nowhere."""
    INVERT_NOT_SAMPLED = "invert_not_sampled"
    """A veto: what `invert_match` must not find is there."""

    __hash__ = object.__hash__  # members are one object each, and what an enum hashes is a name

    @property
    def is_sampled(self) -> bool:
        """Whether it comes to sampled for whoever knows only sampled and not sampled."""
        return self is Vote.SAMPLED or self is Vote.INVERT_SAMPLED


class Verdict(NamedTuple):
    """A vote and what led to it; one is made for each policy and trace, so it holds as little as possible."""

    vote: Vote
    value: object = None
    """What the policy looked at and found; None for nothing.  `Policy.explain` knows what it is."""
    threshold: int = ALWAYS
    """The rejection threshold (`collector.sampling`) that a sampled trace passed; ALWAYS without chance."""
    randomness: int | None = None
    """The 56 bits that were compared with it; None for those of the trace id or its `rv`."""

    @property
    def is_sampled(self) -> bool:
        """Whether it comes to sampled for whoever knows only sampled and not sampled."""
        return self.vote.is_sampled


verdict_of = partial(tuple.__new__, Verdict)
"""Makes a verdict of a tuple of all that it is, at a third of the cost: for policies that make one for each trace."""


class Choice(NamedTuple):
    """What a composite policy found: the value of its verdict."""

    policy: str
    """The sub-policy through which a trace is sampled; empty for none."""
    full: tuple[str, ...] = ()
    """The sub-policies that would have sampled it, but had used up their share."""


SAMPLED = Verdict(Vote.SAMPLED)
"""What needs no explanation is made once."""
NOT_SAMPLED = Verdict(Vote.NOT_SAMPLED)


class Policy(Protocol):
    """Votes on whole traces.  Knows neither time nor chance but what it is given, so it can be asked again."""

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        """Vote.

        Args:
            trace: all that has come of it; late spans are not voted on.
            now: seconds of a clock that never jumps, for policies that limit rates.

        Raises:
            Exception: counted as an error of this policy, which then has no vote.
        """

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        """Say in words of the configuration what led to a verdict of its own, such as `{"duration_ms": 12.5}`."""


AtOnce: TypeAlias = Callable[[Traces, float], Sequence[Verdict]]
"""Votes on many traces, each as if it were alone; an error is that of the whole."""


def at_once(policy: Policy) -> AtOnce | None:
    """Return how a policy votes on many traces at a fraction of the cost: its `evaluate_all`.

    None if it has none, as policies whose votes depend on those before.
    """
    votes: AtOnce | None = getattr(policy, "evaluate_all", None)
    return votes
