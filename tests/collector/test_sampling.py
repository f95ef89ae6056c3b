"""Thresholds, randomness and the trace state that carries them."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.sampling import (
    ALWAYS,
    NEVER,
    TraceState,
    adjusted_count,
    decode,
    decode_randomness,
    encode,
    probability,
    randomness,
    threshold,
    with_threshold,
)

LIKELY = bytes(9) + b"\xff" * 7
"""A trace id that passes every threshold."""
HALF = 1 << 55


@pytest.mark.parametrize(
    ("part", "written"), [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e6666666666666"), (1 / 3, "aaaaaaaaaaaaac")]
)
def test_probabilities_are_written_as_thresholds(part: float, written: str) -> None:
    assert encode(threshold(part)) == written
    assert probability(decode(written)) == pytest.approx(part)


# OpenTelemetry specification, "TraceState: Probability Sampling", table of "Converting floating-point probability"
@pytest.mark.parametrize(
    ("one_in", "three", "four", "five"),
    [
        (1, "0", "0", "0"),
        (2, "8", "8", "8"),
        (3, "aab", "aaab", "aaaab"),
        (5, "ccd", "cccd", "ccccd"),
        (10, "e66", "e666", "e6666"),
        (16, "f", "f", "f"),
        (100, "fd71", "fd70a", "fd70a4"),
        (1000, "ffbe7", "ffbe77", "ffbe76d"),
        (10_000, "fff972", "fff9724", "fff97247"),
        (100_000, "ffff584", "ffff583a", "ffff583a5"),
        (1_000_000, "ffffef4", "ffffef39", "ffffef391"),
    ],
)
def test_a_threshold_is_rounded_as_the_specification_shows(one_in: int, three: str, four: str, five: str) -> None:
    rounded = [encode(threshold(1 / one_in, precision)) for precision in (3, 4, 5)]

    assert rounded == [three, four, five]


@given(st.floats(2**-56, 1), st.integers(1, 14))
def test_a_rounded_threshold_lets_something_through_and_is_near(part: float, precision: int) -> None:
    rounded = threshold(part, precision)

    assert ALWAYS <= rounded < NEVER
    assert probability(rounded) == pytest.approx(part, rel=16.0 ** (1 - precision), abs=2**-56)


def test_what_is_no_probability_counts_as_the_nearest() -> None:
    assert (threshold(2.0), threshold(-1.0), threshold(inf)) == (ALWAYS, NEVER, ALWAYS)


def test_what_passed_stands_for_what_did_not() -> None:
    assert [adjusted_count(decode(text)) for text in ("0", "8", "c")] == [1, 2, 4]


def test_randomness_is_the_last_seven_bytes_of_the_id() -> None:
    assert randomness(bytes(range(16))) == 0x090A0B0C0D0E0F


@pytest.mark.parametrize("text", ["", "g", "0" * 15, "A", " 8"])
def test_what_is_no_threshold_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="is not a threshold"):
        decode(text)


@pytest.mark.parametrize("text", ["", "8", "0" * 15, "A" * 14])
def test_what_is_no_randomness_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="is not a randomness"):
        decode_randomness(text)


def test_a_trace_state_is_read() -> None:
    state = TraceState.parse(b"vendor=x , ot=th:c;k1:13;rv:0123456789abcd,t@sys=y")

    assert state == TraceState(decode("c"), 0x0123456789ABCD, ("k1:13",), (b"vendor=x", b"t@sys=y"))
    assert state.write() == b"ot=th:c;rv:0123456789abcd;k1:13,vendor=x,t@sys=y"


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (b"nonsense", "not a list of key=value"),
        (b"Upper=x", "not a list of key=value"),
        (b"a=" + b"x" * 257, "not a list of key=value"),
        (b",".join(b"k%d=v" % i for i in range(33)), "more than 32 members"),
        (b"ot=th:8,ot=th:c", "ot is there more than once"),
        (b"ot=th", "ot is not a list of key:value"),
        (b"ot=th:G", "th: 'G' is not a threshold: write 1 to 14 hexadecimal digits"),
        (b"ot=rv:1", "rv: '1' is not a randomness: write 14 hexadecimal digits"),
        (b"ot=k:" + b"x" * 255, "ot is longer than 256 characters"),
        (b"ot=th:8, ,\t,a=b", ""),
        (b"", ""),
    ],
)
def test_says_what_is_wrong_with_a_trace_state(state: bytes, fault: str) -> None:
    assert TraceState.parse(state).fault == fault


@given(st.binary(max_size=80) | st.text("ot=th:rv;,abc018 ", max_size=60).map(str.encode))
def test_what_was_written_is_read_again_and_what_others_wrote_stays(state: bytes) -> None:
    once = TraceState.parse(state)
    again = TraceState.parse(once.write())

    assert again[:4] == once[:4]
    assert again.write() == once.write()


def a_span(trace_state: str = "", trace_id: bytes = LIKELY) -> bytes:
    return Span(trace_id=trace_id, name="GET /", trace_state=trace_state).SerializeToString()


def state_after(before: str, threshold: int, explicit: int | None = None, trace_id: bytes = LIKELY) -> str:
    return str(Span.FromString(with_threshold(a_span(before, trace_id), threshold, explicit)).trace_state)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "ot=th:8"),
        ("vendor=x", "ot=th:8,vendor=x"),
        ("vendor=x,ot=k1:13", "ot=th:8;k1:13,vendor=x"),
        ("ot=th:4", "ot=th:8"),
        ("ot=th:c", "ot=th:c"),
        ("ot=th:nonsense,vendor=x", "ot=th:8,vendor=x"),
        ("not a trace state", "ot=th:8,not a trace state"),
    ],
)
def test_a_threshold_is_written_and_never_lowered(before: str, after: str) -> None:
    assert state_after(before, HALF) == after


def test_randomness_that_came_with_a_span_stays() -> None:
    assert state_after("ot=rv:f0000000000000", HALF) == "ot=th:8;rv:f0000000000000"
    assert state_after("ot=rv:f0000000000000", HALF, HALF) == "ot=th:8;rv:f0000000000000"


def test_randomness_that_is_not_that_of_the_id_is_written() -> None:
    assert state_after("", HALF, 0xF0 << 48, bytes(16)) == "ot=th:8;rv:f0000000000000"


@pytest.mark.parametrize("before", ["", "ot=th:c", "ot=rv:70000000000000"])
def test_a_threshold_that_a_span_cannot_have_passed_is_not_written(before: str) -> None:
    unlikely = bytes(16)

    assert "th" not in state_after(before, HALF, trace_id=unlikely)


def test_two_samplers_that_look_at_different_randomness_leave_no_threshold() -> None:
    assert state_after("ot=th:4", HALF, 0xF0 << 48) == ""


def test_a_threshold_for_which_there_is_no_room_takes_a_lower_one_with_it() -> None:
    rest = "k:" + "x" * 248

    assert state_after(f"ot=th:8;{rest}", decode("fff")) == f"ot={rest}"


def test_the_last_member_makes_room_for_one_more() -> None:
    full = ",".join(f"k{i}=v" for i in range(32))

    assert state_after(full, HALF) == "ot=th:8," + full.removesuffix(",k31=v")


@pytest.mark.parametrize("limit", [-1, NEVER])
def test_nothing_passes_a_threshold_that_is_none(limit: int) -> None:
    with pytest.raises(ValueError, match="is not a threshold that something passes"):
        with_threshold(a_span(), limit)


@pytest.mark.parametrize("before", ["", "vendor=x,ot=th:1"])
def test_fields_of_a_later_version_survive(before: str) -> None:
    unknown = b"\xf2\x3f\x03new"

    marked = with_threshold(a_span(before) + unknown, HALF)

    assert unknown in marked
    assert Span.FromString(marked).name == "GET /"


def test_of_a_trace_state_that_is_there_twice_the_last_one_counts() -> None:
    twice = a_span("ot=th:c") + b"\x1a\x07ot=th:4"

    marked = with_threshold(twice, HALF)

    assert Span.FromString(marked).trace_state == "ot=th:8"


@given(
    st.sampled_from(["", "a=b", "ot=th:2", "ot=rv:f8000000000000", "ot=th:a;rv:f8000000000000,a=b", "ot=k:v"]),
    st.lists(st.integers(0, 0xF8 << 48), min_size=2, max_size=2),
)
def test_the_order_of_samplers_makes_no_difference(before: str, thresholds: list[int]) -> None:
    def passed(span: bytes, order: list[int]) -> bytes:
        for each in order:
            span = with_threshold(span, each)
        return TraceState.parse(Span.FromString(span).trace_state.encode()).write()

    assert passed(a_span(before), thresholds) == passed(a_span(before), thresholds[::-1])
