"""
What makes no sense under `include` and `exclude` is a mistake before anything starts.
"""

import pytest
from pydantic import ValidationError

from collector.matching.config import MatchProperties


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"span_names": ["a"]}, "match_type"),
        ({"match_type": "glob", "span_names": ["a"]}, "match_type"),
        ({"match_type": "expr", "expressions": ["a"]}, "match_type"),
        ({"match_type": "strict", "expressions": ["a"]}, "filter processor"),
        ({"match_type": "strict"}, "at least one of"),
        ({"match_type": "strict", "span_names": []}, "at least one of"),
        ({"match_type": "strict", "span_names": ["a"], "log_bodies": ["b"]}, "no record has all of"),
        ({"match_type": "strict", "attributes": [{"key": ""}]}, "attributes"),
        ({"match_type": "strict", "attributes": [{"value": 1}]}, "key"),
        ({"match_type": "strict", "attributes": [{"key": "a", "value": float("nan")}]}, "equal to nothing"),
        ({"match_type": "strict", "attributes": [{"key": "a", "value": 1 << 70}]}, "value"),
        ({"match_type": "strict", "attributes": [{"key": "a", "value": object()}]}, "a value is"),
        ({"match_type": "strict", "span_kinds": ["server"]}, "SPAN_KIND_SERVER"),
        ({"match_type": "regexp", "span_names": ["("]}, "RE2 cannot run"),
        ({"match_type": "regexp", "libraries": [{"name": "a", "version": "("}]}, "RE2 cannot run"),
        ({"match_type": "regexp", "resources": [{"key": "a", "value": 1}]}, "is a pattern, not 1"),
        ({"match_type": "strict", "names": ["a"]}, "names"),
        ({"match_type": "strict", "libraries": [{"name": "a"}, {"name": "b"}]}, r"libraries: .*\^\(a\|b\)\$"),
        (
            {"match_type": "strict", "libraries": [{"name": "a", "version": "1"}, {"name": "a", "version": "2"}]},
            "libraries: no scope is all of these",
        ),
    ],
)
def test_is_refused_with_a_reason(properties, why):
    with pytest.raises(ValidationError, match=why):
        MatchProperties(**properties)


def test_what_is_no_pattern_is_fine_where_texts_are_compared():
    assert MatchProperties(match_type="strict", span_names=["("])


def test_one_library_may_be_said_in_parts():
    assert MatchProperties(match_type="strict", libraries=[{"name": "a"}, {"name": "a", "version": "1"}])


def test_options_of_the_collectors_cache_are_accepted():
    options = {"cacheenabled": True, "cachemaxnumentries": 10}

    assert MatchProperties(match_type="regexp", regexp=options, span_kinds=["SERVER|CLIENT"])
