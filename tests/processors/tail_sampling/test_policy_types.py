"""Which types of policies there are, and what is said of others."""

from __future__ import annotations

from typing import get_args

import pytest

from processors.tail_sampling.policies.build import BUILDERS
from processors.tail_sampling.policies.config import _ELSEWHERE, PolicyConfig, PolicyType
from tests.processors.tail_sampling.test_policies import mistakes_in


def test_every_type_has_a_builder_and_a_block_of_its_name() -> None:
    blocks = {field.alias or name for name, field in PolicyConfig.model_fields.items()} - {"name", "type"}

    assert set(get_args(PolicyType)) == set(BUILDERS) == blocks


@pytest.mark.parametrize(
    ("written", "meant"), [("statuscode", "status_code"), ("windowed_throughput", "ema_throughput")]
)
def test_an_unknown_type_is_told_with_the_nearest_one_and_all_there_are(written: str, meant: str) -> None:
    (mistake,) = mistakes_in(f"policies: [{{name: a, type: {written}}}]")

    assert mistake.startswith(f"config.yaml:1: policies::0::type: there is no policy of type '{written}'")
    assert f"did you mean {meant}? Known: always_sample, latency, " in mistake
    assert all(name in mistake for name in get_args(PolicyType))


@pytest.mark.parametrize("written", ["my_extension/1", "7", "[latency]", "null"])
def test_what_is_like_no_type_is_no_suggestion(written: str) -> None:
    (mistake,) = mistakes_in(f"policies: [{{name: a, type: {written}}}]")

    assert "Known: always_sample" in mistake
    assert "did you mean" not in mistake


def test_what_is_suggested_instead_of_what_others_have_is_there() -> None:
    assert set(_ELSEWHERE.values()) <= set(get_args(PolicyType))


@pytest.mark.parametrize("inner", ["drop", "composite"])
def test_policies_that_speak_for_the_whole_trace_are_not_inside_others(inner: str) -> None:
    block = {"drop": "drop_sub_policy", "composite": "max_total_spans_per_second: 1, composite_sub_policy"}[inner]
    sub = f"{{name: b, type: {inner}, {inner}: {{{block}: [{{name: c, type: always_sample}}]}}}}"
    (mistake,) = mistakes_in(f"policies: [{{name: a, type: and, and: {{and_sub_policy: [{sub}]}}}}]")

    assert f"{inner} cannot be inside another policy" in mistake


@pytest.mark.parametrize(
    ("settings", "unknown"),
    [
        ("type: latency, latency: {treshold_ms: 1}", "treshold_ms"),
        ("type: ottl_condition, ottl_condition: {span: [], log: []}", "log"),
    ],
)
def test_an_unknown_setting_of_a_policy_is_a_mistake(settings: str, unknown: str) -> None:
    mistakes = mistakes_in(f"policies: [{{name: a, {settings}}}]")

    assert any(f"{unknown}: unknown key" in mistake for mistake in mistakes)


def test_a_bound_that_is_no_number_is_a_mistake() -> None:
    numeric = "type: numeric_attribute, numeric_attribute: {key: a, min_value: .nan}"
    mistakes = mistakes_in(f"policies: [{{name: a, {numeric}}}]")

    assert any("NaN is not a bound" in mistake for mistake in mistakes), mistakes
