import dataclasses
import math
import operator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.errors import DropReason
from collector.testing import FakeClock
from exporters.prometheus_remote_write import write_v1
from exporters.prometheus_remote_write.native_histograms import Exponential, check
from exporters.prometheus_remote_write.rules import Delta, DeltaRules
from exporters.prometheus_remote_write.temporality import MOST_BUCKETS, OutOfOrderError, Totals, plus_exponential
from tests.exporters.prometheus_remote_write.messages import WriteRequest
from tests.exporters.prometheus_remote_write.translating import (
    NOW,
    QUIET,
    SECOND,
    items,
    series_of,
    translate,
    translator,
    values,
)


def delta(*points, kind="sum", **fields):
    return {"name": "d", "kind": kind, "temporality": "delta", "points": points, **fields}


def between(start, end, **fields):
    return {"start_time_unix_nano": NOW + int(start * SECOND), "time_unix_nano": NOW + end * SECOND, **fields}


def starts(translation):
    return [sample[1] - NOW // 10**6 for series in series_of(translation) for sample in series.samples.values()]


def test_deltas_are_added_up_from_batch_to_batch_and_keep_the_first_start():
    its = translator()
    first = translate(delta(between(0, 1, value=5), between(1, 2, value=2)), its=its)
    second = translate(delta(between(2, 3, value=0.5)), its=its)

    assert {"d_total": {1000: 5.0, 2000: 7.0}} == values(first, times=True)
    assert {"d_total": {3000: 7.5}} == values(second, times=True)
    assert [0, 0, 0] == starts(first) + starts(second)


def test_streams_are_added_up_each_on_its_own():
    its = translator()
    for start in range(3):
        points = [between(start, start + 1, value=n, attributes={"n": n}) for n in (1, 10)]
        translation = translate(delta(*points), its=its)

    assert {'d_total{n="1"}': 3.0, 'd_total{n="10"}': 30.0} == values(translation)


def test_a_sum_that_goes_up_and_down_is_added_up_to_a_gauge():
    points = between(0, 1, value=5), between(1, 2, value=-7)

    assert {"d": {1000: 5.0, 2000: -2.0}} == values(translate(delta(*points, is_monotonic=False)), times=True)


@pytest.mark.parametrize(
    "late",
    [
        between(0, 1, value=9),
        between(1, 2, value=9),
        between(0, 2, value=9),
        between(1.5, 3, value=9),
        between(0, 9, value=9),
    ],
)
def test_a_delta_about_a_time_that_is_in_the_total_is_counted_and_not_added(late, caplog):
    translation = translate(delta(between(0, 1, value=1), between(1, 2, value=1), late, between(2, 3, value=1)))

    assert {"d_total": {1000: 1.0, 2000: 2.0, 3000: 3.0}} == values(translation, times=True)
    assert (3, {DropReason.OUT_OF_ORDER: 1}) == (items(translation), translation.dropped)
    assert 1 == len(caplog.messages)


@pytest.mark.parametrize("start", [4, None])
def test_a_total_goes_on_where_points_are_missing_or_do_not_say_when_they_begin(start):
    later = {"value": 3, "time_unix_nano": NOW + 5 * SECOND} if start is None else between(start, 5, value=3)

    translation = translate(delta(between(0, 1, value=5), later))

    assert {"d_total": {1000: 5.0, 5000: 8.0}} == values(translation, times=True)
    assert [0, 0] == starts(translation)


async def test_a_stream_without_points_for_too_long_begins_anew():
    clock = FakeClock()
    its = translator(clock=clock)
    totals = []
    for pause in (0, 299, 301):
        await clock.advance(pause)
        now = int(clock.monotonic())
        translation = translate(delta(between(now, now + 1, value=1)), its=its)
        totals.append((values(translation)["d_total"], starts(translation)))

    assert [(1.0, [0]), (2.0, [0]), (1.0, [600_000])] == totals


def test_of_too_many_streams_the_one_that_was_fed_longest_ago_begins_anew():
    its = translator(dataclasses.replace(QUIET, delta=DeltaRules(max_streams=2)))
    last = {}
    for time, n in enumerate([1, 2, 1, 3, 1, 2]):
        last[n] = values(translate(delta(between(time, time + 1, value=1, attributes={"n": n})), its=its))

        assert len(its._totals) <= 2
    assert {1: {'d_total{n="1"}': 3.0}, 3: {'d_total{n="3"}': 1.0}, 2: {'d_total{n="2"}': 1.0}} == last


@pytest.mark.parametrize("kind", ["sum", "histogram", "exponential_histogram"])
def test_deltas_may_be_dropped_instead_and_are_counted(kind, caplog):
    rules = dataclasses.replace(QUIET, delta=DeltaRules(mode=Delta.DROP))
    point = between(0, 1, value=1) if kind == "sum" else between(0, 1, count=0)

    translation = translate(delta(point, point, kind=kind), {"name": "good"}, rules=rules)

    assert {"good": 1.0} == values(translation)
    assert {DropReason.UNSUPPORTED: 2} == translation.dropped
    assert "delta temporality" in caplog.messages[0]


def test_histograms_are_added_up_bucket_by_bucket():
    points = [
        between(0, 1, count=3, sum=1.5, explicit_bounds=[1], bucket_counts=[1, 2]),
        between(1, 2, count=1, sum=0.5, explicit_bounds=[1], bucket_counts=[1, 0]),
    ]

    translation = translate(delta(*points, kind="histogram"))

    assert {"d_sum": 2.0, "d_count": 4.0, 'd_bucket{le="1"}': 2.0, 'd_bucket{le="+Inf"}': 4.0} == values(translation)


def test_a_histogram_with_other_buckets_begins_anew():
    points = [
        between(0, 1, count=3, sum=1.5, explicit_bounds=[1], bucket_counts=[1, 2]),
        between(1, 2, count=1, explicit_bounds=[2], bucket_counts=[1, 0]),
    ]

    series = {series.labels.name: series for series in series_of(translate(delta(*points, kind="histogram")))}

    assert [0, 1000] == [sample[1] - NOW // 10**6 for sample in series["d_count"].samples.values()]
    assert 1 == len(series["d_sum"].samples)


def test_a_sum_that_was_missing_once_is_missing_from_then_on():
    points = [
        between(0, 1, count=3, sum=1.5, bucket_counts=[3]),
        between(1, 2, count=1, bucket_counts=[1]),
        between(2, 3, count=1, sum=1.0, bucket_counts=[1]),
    ]

    assert [1000] == list(values(translate(delta(*points, kind="histogram")), times=True)["d_sum"])


@pytest.mark.parametrize("kind", ["sum", "histogram", "exponential_histogram"])
def test_a_stream_that_ended_begins_anew(kind):
    point = {"value": 1} if kind == "sum" else {"count": 1, "sum": 1, **({"zero_count": 1} if kind[0] == "e" else {})}
    its = translator()
    for time, fields in enumerate([point, {"flags": 1}, point]):
        translation = translate(delta(between(time, time + 1, **fields), kind=kind), its=its)

    (series, *_) = series_of(translation)
    ((started),) = {
        *[sample[1] for sample in series.samples.values()],
        *[h.start for h in series.histograms.values()],
    }
    assert NOW // 10**6 + 2000 == started


def test_exponential_histograms_are_added_up_at_the_coarser_scale():
    fine = {"scale": 1, "positive": {"offset": 0, "bucket_counts": [1, 1, 1, 1]}}
    coarse = {"negative": {"offset": 2, "bucket_counts": [1]}, "positive": {"offset": 1, "bucket_counts": [2]}}
    points = between(0, 1, count=5, sum=4, zero_count=1, **fine), between(1, 2, count=3, sum=2, **coarse)

    translation = translate(delta(*points, kind="exponential_histogram"))

    histogram = WriteRequest.FromString(write_v1.encode(translation.streams)).timeseries[0].histograms[-1]
    assert (8, 6.0, 0, 1) == (histogram.count_int, histogram.sum, histogram.schema, histogram.zero_count_int)
    assert ([(1, 2)], [2, 2]) == (
        [(span.offset, span.length) for span in histogram.positive_spans],
        list(histogram.positive_deltas),
    )
    assert [(3, 1)] == [(span.offset, span.length) for span in histogram.negative_spans]


BUCKETS = st.tuples(
    st.integers(-(2**31), 2**31 - 42) | st.integers(-300, 300), st.lists(st.integers(0, 3), max_size=40)
)


@st.composite
def exponentials(draw):
    positive, negative, zeros = draw(BUCKETS), draw(BUCKETS), draw(st.integers(0, 3))
    count = zeros + sum(positive[1]) + sum(negative[1])
    threshold = draw(st.sampled_from([0.0, 1e-9, 0.5, 1e300]))
    return Exponential(draw(st.integers(-4, 2**31 - 1)), count, 1.0, zeros, threshold, positive, negative)


@given(exponentials(), exponentials())
def test_every_measurement_of_both_is_in_the_sum_which_stays_small(one, other):
    total = plus_exponential(one, other)
    assume(total)

    assert one.count + other.count == total.count
    assert total.count == total.zero_count + sum(total.positive[1]) + sum(total.negative[1])
    assert max(len(total.positive[1]), len(total.negative[1])) <= MOST_BUCKETS
    assert total.scale <= min(one.scale, other.scale)
    check(total)


@pytest.mark.parametrize(
    "odd",
    [{"count": 1, "positive": {"offset": 2**31 - 2, "bucket_counts": [1]}}, {"count": 2**63 - 1, "sum": math.nan}],
)
def test_a_total_that_prometheus_has_nothing_for_begins_anew_and_does_not_spoil_what_comes_later(odd):
    """
    No double is so far from another that 160 of the coarsest buckets do not have both: such a point is wrong.
    """
    right = {"count": 1, "positive": {"offset": 0, "bucket_counts": [1]}}
    points = [{"scale": 8, "sum": 1.0} | between(n, n + 1, **point) for n, point in enumerate([odd, right, right])]

    translation = translate(delta(*points, kind="exponential_histogram"))

    histograms = WriteRequest.FromString(write_v1.encode(translation.streams)).timeseries[0].histograms
    assert [odd["count"], 1, 2] == [histogram.count_int for histogram in histograms]
    assert {} == translation.dropped


def test_adding_does_not_depend_on_the_order():
    one = Exponential(3, 3, 1.0, 0, 0.0, (5, [1, 0, 2]), (0, []))
    other = Exponential(1, 2, 1.0, 1, 0.5, (-3, [1]), (0, []))

    assert plus_exponential(one, other) == plus_exponential(other, one)


def test_buckets_below_the_larger_zero_threshold_are_zero():
    total = plus_exponential(
        Exponential(0, 4, 1.0, 0, 0.0, (-2, [1, 1, 1, 1]), (0, [])), Exponential(0, 1, 0.0, 1, 1.0, (0, []), (0, []))
    )

    assert (3, 1.0, (0, [1, 1])) == (total.zero_count, total.zero_threshold, total.positive)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(0, 100))))
def test_a_total_is_what_was_added_and_time_never_goes_back(deltas):
    totals, taken, last = Totals(DeltaRules(), FakeClock()), 0, 0
    for time, length, value in deltas:
        try:
            total = totals.add("k", max(1, time - length), time, value, operator.add)
        except OutOfOrderError:
            continue
        taken += value
        assert (taken, time) == (total.value, total.time)
        assert last < time
        last = time
