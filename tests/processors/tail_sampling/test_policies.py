"""Policies that look at a trace, as their settings say."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from collector import sampling
from collector.api import ComponentConfig
from collector.mistakes import check
from collector.testing.otlp import START
from collector.yaml_tree import load
from processors.tail_sampling.evaluation import Decision, Evaluator
from processors.tail_sampling.policies.build import build_policies
from processors.tail_sampling.policies.chance import fnv1a
from processors.tail_sampling.policies.config import Policies
from processors.tail_sampling.policy import Verdict, Vote, at_once
from processors.tail_sampling.trace import Origin, Part, Trace
from processors.tail_sampling.traces import Traces
from tests.processors.tail_sampling.test_trace import trace_from, trace_of


class _Config(ComponentConfig):
    policies: Policies = Field(description="Policies.")


@cache
def _config(yaml: str) -> _Config:
    """
    Reading it costs more than what most tests do with it; policies are made of it anew each time, since some remember.
    """
    tree = load(yaml, "config.yaml")
    config, mistakes = check(_Config, tree, tree, ())
    assert not mistakes, [str(mistake) for mistake in mistakes]
    assert config is not None
    return config


def policies(yaml: str) -> Any:
    return build_policies(_config(yaml).policies)


def policy(settings: str) -> Any:
    return policies(f"policies: [{{name: it, {settings}}}]")[0].policy


def vote(settings: str, trace: Trace) -> Vote:
    verdict: Verdict = policy(settings).evaluate(trace, 0.0)
    return verdict.vote


def samples(settings: str, trace: Trace) -> bool:
    return vote(settings, trace) is Vote.SAMPLED


def mistakes_in(yaml: str) -> list[str]:
    tree = load(yaml, "config.yaml")
    return [str(mistake) for mistake in check(_Config, tree, tree, ())[1]]


def lasting(milliseconds: int) -> Trace:
    return trace_of({"start_time": START, "duration": milliseconds / 1000})


@pytest.mark.parametrize("upper", ["", ", upper_threshold_ms: 9000"])
def test_the_lower_bound_of_latency_belongs_to_it_with_and_without_an_upper_one(upper: str) -> None:
    settings = f"type: latency, latency: {{threshold_ms: 500{upper}}}"

    assert [False, True, True] == [samples(settings, lasting(n)) for n in (499, 500, 501)]


def test_an_upper_bound_of_latency_looks_at_the_whole_trace_and_not_at_its_first_spans() -> None:
    trace = trace_of({"duration": 0.6}, {"duration": 2.0})

    assert not samples("type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 1000}", trace)


def test_latency_explains_what_it_found_in_the_words_of_the_configuration() -> None:
    latency = policy("type: latency, latency: {threshold_ms: 500}")

    assert {"duration_ms": 12.0, "threshold_ms": 500} == latency.explain(latency.evaluate(lasting(12), 0.0))


def test_a_span_that_has_its_status_twice_has_the_last_one() -> None:
    """Wherever a field stands twice the last one counts, so a glance at the bytes does not decide."""
    error, ok = b"\x7a\x02\x18\x02", b"\x7a\x02\x18\x01"
    settings = "type: status_code, status_code: {status_codes: [ERROR]}"
    origin = Origin({}, b"", b"")

    assert not samples(settings, trace_from(bytes(16), [Part(origin, [error + ok])], 8))
    assert samples(settings, trace_from(bytes(16), [Part(origin, [ok + error])], 8))


def test_zero_is_a_bound_of_numbers() -> None:
    settings = "type: numeric_attribute, numeric_attribute: {key: n, min_value: 0, max_value: 0}"

    assert [False, True, False] == [samples(settings, trace_of({"attributes": {"n": n}})) for n in (-1, 0, 1)]


def test_numbers_that_are_not_whole_are_read_and_true_is_no_number() -> None:
    settings = "type: numeric_attribute, numeric_attribute: {key: n, min_value: 0.25}"
    values = (0.5, 0.2, True, float("nan"))

    assert [True, False, False, False] == [samples(settings, trace_of({"attributes": {"n": n}})) for n in values]


def test_a_pattern_is_found_anywhere_unless_it_is_anchored() -> None:
    trace = trace_of({"attributes": {"route": "/health/live"}})
    settings = (
        "type: string_attribute, string_attribute: {key: route, values: [heal.*], enabled_regex_matching: true%s}"
    )

    assert samples(settings % "", trace)
    assert not samples(settings % ", anchored: true", trace)


def test_an_empty_text_matches_if_it_is_listed() -> None:
    trace = trace_of({"attributes": {"tenant": ""}})

    assert samples("type: string_attribute, string_attribute: {key: tenant, values: ['']}", trace)
    assert not samples("type: string_attribute, string_attribute: {key: tenant, values: [a]}", trace)


def test_a_text_under_another_key_does_not_match() -> None:
    trace = trace_of({"attributes": {"a": "wanted", "key": "other"}}, resource={"service": "key"})

    assert not samples("type: string_attribute, string_attribute: {key: key, values: [wanted]}", trace)


def test_attributes_of_resources_match_too() -> None:
    trace = trace_of({}, resource={"env": "prod", "debug": True})

    assert samples("type: string_attribute, string_attribute: {key: env, values: [prod]}", trace)
    assert samples("type: boolean_attribute, boolean_attribute: {key: debug, value: true}", trace)


def test_invert_match_is_a_veto_or_a_weak_yes() -> None:
    settings = "type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}"

    assert Vote.INVERT_NOT_SAMPLED is vote(settings, trace_of({"attributes": {"k": "v"}}))
    assert Vote.INVERT_SAMPLED is vote(settings, trace_of({}))


def test_span_count_flags_and_trace_state_look_at_every_span() -> None:
    trace = trace_of({}, {"trace_state": "a=1, vendor=x"})

    assert samples("type: span_count, span_count: {min_spans: 2, max_spans: 2}", trace)
    assert not samples("type: span_count, span_count: {min_spans: 3}", trace)
    assert samples("type: trace_state, trace_state: {key: vendor, values: [y, x]}", trace)
    assert not samples("type: trace_state, trace_state: {key: endor, values: [x]}", trace)
    assert not samples("type: trace_flags", trace)


@pytest.mark.parametrize(
    ("text", "hashed"), [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)]
)
def test_the_hash_is_fnv_1a_by_its_published_vectors(text: bytes, hashed: int) -> None:
    assert hashed == fnv1a(text)


@pytest.mark.parametrize("salt", ["", ", hash_salt: default-hash-seed"])
def test_a_tenth_of_traces_is_a_tenth_and_can_have_passed_its_threshold(salt: str) -> None:
    chance = policy(f"type: probabilistic, probabilistic: {{sampling_percentage: 10{salt}}}")
    kept = 0
    for n in range(20_000):
        trace = trace_from((n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)).to_bytes(16, "big"), [], 0)
        verdict = chance.evaluate(trace, 0.0)
        if verdict.is_sampled:
            kept += 1
            own = sampling.randomness(trace.trace_id) if verdict.randomness is None else verdict.randomness
            assert own >= verdict.threshold

    assert abs(kept - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5


def test_the_randomness_of_a_trace_state_decides_instead_of_that_of_the_id() -> None:
    settings = "type: probabilistic, probabilistic: {sampling_percentage: 10}"

    assert samples(settings, trace_of({"trace_state": "ot=rv:ffffffffffffff"}))
    assert not samples(settings, trace_of({"trace_state": "ot=rv:00000000000000"}))


_SPAN = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ok", "error", "unset"]),
        "duration": st.sampled_from([0.1, 0.5, 2.0]),
        "attributes": st.dictionaries(
            st.sampled_from(["k", "kk"]), st.sampled_from(["v", "vv", 1, 0.5, True]), max_size=2
        ),
    }
)
_ALL = """
policies:
  - {name: a, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: b, type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 1000}}
  - {name: c, type: string_attribute, string_attribute: {key: k, values: [v], invert_match: true}}
  - {name: d, type: numeric_attribute, numeric_attribute: {key: kk, min_value: 1}}
