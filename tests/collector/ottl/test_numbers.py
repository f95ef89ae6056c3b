"""
A record of which a condition on a number is true is never passed over, however its number is written.
"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collector.ottl.condition import Context, PointOf, parse_condition, parsed
from collector.records.views import Span
from collector.testing.otlp import make_metric, make_span

_ATTRIBUTES = 9
_EXACT = 2**53


def varint(number, more=0):
    """
    Written with `more` bytes than it needs.
    """
    number &= 2**64 - 1
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    for _ in range(min(more, 10 - len(found))):
        found[-1] |= 0x80
        found.append(0)
    return bytes(found)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def span_with(value):
    return field(_ATTRIBUTES, field(1, b"k") + field(2, value))


def holds(text, wire):
    condition = parsed(text, Context.SPAN)
    return condition.may_hold(wire), condition.ask(Span(wire))


NUMBERS = st.sampled_from([0, 1, -1, 127, 128, 404, -_EXACT + 1, _EXACT - 1]) | st.integers(-_EXACT + 1, _EXACT - 1)


@given(NUMBERS, st.integers(0, 4), st.integers(0, 9), st.booleans())
def test_an_integer_is_found_however_long_it_is_written(number, longer_tag, longer, is_double):
    value = varint(3 << 3, longer_tag) + varint(number, longer)
    text = f"{number}.0" if is_double else str(number)

    assert AnyValue.FromString(value).int_value == number
    assert holds(f'attributes["k"] == {text}', span_with(value)) == (True, True)
    assert holds(f'{text} == attributes["k"]', span_with(value)) == (True, True)


@given(NUMBERS | st.floats(-1e15, 1e15), st.integers(0, 4))
def test_a_double_is_found_by_the_number_that_it_equals(number, longer_tag):
    value = varint(4 << 3 | 1, longer_tag) + struct.pack("<d", number)
    text = f"{number:.40f}" if isinstance(number, float) else str(number)

    may_hold, is_true = holds(f'attributes["k"] == {text}', span_with(value))

    assert may_hold or not is_true


def test_zero_with_a_sign_is_zero():
    value = varint(4 << 3 | 1) + struct.pack("<d", -0.0)

    assert holds('attributes["k"] == 0', span_with(value)) == (True, True)


@pytest.mark.parametrize("number", [_EXACT, -_EXACT, 2**63 - 1])
def test_integers_that_a_double_cannot_tell_apart_are_all_found(number):
    value = varint(4 << 3 | 1) + struct.pack("<d", float(number))

    assert holds(f'attributes["k"] == {number}', span_with(value)) == (True, True)


def test_a_record_with_another_number_is_not_looked_at():
    wire = span_with(varint(3 << 3) + varint(200))

    assert [False, False] == [parsed(f'attributes["k"] == {text}', Context.SPAN).may_hold(wire) for text in (404, 5.5)]


def test_a_list_with_the_number_or_its_text_does_not_equal_it():
    for value in (field(1, b"404"), field(5, field(1, varint(3 << 3) + varint(404)))):
        assert holds('attributes["k"] == 404', span_with(value))[1] is False


def test_numbers_of_64_bits_have_a_sign_as_in_the_collector():
    late = make_span(start_time_unix_nano=(1 << 63) + 5, end_time_unix_nano=(1 << 64) - 1)
    metric = make_metric(kind="histogram", points=[{"count": 1 << 63}])

    times = "start_time_unix_nano == -9223372036854775803 and end_time_unix_nano == -1"
    assert parse_condition(times, Context.SPAN)(late)
    assert parse_condition("end_time_unix_nano - start_time_unix_nano == 9223372036854775802", Context.SPAN)(late)
    assert parse_condition("count < 0", Context.DATAPOINT)(PointOf(metric.points[0], metric))
