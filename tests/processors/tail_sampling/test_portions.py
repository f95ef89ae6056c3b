"""What policies say of one trace does not depend on those decided on together with it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from processors.tail_sampling.evaluation import Decision, Evaluator
from processors.tail_sampling.trace import Trace
from tests.processors.tail_sampling.test_policies import decided as by_name
from tests.processors.tail_sampling.test_policies import policies
from tests.processors.tail_sampling.test_trace import trace_from, trace_of

POLICIES = """policies:
  - name: veto
    type: drop
    drop:
      drop_sub_policy:
        - {name: large, type: span_count, span_count: {min_spans: 4}}
        - {name: asked, type: ottl_condition, ottl_condition: {span: ['attributes["v"]["k"] == 2']}}
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: inside, type: ottl_condition, ottl_condition: {span: ['attributes["v"]["k"] == 1']}}
  - {name: slow, type: latency, latency: {threshold_ms: 500}}
  - {name: quiet, type: string_attribute, string_attribute: {key: route, values: [/health], invert_match: true}}
  - {name: limited, type: rate_limiting, rate_limiting: {spans_per_second: 20}}
  - name: shares
    type: composite
    composite:
      max_total_spans_per_second: 40
      composite_sub_policy:
        - {name: all, type: always_sample}
        - {name: some, type: probabilistic, probabilistic: {sampling_percentage: 50}}
  - {name: kinds, type: dynamic, dynamic: {fields: [route], goal_sample_rate: 3}}
  - {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 30}}
"""
"""`inside` has an error where `v` is a text, and so has `veto` if there are four spans."""


def some_span(dice: random.Random) -> dict[str, Any]:
    value = dice.choice(["text", "text", {"k": 1}, {"k": 2}, {"k": 3}, None])
    route = dice.choice(["/orders", "/health", "/a", "/b"])
    return {
        "status": "error" if dice.random() < 0.1 else "unset",
        "duration": dice.choice([0.1, 0.1, 0.7]),
        "attributes": {"route": route} if value is None else {"route": route, "v": value},
        "trace_state": "ot=rv:fffffffffffff0" if dice.random() < 0.05 else "",
    }


def some_traces(seed: int) -> Sequence[Trace]:
    dice = random.Random(seed)
    made = []
    for number in range(64):
        whole = trace_of(*[some_span(dice) for _ in range(dice.randint(1, 5))])
        made.append(trace_from(dice.getrandbits(112).to_bytes(14, "big") + number.to_bytes(2, "big"), whole.parts))
    return made


def decided(traces: Sequence[Sequence[Trace]], *, first: bool) -> tuple[list[Decision], Counter[str]]:
    errors: Counter[str] = Counter()
    evaluator = Evaluator(
        policies(POLICIES), sample_on_first_match=first, on_error=lambda name, _error: errors.update([name])
    )
    return [decision for some in traces for decision in by_name(evaluator, *some, now=5.0)], errors


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_many_at_once_are_decided_on_as_one_after_the_other(seed: int, first: bool) -> None:
    """
    Also where a policy has an error, and where its vote depends on what it let through before.
    """
    together, errors = decided([some_traces(seed)], first=first)
    alone, errors_alone = decided([[trace] for trace in some_traces(seed)], first=first)

    def words(decision: Decision) -> Any:
        return decision.decision, decision.policy, decision.composite, decision.threshold, decision.votes

    assert list(map(words, alone)) == list(map(words, together))
    assert errors_alone == errors
    assert errors["inside"] > 3
    assert errors["inside"] == sum(None in decision.votes[1:] for decision in together)  # an error is that of one trace