"""


@pytest.mark.parametrize("percent", [0, 1e-15, 10, 99.999, 100])
def test_on_the_bound_of_a_percentage_many_traces_are_decided_on_as_each_of_them(percent: float) -> None:
    chance = policy(f"type: probabilistic, probabilistic: {{sampling_percentage: {percent:.17f}}}")
    least = sampling.threshold(percent / 100)
    near = [number for number in (0, least - 1, least, sampling.NEVER - 1) if 0 <= number < sampling.NEVER]
    traces = [trace_from(bytes(9) + number.to_bytes(7, "big"), [], 0) for number in near]
    vote = at_once(chance)
    assert vote is not None

    verdicts = list(vote(Traces(traces), 0.0))

    assert [chance.evaluate(trace, 0.0) for trace in traces] == verdicts
    assert [number >= least for number in near] == [verdict.is_sampled for verdict in verdicts]


def told(decision: Decision) -> tuple[bool, str, str, int]:
    """
    Return what becomes of a trace, whoever was asked.
    """
    return decision.kept, decision.policy, decision.decision, decision.threshold


def decided(evaluator: Evaluator, *traces: Trace, now: float = 0.0) -> list[Decision]:
    """
    Return the decision on each trace, its parts by their names.
    """
    return [Decision(*each) for each in evaluator.decide(Traces(traces), now)]


def _decide(trace: Trace) -> Decision:
    def raise_(_name: str, error: Exception) -> None:
        raise error

    return decided(Evaluator(policies(_ALL), sample_on_first_match=False, on_error=raise_), trace)[0]


@given(spans=st.lists(_SPAN, min_size=1, max_size=5), data=st.data())
def test_the_decision_is_the_same_for_any_order_and_any_split_of_the_spans(spans: Any, data: st.DataObject) -> None:
    trace = trace_of(*spans)
    (part,) = trace.parts
    mixed = data.draw(st.permutations(list(part.spans)))
    cut = data.draw(st.integers(0, len(mixed)))
    other = Origin({"x": "y"}, part.origin.resource, b"")
    split = trace_from(trace.trace_id, [Part(other, mixed[cut:]), Part(part.origin, mixed[:cut])], trace.size)

    assert told(_decide(trace)) == told(_decide(split))


@given(spans=st.lists(_SPAN, min_size=1, max_size=4))
def test_all_of_one_policy_is_that_policy_and_not_not_too(spans: Any) -> None:
    inner = "{name: i, type: status_code, status_code: {status_codes: [ERROR]}}"
    trace = trace_of(*spans)
    alone = samples("type: status_code, status_code: {status_codes: [ERROR]}", trace)

    assert alone == samples(f"type: and, and: {{and_sub_policy: [{inner}]}}", trace)
    negated = f"{{name: n, type: not, not: {{not_sub_policy: {inner}}}}}"
    assert alone == samples(f"type: not, not: {{not_sub_policy: {negated}}}", trace)


def test_mistakes_are_told_under_the_path_that_was_written() -> None:
    assert ["config.yaml:1: policies::0::latency::threshold_ms: must be greater than or equal to 0"] == mistakes_in(
        "policies: [{name: a, type: latency, latency: {threshold_ms: -1}}]"
    )
    assert "needs its settings under `latency`" in mistakes_in("policies: [{name: a, type: latency}]")[0]
    assert (
        "does not look at `drop`"
        in mistakes_in(
            "policies: [{name: a, type: always_sample, drop: {drop_sub_policy: [{name: b, type: always_sample}]}}]"
        )[0]
    )
    twins = "policies: [{name: a, type: always_sample}, {name: a, type: always_sample}]"
    assert "more than one policy is called a" in mistakes_in(twins)[0]


def test_a_pattern_that_re2_cannot_run_is_a_mistake_of_the_configuration() -> None:
    settings = "string_attribute: {key: k, values: ['(?=x)'], enabled_regex_matching: true}"

    assert "RE2 cannot run" in mistakes_in(f"policies: [{{name: a, type: string_attribute, {settings}}}]")[0]
