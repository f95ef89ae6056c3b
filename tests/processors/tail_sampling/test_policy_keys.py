"""The key of a trace: what it has in common with others of its kind."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.tail_sampling.policies.keys import Keys
from processors.tail_sampling.trace import Part
from tests.processors.tail_sampling.test_trace import trace_from, trace_of


def test_fields_are_sorted_and_values_are_there_once_sorted_and_joined() -> None:
    trace = trace_of(
        {"attributes": {"route": "/b", "status": 200}},
        {"attributes": {"route": "/a", "status": 200}},
        {"attributes": {"other": True}},
    )

    assert "/a•/b,200" == Keys(["status", "route"]).of(trace)
    assert "/a•/b,200" == Keys(["route", "status", "route"]).of(trace)
    assert "true" == Keys(["other"]).of(trace)


def test_a_field_that_is_missing_leaves_its_place_empty() -> None:
    assert ",x" == Keys(["a", "b"]).of(trace_of({"attributes": {"b": "x"}}))
    assert "x," == Keys(["a", "b"]).of(trace_of({"attributes": {"a": "x"}}))


def test_all_traces_with_none_of_the_fields_have_one_key() -> None:
    assert "" == Keys(["a", "b", "root.c"]).of(trace_of({"attributes": {"c": "x"}, "parent_span_id": "01" * 8}))


def test_values_of_resources_count() -> None:
    trace = trace_of({"attributes": {"a": "own"}}, resource={"service.name": "shop", "a": "shared"})

    assert "own•shared,shop" == Keys(["service.name", "a"]).of(trace)


def test_root_takes_what_the_span_without_a_parent_has_or_its_resource() -> None:
    trace = trace_of(
        {"name": "child", "attributes": {"a": "no"}, "parent_span_id": "01" * 8},
        {"name": "GET /", "attributes": {"a": "yes"}},
        resource={"service.name": "shop"},
    )

    assert "yes,GET /,shop" == Keys(["root.a", "root.name", "root.service.name"]).of(trace)
    assert "" == Keys(["root.b"]).of(trace)


def test_name_is_the_name_of_spans() -> None:
    trace = trace_of({"name": "b"}, {"name": "a"}, resource={"name": "not this"})

    assert "a•b" == Keys(["name"]).of(trace)


def test_the_number_of_spans_can_belong_to_the_key() -> None:
    assert "x,2" == Keys(["a"], with_length=True).of(trace_of({"attributes": {"a": "x"}}, {}))


def test_a_key_has_no_more_than_256_characters_and_different_ones_stay_different() -> None:
    one, other = (trace_of({"attributes": {"a": "x" * 10_000 + end}}) for end in "12")
    keys = Keys(["a"])

    assert 256 == len(keys.of(one))
    assert keys.of(one) != keys.of(other)
    assert keys.of(one) == keys.of(one)


def test_no_more_than_a_hundred_values_of_a_field_count() -> None:
    key = Keys(["a"]).of(trace_of(*({"attributes": {"a": i}} for i in range(10, 200))))

    assert 100 == key.count("•") + 1 or 256 == len(key)


_SPAN = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "x"]),
        "attributes": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["a", "x", 1]), max_size=2),
    }
)


@given(spans=st.lists(_SPAN, min_size=1, max_size=4), resource=st.dictionaries(st.just("a"), st.just("r")))
def test_bytes_leave_out_no_value_and_the_order_of_spans_does_not_matter(spans: Any, resource: Any) -> None:
    trace = trace_of(*spans, resource=resource)
    (part,) = trace.parts
    backwards = trace_from(trace.trace_id, [Part(part.origin, part.spans[::-1])], trace.size)
    values = {str(span["attributes"]["a"]) for span in spans if "a" in span["attributes"]} | set(resource.values())

    assert "•".join(sorted(values)) == Keys(["a"]).of(trace)
    assert Keys(["a", "b", "name"]).of(trace) == Keys(["a", "b", "name"]).of(backwards)
