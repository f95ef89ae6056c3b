import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.ottl.condition import ConditionError, Context, parse_condition, parsed
from collector.ottl.parser import DEEPEST
from collector.testing.otlp import make_span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "column 1, at the end: a value is expected here"),
        ('nam == "x"', "column 1, at nam: span has no nam, only attributes,"),
        ('span.nam == "x"', "column 6, at nam: span has no nam"),
        ('log.body == "x"', "column 1, at log: span has no log.body"),
        ("name", "column 1, at name: a condition is true or false; this is a string"),
        ("attributes", "column 1, at attributes: a condition is true or false; this is a map"),
        ("name == 5", "column 6, at ==: a string and an integer can never be compared"),
        ('trace_id == "00"', "its .string is a string"),
        ("name < nil", "column 6, at <: nil can be compared with == and != only"),
        ("attributes > []", "column 12, at >: lists and maps have no order"),
        ('name = "x"', "column 6, at =: write == to compare"),
        ('name == "x', 'column 9, at "x: a string has to end with a quote'),
        (r'name == "\d"', r"column 9, at .*: \\d means nothing in a string: write \\\\ for a backslash"),
        (r'name == "\xff"', "its escapes are not UTF-8"),
        (r'name == "\ud800"', "its escapes are not UTF-8"),
        (r'name == "\Uffffffff"', "no character of Unicode"),
        (r'name == "\777"', "column 9"),
        ('name == "a" && true', "column 13, at &: this character has no meaning here"),
        ('name == "a" true', "column 13, at true: and, or, a comparison or the end is expected here"),
        ('(name == "a"', "column 13, at the end: there is no closing parenthesis"),
        ('name == "a")', r"column 12, at \): and, or, a comparison or the end"),
        ("not not true", "column 5, at not: a value is expected here"),
        ("true and", "column 9, at the end: a value is expected here"),
        ('IsMach(name, "a")', "column 1, at IsMach: there is no function IsMach; did you mean IsMatch. Known: Bool, "),
        ("IsMatch(name)", r"column 1, at IsMatch: IsMatch\(target, pattern\) takes 2 arguments, not 1"),
        ("IsMatch(name, 5)", r"column 15, at 5: pattern of IsMatch\(target, pattern\) cannot be an integer"),
        ('IsMatch(name, "(")', "column 15, at .*RE2 cannot run the pattern"),
        ('IsMatch(name, "a"', "column 18, at the end: there is no closing parenthesis"),
        ('IsMatch(name, pat="a")', "has no pat, or has it twice"),
        ('IsMatch("x", target="a")', "has no target, or has it twice"),
        ("SpanID(0x00) == span_id", "column 1, at SpanID: an id of 8 bytes is needed"),
        ('HasAttrKeyOnDatapoint("a")', "HasAttrKeyOnDatapoint is of metric, not of span"),
        ("kind == SPAN_KIND_SERVR", "there is no such enumerator; did you mean SPAN_KIND_SERVER"),
        ("attributes[1] == 2", "the key of an attribute is a string"),
        ('attributes["a" == 2', "column 16, at ==: ] is expected here"),
        ("attributes[name] == 2", "column 12, at name: a key is a string or a whole number"),
        ('name["a"] == 2', "a string has no keys"),
        ("trace_state[1] == 2", "a trace state has one key"),
        ("span. == 2", "a name is expected behind a dot"),
        ("name + 1 == 2", "column 1, at name: a number is needed to calculate, not a string"),
        ("kind == 9223372036854775808", "an integer has 64 bits"),
        ("span_id == 0x123", "bytes are written with two digits each"),
        ("- kind == 1", "a number is expected behind a sign"),
        ("[1 2] == 1", "column 4, at 2: , is expected here"),
        ("kind == 1.0e999", "column 9, at 1.0e999: this is more than a double can be"),
        ("kind == -1.0e999", "column 10, at 1.0e999: this is more than a double can be"),
        ('ConvertCase(name, "snake") == "a"', 'column 19, at "snake": to_case of ConvertCase.* is lower or upper'),
        ("(" * 10_000 + "true" + ")" * 10_000, f"column {DEEPEST + 1}, .*more than {DEEPEST} deep"),
        ("[" * 10_000 + "]" * 10_000 + " == 1", f"column {DEEPEST + 1}, .*more than {DEEPEST} deep"),
        ("Len(" * 10_000 + "name" + ")" * 10_000 + " == 1", f"more than {DEEPEST} deep"),
        ("not " * 10_000 + "true", "column 5, at not: a value is expected here"),
        ("kind == " + "9" * 10_000, "an integer has 64 bits"),
        ("(" * (DEEPEST + 1) + "true", f"more than {DEEPEST} deep"),
        ("name == \ud800", "column 9, at the end: this is no text"),
    ],
)
def test_says_where_the_mistake_is_and_what(text, expected):
    with pytest.raises(ConditionError, match=expected) as caught:
        parse_condition(text, Context.SPAN)

    assert 1 <= caught.value.column <= len(text) + 1
    assert "\n" not in str(caught.value)


