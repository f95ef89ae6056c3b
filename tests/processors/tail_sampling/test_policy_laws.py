"""What is true of policies whatever the trace is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import sampling
from collector.testing.otlp import START
from processors.tail_sampling.evaluation import Evaluator
from processors.tail_sampling.policies.combined import NamedPolicy
from processors.tail_sampling.policy import Verdict, Vote
from processors.tail_sampling.trace import Origin, Trace
from tests.processors.tail_sampling.test_policies import decided, mistakes_in, policy, samples, told, vote
from tests.processors.tail_sampling.test_trace import trace_from, trace_of

_SPAN = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ok", "error", "unset"]),
        "duration": st.sampled_from([0.0, 0.1, 0.5, 2.0]),
        "attributes": st.dictionaries(st.sampled_from(["k", "kk"]), st.sampled_from(["v", "vv", 1]), max_size=2),
    }
)
_SPANS = st.lists(_SPAN, min_size=1, max_size=4)
_ANY_POLICY = st.sampled_from(
    [
        "type: always_sample",
        "type: status_code, status_code: {status_codes: [ERROR]}",
        "type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}",
        "type: numeric_attribute, numeric_attribute: {key: k, min_value: 0}",
        "type: probabilistic, probabilistic: {sampling_percentage: 50}",
        "type: span_count, span_count: {min_spans: 3}",
    ]
)
_INVERTED = "type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}"
_ERROR = "type: status_code, status_code: {status_codes: [ERROR]}"


_built = cache(policy)
"""Of policies that remember nothing: reading YAML costs more than all else."""


def _vote(settings: str, trace: Trace) -> Vote:
    verdict: Verdict = _built(settings).evaluate(trace, 0.0)
    return verdict.vote


def _evaluator(settings: Sequence[str], *, first: bool = False, errors: list[str] | None = None) -> Evaluator:
    seen = [] if errors is None else errors
    named = [
        NamedPolicy(f"p{i}", _built(each), is_drop=each.startswith("type: drop")) for i, each in enumerate(settings)
    ]
    return Evaluator(named, sample_on_first_match=first, on_error=lambda name, _: seen.append(name))


@given(spans=_SPANS, others=st.lists(_ANY_POLICY, max_size=3), place=st.integers(0, 3), first=st.booleans())
def test_a_drop_policy_that_matches_always_wins(spans: Any, others: list[str], place: int, first: bool) -> None:
    drop = "type: drop, drop: {drop_sub_policy: [{name: d, type: span_count, span_count: {min_spans: 1}}]}"
    settings = [*others[:place], drop, *others[place:]]

    decision = decided(_evaluator(settings, first=first), trace_of(*spans))[0]

    assert (False, f"p{min(place, len(others))}", "dropped") == told(decision)[:3]


_COMBINED = st.sampled_from(
    [
        f"type: drop, drop: {{drop_sub_policy: [{{name: d, {_ERROR}}}]}}",
        f"type: and, and: {{and_sub_policy: [{{name: a, {_ERROR}}}, {{name: b, {_INVERTED}}}]}}",
        f"type: not, not: {{not_sub_policy: {{name: n, {_INVERTED}}}}}",
        'type: ottl_condition, ottl_condition: {error_mode: propagate, span: [\'attributes["k"]["kk"] == 1\']}',
    ]
)


@given(
    traces=st.lists(_SPANS, max_size=5),
    settings=st.lists(_ANY_POLICY | _COMBINED, min_size=1, max_size=4),
    first=st.booleans(),
)
def test_many_traces_are_decided_on_as_each_of_them_alone(traces: Any, settings: list[str], first: bool) -> None:
    errors: list[str] = []
    evaluator = _evaluator(settings, first=first, errors=errors)
    each = [trace_of(*spans) for spans in traces]

    alone = [decided(evaluator, trace)[0] for trace in each]
    at_once, errors[:] = [*errors], []

    assert alone == decided(evaluator, *each)
    assert sorted(at_once) == sorted(errors)


def test_a_limit_does_not_count_what_was_dropped_before() -> None:
    drop = f"type: drop, drop: {{drop_sub_policy: [{{name: d, {_ERROR}}}]}}"
    limit = "type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 2}"
    named = [NamedPolicy("drop", policy(drop), is_drop=True), NamedPolicy("limit", policy(limit))]
    evaluator = Evaluator(named, sample_on_first_match=False, on_error=lambda name, _: pytest.fail(name))
    traces = [trace_of({"status": status}) for status in ("error", "ok", "error", "ok", "ok")]

    decisions = decided(evaluator, *traces)

    assert ["dropped", "sampled", "dropped", "sampled", "not_sampled"] == [each.decision for each in decisions]
    assert [1, 2, 1, 2, 2] == [len(each.votes) for each in decisions]


@given(spans=_SPANS, others=st.lists(_ANY_POLICY, max_size=3))
def test_a_drop_policy_that_does_not_match_is_against_what_is_only_not_found_and_changes_nothing_else(
    spans: Any, others: list[str]
) -> None:
    drop = "type: drop, drop: {drop_sub_policy: [{name: d, type: span_count, span_count: {min_spans: 99}}]}"
    trace = trace_of(*spans)
    without = decided(_evaluator(others), trace)[0]
    is_sampled = any(each is not None and each.vote is Vote.SAMPLED for each in without.votes)

    assert (without.kept and is_sampled) == decided(_evaluator([drop, *others]), trace)[0].kept


@given(spans=_SPANS, more=_SPANS, place=st.integers(0, 4))
def test_a_further_span_never_takes_an_error_away(spans: Any, more: Any, place: int) -> None:
    if _vote(_ERROR, trace_of(*spans)) is Vote.SAMPLED:
        assert Vote.SAMPLED is _vote(_ERROR, trace_of(*spans[:place], *more, *spans[place:]))


@given(spans=_SPANS)
def test_inside_of_others_what_is_inverted_is_sampled_or_not(spans: Any) -> None:
    trace = trace_of(*spans)
    sub = f"{{name: i, {_INVERTED}}}"
    is_there = any(span["attributes"].get("k") == "v" for span in spans)
    both = f"type: and, and: {{and_sub_policy: [{sub}, {{name: a, type: always_sample}}]}}"
    composite = f"type: composite, composite: {{max_total_spans_per_second: 100, composite_sub_policy: [{sub}]}}"

    expected = Vote.NOT_SAMPLED if is_there else Vote.SAMPLED
    assert (Vote.INVERT_NOT_SAMPLED if is_there else Vote.INVERT_SAMPLED) is _vote(_INVERTED, trace)
    assert expected is _vote(both, trace)
    assert expected is vote(composite, trace)
    assert is_there == (_vote(f"type: not, not: {{not_sub_policy: {sub}}}", trace) is Vote.SAMPLED)
    dropped = _vote(f"type: drop, drop: {{drop_sub_policy: [{sub}]}}", trace)
    assert (Vote.NOT_SAMPLED if is_there else Vote.DROPPED) is dropped


@given(spans=_SPANS, others=st.lists(_ANY_POLICY, max_size=2))
def test_what_invert_match_finds_is_never_kept(spans: Any, others: list[str]) -> None:
    decision = decided(_evaluator([*others, _INVERTED]), trace_of(*spans, {"attributes": {"k": "v"}}))[0]

    assert (False, "not_sampled") == (decision.kept, decision.decision)


@pytest.mark.slow
@pytest.mark.parametrize("salt", ["", ", hash_salt: a"])
def test_of_a_hundred_thousand_traces_the_percentage_is_kept_and_a_smaller_one_is_part_of_a_larger(salt: str) -> None:
    settings = "type: probabilistic, probabilistic: {sampling_percentage: %s" + salt + "}"
    few, many = policy(settings % 5), policy(settings % 30)
    ids, origin = random.Random(7).randbytes(1_600_000), Origin({}, b"", b"")
    traces = [Trace(ids[at : at + 16], origin, [], 0) for at in range(0, len(ids), 16)]
    in_few = {trace.trace_id for trace in traces if few.evaluate(trace, 0.0).is_sampled}
    in_many = {trace.trace_id for trace in traces if many.evaluate(trace, 0.0).is_sampled}

    assert in_few < in_many
    for kept, part in ((in_few, 0.05), (in_many, 0.3)):
        assert abs(len(kept) - 100_000 * part) < 5 * (100_000 * part * (1 - part)) ** 0.5


@given(percents=st.tuples(st.floats(0, 110), st.floats(0, 110)), trace_id=st.binary(min_size=16, max_size=16))
def test_what_a_smaller_percentage_keeps_a_larger_one_keeps(percents: tuple[float, float], trace_id: bytes) -> None:
    smaller, larger = (
        policy(f"type: probabilistic, probabilistic: {{sampling_percentage: {percent:.17f}}}")
        for percent in sorted(percents)
    )
    trace = trace_from(trace_id, [], 0)
    verdict = smaller.evaluate(trace, 0.0)

    assert verdict.is_sampled <= larger.evaluate(trace, 0.0).is_sampled
    assert not verdict.is_sampled or sampling.randomness(trace_id) >= verdict.threshold


_MOMENT = st.integers(0, 30)


@given(times=st.lists(st.tuples(_MOMENT, _MOMENT), min_size=1, max_size=4), least=_MOMENT, most=_MOMENT)
def test_bounds_of_latency_are_of_the_whole_trace_and_mean_the_same_alone_and_together(
    times: list[tuple[int, int]], least: int, most: int
) -> None:
    started, millisecond = START * 10**9, 10**6
    trace = trace_of(
        *({"start_time_unix_nano": started + at * millisecond, "duration": lasts / 1000} for at, lasts in times)
    )
    milliseconds = max(at + lasts for at, lasts in times) - min(at for at, _ in times)
    alone = samples(f"type: latency, latency: {{threshold_ms: {least}}}", trace)
    together = samples(f"type: latency, latency: {{threshold_ms: {least}, upper_threshold_ms: {most}}}", trace)

    assert alone == (least <= milliseconds)
    assert together == (alone and (not most or milliseconds <= most))


def test_zero_is_a_bound_of_latency_that_every_trace_meets() -> None:
    instant = trace_of({"duration": 0.0})

    assert samples("type: latency, latency: {threshold_ms: 0}", instant)
    assert not samples("type: latency, latency: {threshold_ms: 1}", instant)


@pytest.mark.parametrize(
    ("values", "text", "anywhere", "whole"),
    [
        ("[a|b, c]", "xb", True, False),
        ("[a|b, c]", "b", True, True),
        ("['']", "x", True, False),
        ("[^a]", "ab", True, False),
        ("['(?i)AB']", "ab", True, True),
        ("[a.c]", "a\nc", False, False),
    ],
)
def test_patterns_are_those_of_re2_and_their_alternatives_are_anchored_together(
    values: str, text: str, anywhere: bool, whole: bool
) -> None:
    trace = trace_of({"attributes": {"k": text}})
    settings = f"type: string_attribute, string_attribute: {{key: k, values: {values}, enabled_regex_matching: true"

    assert (anywhere, whole) == (samples(settings + "}", trace), samples(settings + ", anchored: true}", trace))


@pytest.mark.parametrize("pattern", [r"(a)\\1", "(?=a)", "a++", "("])
def test_patterns_that_need_backtracking_are_mistakes(pattern: str) -> None:
    settings = f'string_attribute: {{key: k, values: ["{pattern}"], enabled_regex_matching: true}}'

    assert mistakes_in(f"policies: [{{name: a, type: string_attribute, {settings}}}]")


_SHARES = """type: composite, composite: {max_total_spans_per_second: 20, policy_order: [errors, k],
composite_sub_policy: [{name: rest, type: always_sample}, {name: errors, %s},
{name: k, type: boolean_attribute, boolean_attribute: {key: k, value: true}}],
rate_allocation: [{policy: errors, percent: 50}, {policy: k, percent: 30}, {policy: rest, percent: 50}]}"""
_ARRIVAL = st.tuples(st.floats(0, 1), st.integers(1, 8), st.booleans(), st.booleans())


@cache
def _of_spans(spans: int, is_error: bool, has_k: bool) -> Trace:
    return trace_of(*[{"status": "error" if is_error else "ok", "attributes": {"k": has_k}}] * spans)


@given(arrivals=st.lists(_ARRIVAL, max_size=40))
def test_no_sub_policy_keeps_more_than_its_share_nor_all_more_than_the_total(arrivals: Any) -> None:
    composite = policy(_SHARES % _ERROR)
    rates = {"errors": 10, "k": 6, "rest": 10}
    now, kept = 0.0, []
    for pause, spans, is_error, has_k in arrivals:
        now += pause
        choice = composite.evaluate(_of_spans(spans, is_error, has_k), now).value
        fitting = [name for name, fits in (("errors", is_error), ("k", has_k), ("rest", True)) if fits]
        asked = [*choice.full, choice.policy] if choice.policy else [*choice.full]
        assert asked == fitting[: len(asked)]  # in order, falling through those that are used up
        assert choice.policy or asked == fitting
        if choice.policy:
            kept.append((now, spans, choice.policy))

    for name, rate in (*rates.items(), ("", 20)):
        mine = [(when, spans) for when, spans, by in kept if name in ("", by)]
        for i, (start, _) in enumerate(mine):
            for j in range(i, len(mine)):
                assert sum(spans for _, spans in mine[i : j + 1]) <= rate * (1 + mine[j][0] - start) + 1e-6


class _Raises:
    def evaluate(self, trace: Trace, now: float) -> Verdict:
        raise RuntimeError("cannot")

    def explain(self, verdict: Verdict) -> dict[str, Any]:
        return {}


@given(spans=_SPANS, others=st.lists(_ANY_POLICY, min_size=1, max_size=3), place=st.integers(0, 3))
def test_a_policy_that_raises_is_counted_and_decides_nothing(spans: Any, others: list[str], place: int) -> None:
    trace = trace_of(*spans)
    errors: list[str] = []
    built = [NamedPolicy(f"p{i}", _built(each)) for i, each in enumerate(others)]
    built.insert(place, NamedPolicy("bad", _Raises()))
    evaluator = Evaluator(built, sample_on_first_match=False, on_error=lambda name, _: errors.append(name))

    decision = decided(evaluator, trace)[0]
    without = decided(_evaluator(others), trace)[0]

    assert ["bad"] == errors
    assert told(without) == told(decision)
    assert without.votes == tuple([each for each in decision.votes if each is not None])


def test_an_error_inside_of_a_policy_is_an_error_of_that_policy() -> None:
    keyed = """{name: c, type: ottl_condition, ottl_condition: {span: ['attributes["v"]["k"] == 1']}}"""
    errors: list[str] = []
    settings = [f"type: not, not: {{not_sub_policy: {keyed}}}", f"type: drop, drop: {{drop_sub_policy: [{keyed}]}}"]

    decision = decided(_evaluator(settings, errors=errors), trace_of({"attributes": {"v": "text"}}))[0]

    assert (["p1", "p0"], (None, None), False) == (errors, decision.votes, decision.kept)
