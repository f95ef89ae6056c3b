import math

import pytest

from collector.records.text import as_json, as_text, json_text, number, without_exponent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-(2**63), "-9223372036854775808"),
        (b"\x00\x00\x30\x39", "AAAwOQ=="),
        ([1, "two", None, b"\xff", math.inf], '[1,"two",null,"/w==","Infinity"]'),
        ({"a": {"b": [math.nan]}}, '{"a":{"b":["NaN"]}}'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_are_written_as_the_specification_says(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (-0.0, "-0"),
        (0.0, "0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e21, "1.5e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-2.5e-9, "-2.5e-9"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_number_has_the_digits_that_json_gives_it(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(100.0, "100"), (1e-9, "0.000000001"), (1e16, "10000000000000000"), (0.1, "0.1")]
)
def test_a_bound_never_has_an_exponent(value, text):
    assert without_exponent(value) == text


def test_what_json_cannot_hold_becomes_text_at_any_depth():
    assert as_json({"a": [b"\x01", -math.inf], "b": 1}) == {"a": ["AQ==", "-Infinity"], "b": 1}


def test_a_lone_surrogate_cannot_come_from_the_wire_and_the_rest_of_unicode_passes():
    assert json_text(["\u0000ä😀"]) == '["\\u0000ä😀"]'