def test_as_many_parentheses_as_are_allowed_are_no_mistake():
    assert parse_condition("(" * DEEPEST + "true" + ")" * DEEPEST, Context.SPAN)(None)


def test_a_long_condition_is_as_flat_as_a_short_one():
    span = make_span(attributes={"k": 1})

    assert not parse_condition(" and ".join(['attributes["k"] == 1'] * 5000 + ["false"]), Context.SPAN)(span)
    assert parse_condition("+".join(["1"] * 5000) + " == 5000", Context.SPAN)(span)


PARTS = st.sampled_from(
    [
        "name",
        "span.",
        "resource",
        ".attributes",
        '["k"]',
        "[0]",
        "==",
        "<",
        "and",
        "or",
        "not",
        "(",
        ")",
        "IsMatch(",
        '"a"',
        '"\\',
        "1",
        "2.5",
        "nil",
        "true",
        "0x00",
        ",",
        "-",
        "+",
        "*",
        "/",
        "Len(",
        "STATUS_CODE_OK",
        "=",
        "{",
        "é",
    ]
)


@given(st.lists(PARTS, max_size=12).map(" ".join) | st.text(max_size=30), st.sampled_from(Context))
@example("0x", Context.LOG)
def test_any_text_is_a_condition_or_has_a_mistake_at_some_place(text, context):
    assert mistaken_column(text, context) in range(len(text) + 2)


def mistaken_column(text, context):
    """
    Where the mistake is, counted from 1; 0 if there is none.
    """
    try:
        parse_condition(text, context)
    except ConditionError as error:
        return error.column
    return 0


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ('attributes["k"] == "v"', ((b"k", b"v"),)),
        ('"v" == name', ((b"v",),)),
        ('attributes["k"] != nil', ((b"k",),)),
        ('attributes["k"] > 5', ((b"k",),)),
        ('IsMatch(attributes["k"], "v")', ((b"k",),)),
        ('name == "a" or name == "b"', ((b"a",), (b"b",))),
        ('name == "a" and attributes["k"] > 1', ((b"a", b"k"),)),
        ('attributes["k"] > 1 and HasPrefix(name, "a")', ((b"k",),)),
        ('attributes["k"] == 0.5', ((b"k", b"\0\0\0\0\0\0\xe0\x3f"),)),
        (" or ".join([f'attributes["k"] == {number}' for number in range(40)]), ((b"k",),)),
        ('HasPrefix(attributes["x"], "a") and attributes["k"] == 1', None),
        ('attributes["k"]["l"] == "v"', ((b"k",),)),
        ('attributes["k"] == nil', None),
        ('attributes["k"] != "v"', None),
        ('name == "a" or kind == 1', None),
        ('not name == "a"', None),
        ('resource.attributes["k"] == "v"', None),
        ('kind.string == "Server"', None),
        ('name == ""', None),
        ("true", None),
    ],
)
def test_knows_what_must_stand_in_the_bytes_of_a_record(text, needles):
    assert needles == parsed(text, Context.SPAN).needles


TEXTS = st.sampled_from(["a", "b", "ab", ""])
CONDITIONS = st.recursive(
    st.sampled_from(
        [
            'name == "a"',
            'attributes["a"] == "b"',
            'attributes["b"] != nil',
            'attributes["a"]["b"] == "a"',
            "true",
            'HasPrefix(attributes["b"], "a")',
            'IsMatch(attributes["a"], "b")',
            'attributes["a"]',
            'attributes["b"] > 0',
        ]
    ),
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not {}".format, inner.map("({})".format))
    ),
    max_leaves=4,
)


@given(CONDITIONS, TEXTS, st.dictionaries(TEXTS, TEXTS | st.integers(0, 2) | st.booleans(), max_size=2))
def test_a_record_without_them_is_never_meant_and_never_fails(text, name, attributes):
    span = make_span(name=name, attributes=attributes)
    condition = parsed(text, Context.SPAN)

    if not condition.may_hold(span.wire):
        assert condition.ask(span) is False
