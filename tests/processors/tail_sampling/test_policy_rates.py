"""Policies that learn a rate for each kind of trace."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import sampling
from processors.tail_sampling.policies.dynamic import Rated
from processors.tail_sampling.policies.rates import Rates, Settings, share_out
from processors.tail_sampling.policy import Vote
from processors.tail_sampling.trace import Origin, Part
from tests.processors.tail_sampling.test_policies import mistakes_in, policy
from tests.processors.tail_sampling.test_trace import trace_from, trace_of

_SETTINGS = Settings(first=10, interval=10.0, weight=0.5, age_out=0.5, most_keys=500, burst_multiple=0.0, burst_delay=3)
_ORIGIN = Origin({}, b"", b"")


def one_of_ten(**changes: Any) -> Rates:
    return Rates(_SETTINGS._replace(**changes), lambda total: total / 10)


def count(rates: Rates, now: float, **amounts: float) -> dict[str, int]:
    return {key: rates.rate(key, amount, now) for key, amount in amounts.items()}


@pytest.mark.parametrize(
    ("goal", "counts", "rates"),
    [
        # logarithms 3, 2, 1: shares of 55.5, 37 and 18.5; 1000 / 55.5 is 18.02; half of what 19 leaves, 1.43, goes to b
        (111, {"a": 1000, "b": 100, "c": 10}, {"a": 19, "b": 3, "c": 1}),
        # shares of 200 and 800; a leaves 190
        (1000, {"a": 10, "b": 10_000}, {"a": 1, "b": 11}),
        # the logarithm of one is nothing, but one of each key passes
        (10, {"many": 1000, "one": 1}, {"many": 100, "one": 1}),
        # averages below one count as one
        (10, {"many": 1000, "rare": 0.5}, {"many": 100, "rare": 1}),
        (0.1, {"a": 1, "b": 1}, {"a": 1, "b": 1}),
        (5, {}, {}),
    ],
)
def test_rates_are_what_the_rule_says(goal: float, counts: dict[str, float], rates: dict[str, int]) -> None:
    assert rates == share_out(goal, counts)


@given(
    counts=st.dictionaries(st.text("abc", max_size=3), st.floats(0, 1e9), max_size=8),
    goal=st.floats(0.001, 1e9),
)
def test_at_least_one_of_each_key_passes_and_no_more_than_the_goal_and_one_of_each(
    counts: dict[str, float], goal: float
) -> None:
    rates = share_out(goal, counts)

    assert set(counts) == set(rates)
    assert all(1 <= rates[key] <= max(1, math.ceil(counts[key])) for key in counts)
    if any(value > 1 for value in counts.values()):
        assert sum(max(1, counts[key]) / rates[key] for key in counts) <= (goal + len(counts)) * (1 + 1e-9)


def test_the_first_interval_has_the_first_rate_and_what_is_new_later_has_rate_one() -> None:
    rates = one_of_ten()

    assert {"a": 10, "b": 10} == count(rates, 0.0, a=1998, b=2)
    assert {"a": 10} == count(rates, 9.9, a=2)
    # averages of 1000 and 1, goal of 100.1: one of a in ten; b is rarer than its share
    assert {"a": 10, "b": 1, "new": 1} == count(rates, 10.0, a=1, b=1, new=1)


def test_averages_move_with_the_weight() -> None:
    rates = one_of_ten()
    count(rates, 0.0, a=400, z=400)
    count(rates, 10.0, a=20_000)

    # after a = 200, z = 200, the second interval makes a = 10,100 and z = 100, and the goal 1,020: shares of 680 and
    # 340; one of a in 15 leaves 6.7 that z does not need
    assert {"a": 15, "z": 1} == count(rates, 20.0, a=1, z=1)


def test_a_weight_of_one_looks_at_the_last_interval_alone() -> None:
    rates = one_of_ten(weight=1.0, age_out=1.0)
    count(rates, 0.0, a=10_000)
    count(rates, 10.0, b=1000)

    assert {"a": 1, "b": 10} == count(rates, 20.0, a=1, b=1)
    assert len(rates) == 2


def test_intervals_in_which_nothing_came_change_nothing() -> None:
    rates = one_of_ten()
    count(rates, 0.0, a=2000)

    assert {"a": 10} == count(rates, 10_000.0, a=2000)
    assert {"a": 10} == count(rates, 10_009.9, a=1)


def test_a_key_that_does_not_come_again_is_forgotten() -> None:
    rates = one_of_ten()
    count(rates, 0.0, gone=100)
    for interval in range(1, 12):
        count(rates, 10.0 * interval, stays=100)

    assert len(rates) == 1


def test_a_burst_works_rates_out_at_once_but_not_in_the_first_intervals() -> None:
    rates = one_of_ten(burst_multiple=2.0)
    for interval in range(4):
        count(rates, 10.0 * interval, a=100)
    # the average of a is 87.5, so 175 are a burst; then it is 93.75, that of b 535, and the goal 62.9: shares of 26.4
    # and 36.5; one of a in 4 leaves 2.9 to b, of which one in 13.6 may pass
    before = count(rates, 31.0, b=70)
    burst = count(rates, 32.0, b=1000)

    assert ({"b": 1}, {"b": 14}) == (before, burst)

    early = one_of_ten(burst_multiple=2.0)
    count(early, 0.0, a=100)
    count(early, 10.0, a=1)

    assert {"b": 1} == count(early, 11.0, b=10_000)


def test_an_interval_without_anything_after_a_burst_changes_nothing_either() -> None:
    rates = one_of_ten(burst_multiple=2.0, burst_delay=0)
    count(rates, 0.0, a=100)
    count(rates, 10.0, rare=1, a=1000)

    assert {"a": 10} == count(rates, 50.0, a=1)
    assert len(rates) == 2


def test_of_too_many_keys_those_are_remembered_of_which_there_is_most() -> None:
    rates = one_of_ten(most_keys=2)
    count(rates, 0.0, a=2, b=2000)
    count(rates, 10.0, c=2000, d=2)
    count(rates, 20.0, b=1, c=1)

    assert {"b", "c"} == {key for key, rate in count(rates, 20.0, a=1, b=1, c=1, d=1).items() if rate > 1}
    assert len(rates) == 2


def test_keys_beyond_the_bound_are_kept_or_have_a_rate_of_their_own() -> None:
    keeps, bounds = one_of_ten(most_keys=2), one_of_ten(most_keys=2, overflow=50)
    for rates in (keeps, bounds):
        count(rates, 0.0, a=2000, b=2000, c=2000)
        count(rates, 10.0, a=1, b=1)

    assert {"c": 1, "a": 10} == count(keeps, 11.0, c=1, a=1)
    assert {"c": 50, "a": 10} == count(bounds, 11.0, c=1, a=1)


@given(arrivals=st.lists(st.tuples(st.integers(0, 40), st.floats(0.1, 30), st.integers(1, 10_000)), max_size=200))
def test_no_more_keys_are_remembered_than_may_be(arrivals: list[tuple[int, float, int]]) -> None:
    rates, now = one_of_ten(most_keys=5, burst_multiple=2.0), 0.0
    for key, pause, amount in arrivals:
        now += pause
        rates.rate(str(key), amount, now)

        assert len(rates) <= 2 * 5


def _id(serial: int) -> bytes:
    return (serial * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)).to_bytes(16, "big")


def _kinds(n: int) -> list[Part]:
    return [trace_of({"attributes": {"http.route": f"/{i}"}}, {}).parts[0] for i in range(n)]


_THROUGHPUT = """type: ema_throughput, ema_throughput: {fields: [http.route], goal_throughput_per_sec: 40,
adjustment_interval: 1s}"""
_DYNAMIC = "type: dynamic, dynamic: {fields: [http.route], goal_sample_rate: 5, adjustment_interval: 1s}"


def _kept_of(asked: Any, kinds: list[Part], *, seconds: range, each: int) -> float:
    """Return how many spans are kept each second of `each` traces of two spans, of which the first kinds have most."""
    kept = 0
    for second in seconds:
        for i in range(each):
            serial = second * each + i
            part = kinds[int(len(kinds) * ((serial * 0.6180339887) % 1) ** 3)]
            verdict = asked.evaluate(trace_from(_id(serial), [part], 0), second + i / each)
            kept += 2 * verdict.is_sampled
    return kept / len(seconds)


def test_throughput_comes_to_the_goal_and_comes_back_to_it_when_there_is_four_times_as_much() -> None:
    asked, kinds = policy(_THROUGHPUT), _kinds(8)
    _kept_of(asked, kinds, seconds=range(5), each=100)

    assert 24 <= _kept_of(asked, kinds, seconds=range(5, 10), each=100) <= 48

    _kept_of(asked, kinds, seconds=range(10, 15), each=400)

    assert 24 <= _kept_of(asked, kinds, seconds=range(15, 18), each=400) <= 48


def test_one_of_so_many_is_kept_on_average_and_rare_kinds_more_often() -> None:
    asked, kinds = policy(_DYNAMIC), _kinds(8)
    _kept_of(asked, kinds, seconds=range(4), each=200)

    assert 400 / 5 * 0.6 <= _kept_of(asked, kinds, seconds=range(4, 10), each=200) <= 400 / 5 * 1.2

    rates = [asked.evaluate(trace_from(_id(i), [part], 0), 10.0).value.rate for i, part in enumerate(kinds)]

    assert sorted(rates, reverse=True) == rates
    assert rates[0] > 5 > rates[-1]


def test_two_instances_that_know_the_same_decide_the_same_and_the_randomness_passes_the_threshold() -> None:
    one, other, kinds = policy(_THROUGHPUT), policy(_THROUGHPUT), _kinds(4)
    for asked in (one, other):
        _kept_of(asked, kinds, seconds=range(4), each=100)

    for serial in range(1000):
        trace = trace_from(_id(10_000 + serial), [kinds[serial % 4]], 0)
        verdict = one.evaluate(trace, 4.0 + serial / 1000)

        assert verdict == other.evaluate(trace, 4.0 + serial / 1000)
        expected = sampling.randomness(trace.trace_id) >= sampling.threshold(1 / verdict.value.rate)
        assert expected == verdict.is_sampled
        assert verdict.threshold == (sampling.threshold(1 / verdict.value.rate) if expected else sampling.ALWAYS)


def test_the_vote_is_explained_with_key_and_rate() -> None:
    asked = policy(_DYNAMIC)
    verdict = asked.evaluate(trace_of({"attributes": {"http.route": "/a"}}), 0.0)

    assert Rated("/a", 5) == verdict.value
    assert {"key": "/a", "sample_rate": 5} == asked.explain(verdict)


def test_one_of_one_is_always_kept_and_stands_for_itself() -> None:
    asked = policy("type: dynamic, dynamic: {fields: [http.route], goal_sample_rate: 1}")
    verdicts = [asked.evaluate(trace_from(_id(i), [Part(_ORIGIN, [b""])], 0), 0.0) for i in range(100)]

    assert {(Vote.SAMPLED, sampling.ALWAYS)} == {(verdict.vote, verdict.threshold) for verdict in verdicts}


_TOO_MANY_KEYS = (
    "max_keys: must be at most 10000: nothing else happens while the rates of all keys are worked out; choose `fields` "
    "with fewer values"
)


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("fields: []", "fields: must have at least 1"),
        ("fields: [a], weight: 0", "weight: must be greater than 0"),
        ("fields: [a], adjustment_interval: 0", "adjustment_interval: must be greater than or equal to 0.001"),
        ("fields: [a], max_keys: 0", "max_keys: must be greater than or equal to 1"),
        ("fields: [a], max_keys: 10001", _TOO_MANY_KEYS),
    ],
)
def test_settings_that_make_no_sense_are_mistakes(setting: str, mistake: str) -> None:
    (found,) = mistakes_in(f"policies: [{{name: a, type: dynamic, dynamic: {{{setting}}}}}]")

    assert found.endswith(f"dynamic::{mistake}")
