"""The policy that asks conditions of OTTL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ottl.condition import Context, EventOf, parse_condition
from processors.tail_sampling.policy import Vote
from processors.tail_sampling.trace import Origin, Part
from tests.processors.tail_sampling.test_policies import mistakes_in, policy, samples, vote
from tests.processors.tail_sampling.test_trace import trace_from, trace_of

_KEYED = 'attributes["v"]["k"] == 1'
"""Cannot be asked of a span whose `v` is a text."""


def condition(*span: str, spanevent: tuple[str, ...] = (), mode: str = "propagate") -> str:
    return (
        f"type: ottl_condition, ottl_condition: {{error_mode: {mode}, span: {_quoted(span)}, "
        f"spanevent: {_quoted(spanevent)}}}"
    )


def _quoted(conditions: tuple[str, ...]) -> str:
    return json.dumps(conditions)


def test_one_condition_that_is_true_of_one_span_samples_and_says_which() -> None:
    asked = policy(condition('name == "a"', 'attributes["http.status_code"] >= 500'))
    verdict = asked.evaluate(trace_of({"name": "b"}, {"attributes": {"http.status_code": 503}}), 0.0)

    assert verdict.is_sampled
    assert {"condition": 'attributes["http.status_code"] >= 500'} == asked.explain(verdict)


def test_no_condition_that_is_true_does_not_sample() -> None:
    asked = policy(condition('name == "a"', spanevent=('name == "a"',)))
    verdict = asked.evaluate(trace_of({"name": "b", "events": [{"name": "b"}]}), 0.0)

    assert Vote.NOT_SAMPLED is verdict.vote
    assert {"condition": None} == asked.explain(verdict)


def test_conditions_on_span_events_see_the_event_its_span_and_its_resource() -> None:
    trace = trace_of({"name": "s", "events": [{"name": "other"}, {"name": "exception"}]}, resource={"env": "prod"})
    both = 'name == "exception" and span.name == "s" and resource.attributes["env"] == "prod"'

    assert samples(condition(spanevent=(both,)), trace)
    assert not samples(condition(both.replace(" and span.name", ' and span.name != "s" and span.name')), trace)


def test_conditions_on_resources_and_scopes_need_nothing_in_the_span() -> None:
    trace = trace_of({}, resource={"service.name": "checkout"})

    assert samples(condition('resource.attributes["service.name"] == "checkout" and scope.name == "lib"'), trace)


def test_two_conditions_in_one_have_to_be_true_of_one_span() -> None:
    trace = trace_of({"name": "a"}, {"status": "error"})

    assert not samples(condition('name == "a" and status.code == STATUS_CODE_ERROR'), trace)


def test_an_error_that_propagates_is_an_error_of_the_policy() -> None:
    with pytest.raises(ValueError, match=r'attributes\["v"\]\["k"\] == 1: '):
        vote(condition(_KEYED), trace_of({"attributes": {"v": "text"}}))


def test_an_error_that_is_ignored_is_told_and_the_next_condition_is_asked() -> None:
    asked = policy(condition(_KEYED, 'name == "a"', mode="ignore"))
    fits = asked.evaluate(trace_of({"name": "a", "attributes": {"v": "text"}}), 0.0)
    does_not = asked.evaluate(trace_of({"name": "b", "attributes": {"v": "text"}}), 0.0)

    assert (Vote.SAMPLED, 'name == "a"') == (fits.vote, asked.explain(fits)["condition"])
    assert (Vote.NOT_SAMPLED, None) == (does_not.vote, asked.explain(does_not)["condition"])
    for verdict in (fits, does_not):
        assert asked.explain(verdict)["ignored_error"].startswith(f"{_KEYED}: ")


def test_a_silent_error_is_told_to_nobody_and_the_next_span_is_asked() -> None:
    asked = policy(condition(_KEYED, mode="silent"))
    verdict = asked.evaluate(trace_of({"attributes": {"v": "text"}}, {"attributes": {"v": {"k": 1}}}), 0.0)

    assert {"condition": _KEYED} == asked.explain(verdict)


def test_a_mistake_in_a_condition_is_told_with_its_place() -> None:
    of_span, of_event = condition('name == "a"', 'nam == "a"'), condition(spanevent=("status.code == 1",))
    (mistake,) = mistakes_in(f"policies: [{{name: a, {of_span}}}]")
    (event_mistake,) = mistakes_in(f"policies: [{{name: a, {of_event}}}]")

    assert "policies::0::ottl_condition::span::1: " in mistake
    assert "span has no nam" in mistake
    assert "policies::0::ottl_condition::spanevent::0: " in event_mistake


def test_a_policy_without_conditions_is_a_mistake() -> None:
    (mistake,) = mistakes_in("policies: [{name: a, type: ottl_condition, ottl_condition: {}}]")

    assert "needs at least one condition, under `span` or `spanevent`" in mistake


_CONDITIONS = (
    'attributes["k"] == "v"',
    'attributes["k"] != "v"',
    'attributes["k"] == nil',
    'attributes["kk"] > 0 or name == "v"',
    'not (attributes["k"] == "v") and attributes["kk"] != nil',
    'IsMatch(attributes["k"], "^v+$")',
    'resource.attributes["k"] == "v"',
)
_OF_EVENTS = ('name == "v"', 'attributes["k"] == "v"', 'span.attributes["k"] == "v"', 'attributes["kk"] == nil')
_ATTRIBUTES = st.dictionaries(st.sampled_from(["k", "kk"]), st.sampled_from(["v", "vv", 1, -1]), max_size=2)
_SPAN = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["v", "k", "x"]),
        "attributes": _ATTRIBUTES,
        "events": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["v", "x"]), "attributes": _ATTRIBUTES})),
    }
)


@given(
    spans=st.lists(_SPAN, min_size=1, max_size=3),
    resource=_ATTRIBUTES,
    span=st.lists(st.sampled_from(_CONDITIONS), max_size=2),
    spanevent=st.lists(st.sampled_from(_OF_EVENTS), min_size=1, max_size=2),
)
def test_the_bytes_leave_out_no_span_of_which_a_condition_is_true(
    spans: Any, resource: Any, span: list[str], spanevent: list[str]
) -> None:
    trace = trace_of(*spans, resource=resource)
    two = trace_from(
        trace.trace_id,
        [Part(Origin({}, p.origin.resource, b""), [raw]) for p in trace.parts for raw in p.spans],
        trace.size,
    )
    of_spans = [parse_condition(each, Context.SPAN) for each in span]
    of_events = [parse_condition(each, Context.SPANEVENT) for each in spanevent]
    expected = any(
        any(holds(read) for holds in of_spans)
        or any(holds(EventOf(event, read)) for holds in of_events for event in read.events)
        for read in trace.spans()
    )

    settings = condition(*span, spanevent=tuple(spanevent), mode="ignore")

    assert expected == samples(settings, trace)
    assert expected == samples(settings, two)
