"""Many votes, one decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from collector.sampling import ALWAYS
from processors.tail_sampling.evaluation import Decision, Evaluator
from processors.tail_sampling.policies.combined import NamedPolicy
from processors.tail_sampling.policy import Verdict, Vote
from processors.tail_sampling.trace import Trace
from tests.processors.tail_sampling.test_policies import decided
from tests.processors.tail_sampling.test_trace import trace_from


class _Says:
    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        if self.verdict is None:
            raise ValueError(f"cannot look at {trace.trace_id!r} at {now}")
        return self.verdict

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"verdict": verdict}


def decide(*verdicts: Vote | Verdict | None, first: bool = False, errors: list[str] | None = None) -> Decision:
    policies = []
    for i, each in enumerate(verdicts):
        verdict = Verdict(each) if isinstance(each, Vote) else each
        is_drop = verdict is not None and verdict.vote is Vote.DROPPED
        policies.append(NamedPolicy(f"p{i}", _Says(verdict), is_drop))
    seen = [] if errors is None else errors
    evaluator = Evaluator(policies, sample_on_first_match=first, on_error=lambda name, _error: seen.append(name))
    return decided(evaluator, trace_from(bytes(16), [], 0))[0]


@pytest.mark.parametrize(
    ("votes", "kept", "policy", "decision"),
    [
        ([Vote.SAMPLED, Vote.DROPPED], False, "p1", "dropped"),
        ([Vote.SAMPLED, Vote.INVERT_NOT_SAMPLED], False, "p1", "not_sampled"),
        ([Vote.NOT_SAMPLED, Vote.INVERT_SAMPLED, Vote.SAMPLED], True, "p2", "sampled"),
        ([Vote.INVERT_SAMPLED], True, "p0", "sampled"),
        ([Vote.INVERT_SAMPLED, Vote.SAMPLED], True, "p1", "sampled"),
        ([Vote.INVERT_SAMPLED, Vote.NOT_SAMPLED], False, "", "not_sampled"),
        ([Vote.NOT_SAMPLED], False, "", "not_sampled"),
    ],
)
def test_vetoes_come_first_then_who_sampled_then_what_was_not_found(
    votes: list[Vote], kept: bool, policy: str, decision: str
) -> None:
    found = decide(*votes)

    assert (kept, policy, decision) == (found.kept, found.policy, found.decision)


def test_a_trace_kept_for_certain_stands_for_itself_alone() -> None:
    assert 5 == decide(Verdict(Vote.SAMPLED, threshold=5)).threshold
    assert ALWAYS == decide(Verdict(Vote.SAMPLED, threshold=5, randomness=7), Vote.SAMPLED).threshold


def test_a_policy_with_an_error_is_told_and_has_no_vote() -> None:
    errors: list[str] = []
    decision = decide(None, Vote.SAMPLED, errors=errors)

    assert (["p0"], "p1", (None, Verdict(Vote.SAMPLED))) == (errors, decision.policy, decision.votes)


def test_nobody_is_asked_after_the_first_match_if_told_so() -> None:
    assert 1 == len(decide(Vote.SAMPLED, Vote.NOT_SAMPLED, first=True).votes)
