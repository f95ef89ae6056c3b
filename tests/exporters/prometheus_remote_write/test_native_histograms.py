import itertools
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from exporters.prometheus_remote_write import write_v1, write_v2
from exporters.prometheus_remote_write.native_histograms import UnsupportedError, layout, native, read, stale
from exporters.prometheus_remote_write.series import STALE, LabelSet, Metadata, Series, Stream
from tests.exporters.prometheus_remote_write.messages import Request, WriteRequest

NOW = 1_700_000_000_000


def spans_and_deltas(text):
    spans, _, deltas = text.rpartition(" ")
    numbers = [tuple(map(int, span.strip("{}").split(","))) for span in spans.replace("},{", "} {").split()]
    return numbers, [int(delta) for delta in deltas.split(",")] if deltas else []


LONG, SHORT = [4, 2, 0, 2, *[0] * 12, 1], [4, 2, 0, 2, *[0] * 8, 1]


@pytest.mark.parametrize(
    ("offset", "counts", "expected"),
    [
        (0, [4, 3, 2, 1], ["{1,4} 4,-1,-1,-1", "{1,2} 7,-4", "{1,1} 10"]),
        (1, [4, 3, 2, 1], ["{2,4} 4,-1,-1,-1", "{1,3} 4,1,-4", "{1,2} 9,-8"]),
        (4, LONG, ["{5,4},{12,1} 4,-2,-2,2,-1", "{3,2},{6,1} 6,-4,-1", "{2,1},{3,1} 8,-7"]),
        (4, SHORT, ["{5,4},{8,1} 4,-2,-2,2,-1", "{3,2},{4,1} 6,-4,-1", "{2,4} 8,-8,0,1"]),
        (-2, [3, 1, 0, 0, 0, 1], ["{-1,2},{3,1} 3,-2,0", "{0,3} 4,-4,1", "{0,2} 4,-3"]),
        (-2, [3, 1, 0, 1, 0, 1], ["{-1,6} 3,-2,-1,1,-1,1", "{0,3} 4,-3,0", "{0,2} 4,-2"]),
        (-2, [3, 0, 0, 1, 0, 0, 1], ["{-1,7} 3,-3,0,1,-1,0,1", "{0,4} 3,-2,-1,1", "{0,3} 3,-2,0"]),
        (7, [], ["", "", ""]),
        (3, [10, 0, 0, 20, 5, 2], ["{4,6} 10,-10,0,20,-15,-3"]),
        (0, [0, 0, 0, 1], ["{4,1} 1"]),
        (0, [1, 0, 0, 0, 0], ["{1,1} 1"]),
        (-1, [10, 0, 0, 20, 5, 2], ["{0,6} 10,-10,0,20,-15,-3"]),
    ],
)
def test_layouts(offset, counts, expected):
    assert [spans_and_deltas(text) for text in expected] == [
        layout((offset, counts), shift) for shift in range(len(expected))
    ]


def counts_of(spans, deltas):
    """
    Buckets by index, as a receiver reads them.
    """
    at, numbers = 0, itertools.accumulate(deltas)
    answer = {}
    for gap, length in spans:
        at += gap
        for _ in range(length):
            answer[at] = next(numbers)
            at += 1
    assert next(numbers, None) is None
    return {index: number for index, number in answer.items() if number}


@given(st.integers(-50, 50), st.lists(st.integers(0, 3)), st.integers(0, 4))
def test_layouts_hold_every_measurement_in_the_bucket_of_its_upper_bound(offset, counts, shift):
    expected = {}
    for index, number in enumerate(counts, offset):
        upper = math.floor(index / 2**shift) + 1
        expected[upper] = expected.get(upper, 0) + number

    assert {index: number for index, number in expected.items() if number} == counts_of(
        *layout((offset, counts), shift)
    )


def point(**fields):
    positive, negative = fields.pop("positive", (0, [])), fields.pop("negative", (0, []))
    made = ExponentialHistogramDataPoint(**fields)
    for buckets, (offset, counts) in ((made.positive, positive), (made.negative, negative)):
        buckets.offset = offset
        buckets.bucket_counts.extend(counts)
    return made


