import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.redaction.detectors.catalogue import BUILT_IN, builtin
from processors.redaction.detectors.detector import custom
from processors.redaction.detectors.effort import CANDIDATE, Effort
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


@given(st.lists(TEXTS, max_size=6))
def test_many_texts_have_the_findings_that_each_has_alone(texts):
    for scanner in (ALL, OWN):
        alone = {index: found for index, text in enumerate(texts) if (found := scanner.find(text))}

        assert alone == scanner.find_many(texts)


NEARLY = st.lists(
    st.sampled_from(
        [
            "10.0.0.1",
            "127.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "256",
            "25",
            ".",
            "-",
            "@",
            "u",
            "git",
            "a.b+c'",
            "example",
            ".com",
            ".org",
            ".PNG",
            ".js",
            ".xn--p1ai",
            "_",
            ":",
            "%40",
            "é",
        ]
    ),
    min_size=1,
    max_size=5,
).map(lambda pieces: "".join(pieces).encode())


def is_told_alone(detector, text):
    return re.fullmatch(b"(?:%b)\xff" % detector.alone, text + b"\xff") is not None


@given(NEARLY)
def test_what_is_told_to_be_a_finding_as_it_stands_is_found_so(text):
    for detector in (builtin("email"), builtin("ipv4")):
        found = [(start, end) for start, end, _ in Scanner([detector]).find(text)]

        assert not is_told_alone(detector, text) or found == [(0, len(text))]


def test_addresses_as_most_are_written_are_told_as_they_stand():
    assert is_told_alone(builtin("email"), b"jo.doe+x@mail.example.com")
    assert is_told_alone(builtin("ipv4"), b"10.255.3.0")


WHOLE = [
    b"10.1.2.3",
    b"10.0.0.1-10.0.0.9",
    b"user@example.com",
    b"aaa",
    b"bc",
    b"xy",
    b"127.0.0.1",
    b"a",
    b"123-45-6789",
]


@given(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=4) | st.lists(TEXTS, min_size=1, max_size=3))
def test_where_all_texts_are_said_to_be_whole_findings_each_is_one_and_has_no_other(texts):
    for scanner in (ALL, OWN):
        detector = scanner.whole(texts, Effort())
        expected = {index: [(0, len(text), detector)] for index, text in enumerate(texts)}

        assert detector is None or expected == scanner.find_many(texts)


def test_texts_of_one_kind_are_whole_findings_for_as_much_as_it_costs_to_find_them():
    texts = [b"123-45-67%02d" % n for n in range(9)]
    effort = Effort(2 * CANDIDATE * len(texts))

    names = [(detector := ALL.whole(texts, effort)) and detector.name for _ in range(3)]

    assert ["ssn", "ssn", None] == names


def test_addresses_are_whole_findings_however_many_there_are():
    detector = ALL.whole([b"10.0.0.%d" % n for n in range(9)], Effort(0))

    assert detector is not None
    assert detector.name == "ipv4"


def test_words_introduce_nothing_in_another_text():
    number = b"id=4111111111111111"

    assert {} == ALL.find_many([b"card", number])
    assert ALL.find(b"card " + number)


def test_a_pattern_that_takes_any_byte_finds_nothing_across_texts():
    scanner, texts = Scanner([custom("any", r"a\Cb", b"-")]), [b"a", b"b", b"a-b"]

    assert [0, 1, 2] == list(scanner.hits(texts))
    assert {2: [(0, 3)]} == {i: [(start, end) for start, end, _ in f] for i, f in scanner.find_many(texts).items()}


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


WORST = {
    "private_key": [b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----"],
    "url_credentials": [b"a://a@", b"a://a"],
    "jwt": [b"eyJaaaaaaaa", b"eyJaaaaaaaa.aa."],
    "aws_key": [b"secret", b"AKIAA"],
    "bearer_token": [b"bearer a", b"authorization: "],
    "email": [b"a@", b"a@b.", b"a.", b"%40"],
    "credit_card": [b"4111 ", b"4"],
    "iban": [b"DE89 3704 ", b"AA00"],
    "ssn": [b"123-45-", b"ssn"],
    "korean_rrn": [b"900101-1", b"rrn "],
    "us_passport": [b"passport "],
    "phone": [b"555-", b"phone +1(", b"+1 ", b"0"],
    "mac": [b"aa:", b"aa:bb:cc:dd:ee:01:"],
    "ipv6": [b"::", b":a", b"a:b:"],
    "ipv4": [b"1.", b"10.1.2.3-"],
    "api_key": [
        b"pwd=/",
        b"token={",
        b"token%3Dtrue%26",
        b'token="x"',
        b'token="***\\"',
        b"<token>",
        b"--token ",
        b"('token', '",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_text_of_what_is_almost_a_secret_takes_time_in_proportion(name):
    """
    Four times the text would take sixteen times as long if the time grew with the square.
    """
    scanner = Scanner([builtin(name)])
    for piece in WORST[name]:
        short, long = (piece * (size // len(piece)) for size in (1 << 14, 1 << 16))

        assert any(_seconds(scanner, long) < 8 * max(_seconds(scanner, short), 0.001) for _ in range(3)), piece


def _seconds(scanner, text):
    started = time.process_time()
    scanner.find(text)
    return time.process_time() - started


@pytest.mark.parametrize("length", [10, 1000])
@pytest.mark.parametrize("one_of", [1, 3, 40])
@pytest.mark.parametrize("secret", [b"a@b.org", b"a%40b.org", b"10.1.2.3", b"219-09-9999"])
def test_texts_with_a_finding_are_told_apart_however_long_they_are_and_however_many_have_one(secret, one_of, length):
    scanner = Scanner([builtin(name) for name in ("email", "ipv4", "ssn")])
    filler = b"x" * length + b" "
    texts = [filler + (secret if index % one_of == one_of - 1 else b"a@ 10.1 b") for index in range(200)]
    texts[17] = b"\xff" + secret[:-4]  # bytes that are no text: the rest of the secret is in the next one
    texts[18] = secret[-4:] + b"\xff"
    expected = [index for index, text in enumerate(texts) if index not in (17, 18) and secret in text]

    hits, suspects = scanner.hits(texts), scanner.suspects(texts, 200)

    assert set(expected) <= set(hits) <= {*expected, 17}
    assert sorted({*suspects[0], *suspects[1]}) == hits
