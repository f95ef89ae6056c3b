from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from collector.apart import with_records
from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.testing import make_batch, make_spans


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


def test_batches_of_several_senders_keep_only_what_is_true_of_all_of_them():
    """
    Else spans of one would be given the tenant of another one.
    """
    one, other = make_batch(), make_batch()
    one.metadata = {"client.address": "10.0.0.1", "x-tenant": "one", "host": "otlp"}
    other.metadata = {"client.address": "10.0.0.2", "host": "otlp"}

    assert {"host": "otlp"} == Batch.join([one, other]).metadata


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


def parsed(batch):
    return SHAPES[batch.signal].request.FromString(batch.wire)


@given(batches())
def test_what_was_taken_apart_is_the_same_when_it_is_put_together(batch):
    apart = batch.apart()
    again = batch.replace(apart)

    assert [len(piece) for piece in apart.records] == [len(piece) for piece in again.apart().records]
    assert len(batch) == len(again) == sum(map(len, apart.records))
    assert parsed(batch) == parsed(again)
    assert not batch.count_in(apart.around)


@given(batches(), st.data())
def test_records_are_changed_in_what_was_taken_apart_and_nowhere_else(batch, data):
    before = parsed(batch)
    apart = batch.apart()
    lists = [data.draw(st.permutations(records)) for records in apart.records]

    other = batch.replace(apart._replace(records=lists), len(batch))

    assert [record for records in lists for record in records] == encoded(other.copy())
    assert parsed(other.replace(apart)) == before == parsed(batch)


def test_other_records_have_to_be_as_many_lists():
    batch = make_batch(Signal.TRACES, 2)

    with pytest.raises(ValueError, match="argument"):
        _ = batch.replace(batch.apart()._replace(records=[[], []])).wire


def test_whoever_asks_for_the_bytes_does_not_hold_all_records_twice():
    batch = make_batch(Signal.TRACES, 3)
    apart = batch.apart()

    assert batch.apart() is apart
    assert batch.wire
    assert batch.apart() is not apart


def test_the_size_of_what_is_apart_is_nearly_that_of_its_bytes():
    batch = make_batch(Signal.LOGS, 100, text="x" * 50)
    apart = batch.replace(batch.apart())

    assert apart.size == pytest.approx(batch.size, rel=0.05)
    assert apart.size == pytest.approx(len(apart.wire), rel=0.05)


@pytest.mark.parametrize("signal", sorted(RECORD_SIGNALS))
def test_it_is_known_which_bytes_a_request_holds_in_whatever_form_it_is(signal):
    given = Batch.join([make_batch(signal, 2), make_batch(signal, 1, needle=1)])
    forms = [given, given.replace(given.apart()), Batch(signal, request=given.copy().request)]

    assert [True] * 3 == [batch.holds(b"needle") for batch in forms]
    assert [False] * 3 == [batch.holds(b"pin") for batch in forms]
    assert [True] * 3 == [b"needle" in batch.content() for batch in forms]
    assert [False] * 3 == [b"pin" in batch.content() for batch in forms]


def test_bytes_around_records_are_held_too():
    given = make_spans({}, resource={"needle": 1})

    assert given.replace(given.apart()).holds(b"needle")
    assert b"needle" in given.replace(given.apart()).content()


def test_a_request_that_is_searched_stays_in_the_form_that_it_is_in():
    given = make_batch(Signal.TRACES, 2)
    apart = given.apart()

    assert given.content() is given.wire
    assert not given.is_apart
    for batch in (given.replace(apart), Batch(Signal.TRACES, wire=given.wire, apart=apart)):
        assert batch.content()
        assert batch.is_apart
        assert batch.apart() is apart


@given(batches(), st.data())
def test_scopes_and_resources_without_records_go_where_records_are_dropped(batch, data):
    before, apart = parsed(batch), batch.apart()
    wanted = [data.draw(st.booleans()) for _ in apart.records]
    records = [each if is_wanted else [] for each, is_wanted in zip(apart.records, wanted, strict=True)]

    left = with_records(apart, records, batch.shape.path)

    expected = Batch(batch.signal, request=parsed(batch))
    kept = chain.from_iterable(repeat(kept, len(each)) for each, kept in zip(apart.records, wanted, strict=True))
    expected.keep(lambda _: next(kept))
    assert parsed(batch.replace(left)) == expected.request
    assert bool(left) == any(records)
    assert parsed(batch.replace(apart)) == before


def test_a_resource_that_is_given_in_parts_is_whole_in_each_piece():
    """
    Parsers merge a message that comes twice where it should come once.
    """
    (first, second) = [make_spans({}, {}, resource={key: 1}).request.resource_spans[0] for key in "ab"]
    parts = first.SerializeToString() + ResourceSpans(resource=second.resource).SerializeToString()
    whole = Batch(Signal.TRACES, wire=b"\x0a" + bytes([len(parts) & 0x7F | 0x80, len(parts) >> 7]) + parts)

    pieces = [parsed(piece).resource_spans[0].resource for piece in whole.split(1)]

    assert [["a", "b"]] * 2 == [[pair.key for pair in resource.attributes] for resource in pieces]
