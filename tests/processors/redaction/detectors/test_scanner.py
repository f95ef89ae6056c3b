import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.redaction.detectors.catalogue import BUILT_IN, builtin
from processors.redaction.detectors.detector import custom
from processors.redaction.detectors.relaxation import relaxed
from processors.redaction.detectors.scanner import Scanner

ALL = Scanner([builtin(name) for name in BUILT_IN])
OWN = Scanner(
    [custom("line", r"^a+$", b"-"), custom("word", r"\bb(c)\b", b"-"), custom("named", r"(x)(?P<secret>y)", b"-")]
)
PIECES = st.sampled_from(
    [
        "user@example.com",
        "%40",
        ".org",
        "+",
        "1",
        "555-123-4567",
        "(555) 123",
        "-4567",
        "+44 20 7946 0958",
        "123-45-6789",
        "4111 1111 1111 1111",
        "4111111111111111",
        "378282246310005",
        "token=",
        "password: ",
        '"',
        "'",
        "\\",
        "api_key",
        "Bearer abc12345678",
        "AKIAIOSFODNN7EXAMPLE",
        "DE89370400440532013000",
        "10.1.2.3",
        "2001:db8::1",
        "aa:bb:cc:dd:ee:01",
        "900101-1234567",
        "passport 123456789",
        "ssn",
        "123456789",
        "https://u:p@h/",
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOi.eyJzdWIi.abc",
        " ",
        ",",
        ";",
        "=",
        "é",
        "%20",
        "***",
        "x",
        "aaa",
        "bc",
        "xy",
        "\n",
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map(lambda pieces: "".join(pieces).encode())


@given(TEXTS, st.binary(max_size=6), st.binary(max_size=6))
def test_whoever_may_not_hit_has_no_finding_whatever_stands_beside_it(text, before, after):
    for scanner in (ALL, OWN):
        assert scanner.may_hit(before + text + after) or not scanner.find(text)


@given(st.lists(TEXTS, max_size=6))
def test_the_values_that_hit_are_all_that_have_findings(values):
    for scanner in (ALL, OWN):
        assert {index for index, value in enumerate(values) if scanner.find(value)} <= set(scanner.hits(values))


@given(TEXTS)
def test_findings_are_sorted_within_the_text_and_do_not_overlap(text):
    edges = [edge for finding in ALL.find(text) for edge in (finding.start, finding.end)]

    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)
    assert all(start < end for start, end, _ in ALL.find(text))


def test_what_two_find_is_named_by_the_first_and_no_part_of_the_others_stays():
    first, second = custom("first", "abc", b"-"), custom("second", "abc|bcd", b"-")

    assert [("first", 0, 3)] == [(d.name, s, e) for s, e, d in Scanner([first, second]).find(b"abc")]
    assert [(0, 3), (3, 4)] == [(s, e) for s, e, _ in Scanner([first, custom("third", "bcd", b"-")]).find(b"abcd")]


def test_only_the_group_of_a_users_pattern_is_found():
    assert [(1, 2)] == [(s, e) for s, e, _ in OWN.find(b"xy")]
    assert [(1, 2)] == [(s, e) for s, e, _ in OWN.find(b"bc")]


@pytest.mark.parametrize("pattern", ["a*", "", "^", "(", "(?=a)"])
def test_patterns_that_match_nothing_or_cannot_run_are_refused(pattern):
    with pytest.raises(ValueError):
        custom("mine", pattern, b"-")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^a\b[\d^$(]$", r"(?:)a(?:)[\d^$(](?:)"),
        (r"(?P<n>x)(y)(?:z)(?i:w)", r"(?:x)(?:y)(?:z)(?i:w)"),
        (r"\^\$\(\Q^(\E", r"\^\$\(\Q^(\E"),
    ],
)
def test_a_pattern_is_relaxed_only_where_it_looks_beside_a_match(pattern, expected):
    assert expected == relaxed(pattern)


def test_without_detectors_nothing_hits():
    assert not Scanner([]).may_hit(b"user@example.com")


def test_long_texts_of_what_is_almost_a_secret_take_time_in_proportion():
    for piece in (b"1", b"4111 ", b"a.", b"1.", b":a", b"token=", b"%40", b"555-"):
        assert ALL.find(piece * 20_000) is not None
