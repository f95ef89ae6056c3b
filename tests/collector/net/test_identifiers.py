import pytest

from collector.batch import Signal
from collector.net.validation import validate
from tests.bad_input.messages import field, span

GOOD = [
    field(1, b"t" * 16) + field(2, b"s" * 8),
    field(2, b"s" * 8) + field(1, b"t" * 16),
    field(5, b"name") + field(1, b"t" * 16) + field(2, b"s" * 8),
    field(1, b"short") + field(1, b"t" * 16) + field(2, b"s" * 8),
    field(1, bytes(8) + b"t" * 8) + field(2, bytes(7) + b"s"),
]
BAD = [
    b"",
    field(1, b"t" * 16),
    field(2, b"s" * 8),
    field(1, b"t" * 15) + field(2, b"s" * 8),
    field(1, b"t" * 16) + field(2, b"s" * 9),
    field(1, bytes(16)) + field(2, b"s" * 8),
    field(1, b"t" * 16) + field(2, bytes(8)),
    field(1, b"t" * 16) + field(2, b"s" * 8) + field(1, b"short"),
    field(1, b"t" * 16) + field(2, b"s" * 8) + field(2, b""),
]


def rejected(wire):
    return validate(Signal.TRACES, wire, max_items=100, max_record_size=1000).rejected


@pytest.mark.parametrize("ids", GOOD)
def test_valid_ids_are_taken_however_they_are_written(ids):
    assert 0 == rejected(span() + span(ids=ids) + span())


@pytest.mark.parametrize("ids", BAD)
def test_a_span_without_valid_ids_is_rejected(ids):
    assert 1 == rejected(span() + span(ids=ids) + span())


def test_an_id_given_twice_does_not_hide_behind_one_that_is_missing():
    twice = field(1, b"t" * 16) + field(2, b"s" * 8) + field(1, b"t" * 16)
    missing = field(2, b"s" * 8)

    assert 1 == rejected(span(ids=twice) + span(ids=missing))


def test_ids_of_links_are_not_those_of_the_span():
    link = field(13, field(1, b"short") + field(2, b""))

    assert 0 == rejected(span(link))


@pytest.mark.parametrize("half", [bytes(8) + b"t" * 8, b"t" * 8 + bytes(8), bytes(15) + b"t", b"t" + bytes(15)])
def test_ids_that_are_zero_in_part_need_no_second_look(half, monkeypatch):
    """
    Half of the tracers there are have 64-bit trace ids.
    """
    monkeypatch.setattr("collector.net.identifiers._is_valid", None)

    assert 0 == rejected(span(ids=field(1, half) + field(2, bytes(7) + b"s")) * 50)