FULL = {"count": 5, "sum": 10.1, "scale": 1, "zero_count": 1, "positive": (1, [1, 1]), "negative": (1, [1, 1])}


def written(histogram):
    labels = LabelSet({"__name__": "lat"})
    series = Series(labels, Metadata("lat", 3))
    series.histograms = {NOW: histogram}
    return Stream(labels.identity, {labels.key: series}, 1)


def sent(**fields):
    stream = written(native(read(point(**fields)), NOW, 0))
    return WriteRequest.FromString(write_v1.encode([stream])).timeseries[0].histograms[0]


def test_a_whole_point():
    histogram = sent(**FULL)

    assert (5, 10.1, 1, 1e-128, 1) == (
        histogram.count_int,
        histogram.sum,
        histogram.schema,
        histogram.zero_threshold,
        histogram.zero_count_int,
    )
    for spans, deltas in (
        (histogram.positive_spans, histogram.positive_deltas),
        (histogram.negative_spans, histogram.negative_deltas),
    ):
        assert ([(2, 2)], [1, 0]) == ([(span.offset, span.length) for span in spans], list(deltas))
    assert (0, NOW) == (histogram.reset_hint, histogram.timestamp)


def test_a_native_histogram_in_version_2():
    expected = (
        "220022085f5f6e616d655f5f22036c61742a330a0201021a2908041900000000000025402002299d978ccf08ba5b253001"
        "5a0408041002620202027880d095ffbc312a020803"
    )
    histogram = native(read(point(count=4, sum=10.5, scale=1, zero_count=1, positive=(1, [1, 2]))), NOW, 0)

    assert expected == write_v2.encode([written(histogram)]).hex()


@pytest.mark.parametrize(
    ("scale", "schema", "spans", "deltas"),
    [(9, 8, [(1, 2)], [1, 1]), (8, 8, [(2, 3)], [1, 0, 0]), (-4, -4, [(2, 3)], [1, 0, 0])],
)
def test_a_scale_that_is_too_fine_is_made_coarser(scale, schema, spans, deltas):
    histogram = sent(count=3, sum=1.0, scale=scale, positive=(1, [1, 1, 1]))

    assert schema == histogram.schema
    assert spans == [(span.offset, span.length) for span in histogram.positive_spans]
    assert deltas == list(histogram.positive_deltas)


def test_the_zero_threshold_of_a_point_is_kept():
    assert 0.5 == sent(**FULL, zero_threshold=0.5).zero_threshold


def test_the_start_is_for_version_2_only():
    stream = written(native(read(point(**FULL)), NOW, NOW - 5))

    assert NOW - 5 == Request.FromString(write_v2.encode([stream])).timeseries[0].histograms[0].start_timestamp
    assert b"\x88\x01" not in write_v1.encode([stream])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scale": -5}, "scale -5"),
        ({"sum": None}, "no sum"),
        ({"count": 6}, "of 6 has 5"),
        ({"count": 4, "sum": math.nan}, "of 4 has 5"),
        ({"zero_threshold": -1.0}, "zero threshold"),
        ({"zero_threshold": math.nan}, "zero threshold"),
        ({"positive": (2**31 - 1, [1, 1])}, "index"),
    ],
)
def test_what_receivers_would_refuse_is_not_sent(change, why):
    with pytest.raises(UnsupportedError, match=why):
        sent(**(FULL | change))


def test_measurements_that_are_no_numbers_are_in_no_bucket():
    assert 6 == sent(**(FULL | {"count": 6, "sum": math.nan})).count_int


def test_an_empty_histogram_needs_no_sum():
    histogram = sent(scale=3)

    assert (0, 0.0, 0) == (histogram.count_int, histogram.sum, len(histogram.positive_spans))


def test_the_end_of_a_series_is_a_stale_sum():
    histogram = WriteRequest.FromString(write_v1.encode([written(stale(NOW))])).timeseries[0].histograms[0]

    assert STALE == struct.pack("<d", histogram.sum)
    assert (0, NOW) == (histogram.count_int, histogram.timestamp)
