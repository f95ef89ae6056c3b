import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import RECORD_SIGNALS, Batch, Signal
from collector.cutting import Most
from collector.testing import make_batch, make_logs, make_metrics, make_spans

SIGNALS = sorted(RECORD_SIGNALS)


def encoded(batch):
    return [record.SerializeToString() for record in batch.copy().records()]


def with_origin(batch):
    """
    Every record with the bytes of its resource.
    """
    resources, scopes, *_ = batch.shape.path
    request = batch.copy().request
    return [
        (resource.resource.SerializeToString(), scope.scope.SerializeToString(), record)
        for resource in resources(request)
        for record in encoded(batch.replace(alone(batch, resource)))
        for scope in [scopes(resource)[0]]
    ]


def alone(batch, resource):
    request = batch.shape.request()
    batch.shape.path[0](request).append(resource)
    return request.SerializeToString()


@st.composite
def batches(draw):
    signal = draw(st.sampled_from(SIGNALS))
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=8))
    return Batch.join([make_batch(signal, size, text=draw(st.text("a", max_size=200))) for size in sizes])


@given(batches(), st.integers(1, 9), st.integers(1, 2000), st.booleans())
def test_portions_hold_every_record_once_in_order_with_its_resource(batch, items, size, whole_records):
    portions = list(batch.portions(Most(items, size), whole_records=whole_records))

    assert with_origin(batch) == [record for portion in portions for record in with_origin(portion)]
    assert [len(portion) for portion in portions] == [len(Batch(batch.signal, wire=p.wire)) for p in portions]


@given(batches(), st.integers(1, 9), st.integers(1, 2000))
def test_no_portion_is_larger_than_its_bound_by_more_than_one_record_and_its_parents(batch, items, size):
    largest = max(map(len, encoded(batch)), default=0) + 100

    portions = list(batch.portions(Most(items, size)))

    assert all(len(portion) <= max(items, 1) or len(portion.wire) < largest for portion in portions)
    assert all(len(portion.wire) <= size + largest for portion in portions)


def test_a_resource_that_fits_is_not_cut():
    batch = Batch.join([make_batch(items=4) for _ in range(5)])

    assert [8, 8, 4] == [len(portion) for portion in batch.portions(Most(8, 4 * len(batch.wire) // 9))]


@pytest.mark.parametrize("make", [make_spans, make_logs])
def test_what_is_repeated_comes_to_no_more_than_four_times_of_what_it_is_repeated_for(make):
    """
    A sender decides how large a resource is: cut into single records, this would be a thousand times as much.
    """
    batch = make(*[{"attributes": {"n": i}} for i in range(1000)], resource={"text": "x" * 20_000})
    batch = Batch(batch.signal, wire=batch.wire)

    portions = list(batch.portions(Most(1, 100)))

    assert sum(len(portion.wire) for portion in portions) < 5 * len(batch.wire)
    assert 1000 == sum(map(len, portions))


def test_records_without_a_byte_are_cut_too():
    batch = Batch(Signal.LOGS, request=make_batch(Signal.LOGS).request)
    del batch.request.resource_logs[0].scope_logs[0].log_records[:]
    for _ in range(1000):
        batch.request.resource_logs[0].scope_logs[0].log_records.add()

    assert max(len(portion) for portion in batch.portions(Most(10, 1000))) <= 10


def test_a_metric_stays_whole_where_metrics_have_to_be():
    points = [{"value": i} for i in range(20)]
    batch = make_metrics({"name": "a", "points": points}, {"name": "b", "points": points})

    assert [20, 20] == [len(portion) for portion in batch.portions(Most(1, 1 << 20), whole_records=True)]
    assert [20, 20] == [len(portion) for portion in batch.portions(Most(20, 1 << 20))]
    assert 40 == len(list(batch.portions(Most(1, 1 << 20))))


def test_profiles_are_not_cut():
    batch = make_batch(Signal.PROFILES, 5)

    assert [batch] == list(batch.portions(Most(1, 1)))


TOMORROW = b"\xa2\x38\x02hi"
"""
A field of the request that has no name yet.
"""


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("items", [1, 2, 3, 100])
def test_what_a_request_has_besides_resources_is_in_one_portion(signal, items):
    one = make_batch(signal, 3).wire

    for wire in (TOMORROW + one + one, one + TOMORROW + one, one + one + TOMORROW):
        batch = Batch(signal, wire=wire)
        for pieces in (list(batch.portions(Most(items, 1 << 20))), list(batch.split(items))):
            assert 1 == sum(piece.wire.count(TOMORROW) for piece in pieces)
            assert 6 == sum(map(len, pieces))
