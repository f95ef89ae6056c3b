"""Policies that keep so much each second."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.tail_sampling.policies.limits import TokenBucket
from processors.tail_sampling.policy import Choice
from processors.tail_sampling.trace import Origin, Part, Trace
from tests.processors.tail_sampling.test_policies import policy
from tests.processors.tail_sampling.test_trace import trace_from

_ORIGIN = Origin({}, b"", b"")
_COMPOSITE = """type: composite, composite: {max_total_spans_per_second: 10, policy_order: [b, a],
composite_sub_policy: [{name: a, type: always_sample}, {name: b, type: always_sample}],
rate_allocation: [{policy: a, percent: 80}, {policy: b, percent: 40}]}"""


def of(spans: int) -> Trace:
    return trace_from(bytes(16), [Part(_ORIGIN, [b""] * spans)], 100 * spans)


def test_a_limit_lets_its_burst_through_and_then_its_rate() -> None:
    limit = policy("type: rate_limiting, rate_limiting: {spans_per_second: 5}")

    assert [True, True, False] == [limit.evaluate(of(5), 0.0).is_sampled for _ in range(3)]
    assert [True, False] == [limit.evaluate(of(5), 1.0).is_sampled for _ in range(2)]


def test_a_trace_larger_than_the_burst_passes_when_nothing_else_did_and_is_paid_for() -> None:
    limit = policy("type: bytes_limiting, bytes_limiting: {bytes_per_second: 100, burst_capacity: 200}")

    assert limit.evaluate(of(5), 0.0).is_sampled
    assert not limit.evaluate(of(1), 3.5).is_sampled
    assert limit.evaluate(of(1), 4.0).is_sampled


def test_a_rate_of_zero_lets_nothing_through() -> None:
    limit = policy("type: rate_limiting, rate_limiting: {spans_per_second: 0}")

    assert not limit.evaluate(of(1), 100.0).is_sampled


def test_a_clock_that_stands_still_or_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(1, 1)
    assert bucket.has(1, 5.0)
    bucket.take(1)

    assert not bucket.has(1, 5.0)
    assert not bucket.has(1, 1.0)


def test_a_composite_falls_through_to_the_next_when_a_share_is_used_up() -> None:
    composite = policy(_COMPOSITE)
    found = [composite.evaluate(of(4), 0.0).value for _ in range(3)]

    assert [Choice("b"), Choice("a", ("b",)), Choice("", ("b", "a"))] == found


@given(arrivals=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 12)), max_size=30))
def test_a_composite_never_keeps_more_than_its_total_and_one_second_more(arrivals: Any) -> None:
    composite = policy(_COMPOSITE)
    now, kept = 0.0, []
    for pause, spans in arrivals:
        now += pause
        if composite.evaluate(of(spans), now).is_sampled:
            kept.append((now, spans))

    for i, (first, _) in enumerate(kept):
        for j, (last, _) in enumerate(kept[i:], i):
            assert sum(spans for _, spans in kept[i : j + 1]) <= 10 * (1 + last - first) + 1e-6
