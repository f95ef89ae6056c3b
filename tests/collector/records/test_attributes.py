import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api import Span
from collector.records.mapping import records_of
from collector.records.values import read_pair, write_pair
from collector.testing import make_span, make_spans
from tests.collector.records.values import ATTRIBUTES, KEYS, VALUES, identical


@given(ATTRIBUTES)
def test_what_is_written_can_be_read(attributes):
    written = make_span(attributes=attributes)

    (read,) = records_of(make_spans({"attributes": attributes}))

    assert identical(attributes, dict(written))
    assert identical(attributes, {key: read[key] for key in read})


@given(st.booleans(), ATTRIBUTES, st.lists(st.tuples(KEYS, VALUES | st.just(...)), max_size=6))
def test_a_span_behaves_like_a_dict(many, attributes, changes):
    """
    Through any changes, also after it went over the wire, and with so many attributes that they get an index.
    """
    attributes = attributes | ({f"filler-{i}": i for i in range(70)} if many else {})
    span, model = make_span(attributes=attributes), dict(attributes)

    for key, value in changes:
        if value is ...:
            assert identical(model.pop(key, "gone"), span.pop(key, "gone"))
        else:
            span[key] = model[key] = value
        assert (key in model) is (key in span)
        if many:
            assert len(model) == len(Span(span.wire))  # what was written to the wire may be changed further

    assert identical(model, dict(span))
    assert identical(model, dict(Span(span.wire)))
    assert len(model) == len(span)


def test_reading_what_is_not_there():
    span = make_span(attributes={"http.route": "/"})

    assert (None, "?") == (span.get("route"), span.get("http", "?"))
    with pytest.raises(KeyError, match="route"):
        span["route"]
    with pytest.raises(KeyError, match="route"):
        del span["route"]


def test_what_is_not_text_is_no_key():
    span = make_span()

    assert 5 not in span
    assert ["?", "?", "?"] == [span.get(key, "?") for key in (5, b"x", "\ud800")]
    with pytest.raises(KeyError, match="5"):
        span[5]
    with pytest.raises(TypeError, match="key of an attribute is text, not int"):
        span[5] = "x"


@pytest.mark.parametrize("value", [object(), {1, 2}, [object()], {"a": object()}, {1: "x"}])
def test_what_otlp_does_not_have_cannot_be_written(value):
    with pytest.raises(TypeError, match=r"a value is None, str|the key of a dict is text"):
        make_span()["x"] = value


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_have_64_bits(value):
    with pytest.raises(ValueError, match="out of range"):
        make_span()["x"] = value


def test_tuples_and_mappings_become_lists_and_dicts():
    span = make_span()

    span["x"] = ({"a": (1, 2)},)

    assert [{"a": [1, 2]}] == Span(span.wire)["x"]


def test_lists_and_dicts_that_were_read_may_be_changed_in_place():
    span = make_span(attributes={"tags": ["a"], "user": {"name": "alice", "roles": ["admin"]}})

    span["tags"].append("b")
    span["user"]["roles"].clear()

    assert {"tags": ["a", "b"], "user": {"name": "alice", "roles": []}} == dict(Span(span.wire))


def test_lists_that_were_written_may_be_changed_in_place_until_they_are_replaced():
    span, first, second = make_span(), ["first"], ["second"]

    span["x"] = first
    span["x"] = second
    first.append("unseen")
    second.append("seen")

    assert ["second", "seen"] == Span(span.wire)["x"]


def test_what_was_removed_stays_removed_although_its_list_is_changed():
    span = make_span(attributes={"tags": ["a"]})

    tags = span.pop("tags")
    tags.append("b")

    assert {} == dict(Span(span.wire))


def test_attributes_may_be_removed_while_going_through_them():
    span = make_span(attributes={"a": 1, "b": 2, "c": 3})

    for key, value in span.items():
        if value != 2:
            del span[key]

    assert {"b": 2} == dict(span)


def test_clearing_removes_everything():
    span = make_span(attributes={"a": 1, "b": [2]})

    span.clear()

    assert ({}, {}) == (dict(span), dict(Span(span.wire)))


def test_a_record_is_true_without_attributes_and_equal_only_to_itself():
    one, other = make_span(), make_span()

    assert one
    assert one == one  # noqa: PLR0124
    assert one != other
    assert 2 == len({one, other})


def test_two_floats_of_the_same_value_keep_their_signs():
    assert -1.0 == math.copysign(1, read_pair(write_pair("x", -0.0, 0))[1])
    assert 1.0 == math.copysign(1, read_pair(write_pair("x", 0.0, 0))[1])


@pytest.mark.slow
@pytest.mark.timeout(20)
def test_a_span_with_very_many_attributes_does_not_hold_up_the_others():
    """
    A sender decides how many there are: each look at one must not be a look at all.
    """
    span = Span(make_span(attributes={f"key-{i}": "alice" for i in range(20_000)}).wire)

    for key, value in span.items():
        if key.endswith("0"):
            del span[key]
        elif value == "alice":
            span[key] = "****"

    assert {"****": 18_000} == Counter(Span(span.wire).values())


@pytest.mark.timeout(20)
def test_very_many_attributes_of_one_key_do_not_either():
    pair = write_pair("user", "alice", 0)
    span = Span(b"".join([b"\x4a", bytes([len(pair)]), pair]) * 50_000)

    assert "alice" == span["user"]
    assert 1 == len(Span.message_type.FromString(span.wire).attributes)
