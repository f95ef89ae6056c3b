import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import SHAPES, Batch, Signal
from collector.net import validation
from collector.net.bad_input import BadData, BadInput, TooLarge
from collector.net.validation import exceeds, validate
from collector.testing import make_batch
from tests.bad_input.messages import attribute, field, honest, resource, scope, span, text

SIGNALS = list(Signal)
LIMITS = {"max_items": 50, "max_record_size": 5000}


def outcome(signal, wire, **limits):
    """
    Return how many records were taken, or the kind of refusal.
    """
    try:
        return len(validate(signal, wire, **{**LIMITS, **limits}).batch)
    except BadInput as error:
        return type(error)


@pytest.fixture(params=["whole", "in parts"])
def size(request, monkeypatch):
    """
    Bodies over a mebibyte are looked at in parts; here all are, in parts of sixty-four bytes.
    """
    if request.param == "in parts":
        monkeypatch.setattr(validation, "MEDIUM", 0)
        monkeypatch.setattr(validation, "PART", 64)


def messages(depth=3):
    """Anything that looks like protobuf, for some numbers of fields."""
    leaf = st.binary(max_size=20)
    inner = st.recursive(
        leaf,
        lambda children: st.lists(st.builds(field, st.integers(1, 12), children), max_size=4).map(b"".join),
        max_leaves=12,
    )
    return st.one_of(inner, st.builds(lambda a, b: a + b, inner, inner))


@given(signal=st.sampled_from(SIGNALS), wire=st.binary(max_size=200) | messages())
def test_any_bytes_are_taken_exactly_if_the_official_parser_takes_them(signal, wire):
    try:
        SHAPES[signal].request.FromString(wire)
        expected = int
    except DecodeError:
        expected = BadData

    found = outcome(signal, wire)

    assert found is expected or (expected is int and isinstance(found, int))


@given(signal=st.sampled_from(SIGNALS), wire=messages())
def test_in_parts_the_outcome_is_that_of_the_whole(signal, wire):
    whole = outcome(signal, wire)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "MEDIUM", 0)
        patch.setattr(validation, "PART", 64)
        assert whole == outcome(signal, wire)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("items", [0, 1, 7, 50])
def test_what_is_within_limits_is_taken_and_counted(signal, items):
    assert items == outcome(signal, make_batch(signal, items=items, key="x" * 50).wire)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("signal", SIGNALS)
def test_one_record_too_many_is_too_large(signal):
    assert TooLarge is outcome(signal, make_batch(signal, items=51).wire)


@pytest.mark.usefixtures("size")
def test_one_record_too_many_is_too_large_however_the_records_are_spread():
    assert 50 == outcome(Signal.TRACES, span() * 50)
    assert TooLarge is outcome(Signal.TRACES, span() * 51)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("parent", [resource(b""), scope(b""), resource(field(2, b"") * 2)])
def test_parents_without_records_are_bounded_too(parent, monkeypatch):
    monkeypatch.setattr(validation, "MAX_PARENTS", 100)
    monkeypatch.setattr(validation, "SMALL", 0)

    assert 0 == outcome(Signal.TRACES, parent * 30)
    assert TooLarge is outcome(Signal.TRACES, parent * 400)


@pytest.mark.usefixtures("size")
def test_a_record_over_its_limit_is_too_large():
    assert 1 == outcome(Signal.TRACES, span(attribute(b"k", text(b"v" * 4900))))
    assert TooLarge is outcome(Signal.TRACES, span(attribute(b"k", text(b"v" * 5100))))


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
@given(cut=st.integers(1, 5000))
def test_the_beginning_of_a_body_tells_whether_it_has_too_many_records(signal, cut):
    wire = honest(signal, items=20).wire[:cut]

    assert not exceeds(signal, wire, 20)


def test_the_beginning_of_a_body_with_too_many_records_tells_so(monkeypatch):
    monkeypatch.setattr(validation, "MAX_PARENTS", 10)

    assert exceeds(Signal.TRACES, scope(field(2, b"") * 1000)[:500], 100)


@given(st.binary(max_size=300))
def test_the_beginning_of_a_body_may_be_anything(prefix):
    assert exceeds(Signal.TRACES, prefix, 50) in {True, False}


@pytest.mark.parametrize("wire", [resource(b"") * 4200, resource(field(2, b"") * 4200), resource(field(2, b"")) * 4200])
@pytest.mark.parametrize("records", [b"", honest().wire])
def test_resources_and_scopes_that_hold_nothing_are_too_many_long_before_there_are_as_many_as_records(wire, records):
    """
    Whoever walks through a request pays for each of them, and two bytes make one.
    """
    assert TooLarge is outcome(Signal.TRACES, wire + records)


def test_every_record_may_have_a_resource_and_a_scope_of_its_own():
    assert 2000 == outcome(Signal.TRACES, span() * 2000, max_items=2000)


def test_metrics_without_points_are_counted_too():
    assert TooLarge is outcome(Signal.METRICS, resource(field(2, field(2, b"") * 1100)))


def test_spans_that_were_looked_at_need_not_be_taken_apart_again():
    wire = make_batch(Signal.TRACES, 3).wire

    batch = validate(Signal.TRACES, wire, **LIMITS).batch

    assert batch.size == len(wire)
    assert batch.apart() is batch.apart()
    assert batch.apart().records == Batch(Signal.TRACES, wire=wire).apart().records
