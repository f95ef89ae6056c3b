import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.testing import make_batch


@st.composite
def batches(draw):
    """
    Batches of any signal with a few resources, some of them empty.
    """
    signal = draw(st.sampled_from(sorted(RECORD_SIGNALS)))
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    return Batch.join([make_batch(signal, size) for size in sizes])


def encoded(batch):
    return [record.SerializeToString() for record in batch.records()]


@given(batches(), st.data())
def test_keep_is_filter(batch, data):
    """
    `keep` agrees with `filter` on what survives, and in which order.
    """
    before = encoded(batch)
    chosen = data.draw(st.sets(st.sampled_from(before))) if before else set()

    batch.keep(lambda record: record.SerializeToString() in chosen)

    assert [r for r in before if r in chosen] == encoded(batch)


@given(batches())
def test_keeping_nothing_leaves_nothing_behind(batch):
    """
    No empty resources or scopes are sent on: backends bill or reject them.
    """
    batch.keep(lambda record: False)

    assert b"" == batch.wire


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_a_copy_shares_nothing(signal):
    original = make_batch(signal, user="alice")

    for record in original.copy().records():
        record.attributes[0].value.string_value = "mallory"

    (record,) = original.records()
    assert "alice" == record.attributes[0].value.string_value


@given(batches())
def test_decode_undoes_encode(batch):
    assert batch == Batch.decode(batch.signal, batch.wire)


@given(batches(), st.integers(1, 7))
def test_split_keeps_every_record_in_order_and_its_size(batch, size):
    before = encoded(batch.copy())

    pieces = list(batch.split(size))

    assert before == [record for piece in pieces for record in encoded(piece.copy())]
    assert all(len(piece) <= size for piece in pieces)
    assert len(before) == sum(map(len, pieces))


def test_metrics_that_are_cut_keep_their_name_on_both_sides():
    first, second = make_batch(Signal.METRICS, 4).split(2)

    names = [b.request.resource_metrics[0].scope_metrics[0].metrics[0].name for b in (first, second)]
    assert ["metric", "metric"] == names


def test_records_of_one_parent_stay_under_one_parent():
    whole = Batch.join([make_batch(Signal.TRACES, 6)])

    pieces = list(whole.split(4))

    assert [1, 1] == [len(piece.request.resource_spans) for piece in pieces]


def test_batches_of_two_signals_do_not_join():
    with pytest.raises(ValueError, match="cannot join"):
        Batch.join([make_batch(Signal.TRACES), make_batch(Signal.LOGS)])


def test_profiles_do_not_join():
    """
    Their requests share a dictionary, which joining the bytes would mix up.
    """
    profile = Batch(Signal.PROFILES, wire=b"")

    with pytest.raises(ValueError, match="cannot join"):
        Batch.join([profile, profile.copy()])


@given(batches())
def test_counting_the_wire_and_the_message_agree(batch):
    from_wire = len(batch.copy())

    assert from_wire == batch.count_in(SHAPES[batch.signal].request.FromString(batch.wire))
