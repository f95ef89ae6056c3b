"""
Bytes of both protocols, against the vectors of the specifications and against message classes of a test's own.
"""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.prometheus_remote_write import write_v1, write_v2
from exporters.prometheus_remote_write.series import (
    STALE,
    Exemplar,
    LabelSet,
    Metadata,
    NativeHistogram,
    Series,
    Stream,
    count,
    raw,
)
from tests.exporters.prometheus_remote_write.messages import Request, WriteRequest, is_known, labels_v1, labels_v2

NOW, START = 1_700_000_000_000, 1_699_999_940_000


def stream_of(*series, items=1):
    return Stream(series[0].labels.identity, {each.labels.key: each for each in series}, items)


def counter(value=42.0, start=START, timestamp=NOW, **labels):
    labels = LabelSet({"__name__": "http_requests_total", "job": "shop/cart"} | labels)
    metadata = Metadata("http_requests_total", 1, "h")
    return Series(labels, metadata, {timestamp: (raw(value) if isinstance(value, float) else value, start)})


def test_a_counter_in_version_1():
    """
    WriteRequest: timeseries=1 (labels=1, samples=2), metadata=3.
    """
    expected = (
        "0a450a1f0a085f5f6e616d655f5f1213687474705f72657175657374735f746f74616c0a100a036a6f62120973686f702f63617274"
        "12100900000000000045401080d095ffbc311a1a08011213687474705f72657175657374735f746f74616c220168"
    )

    assert expected == write_v1.encode([stream_of(counter())], [counter().metadata]).hex()


def test_a_counter_in_version_2():
    """
    Request: symbols=4, of which the first is empty, timeseries=5 (labels_refs=1, samples=2, metadata=5).
    """
    expected = (
        "220022085f5f6e616d655f5f2213687474705f72657175657374735f746f74616c22036a6f62220973686f702f63617274220168"
        "2a250a040102030412170900000000000045401080d095ffbc3118a0fb91ffbc312a0408011805"
    )

    assert expected == write_v2.encode([stream_of(counter())]).hex()


def test_a_stale_marker_is_written_bit_by_bit():
    stale = stream_of(counter(STALE, start=0))

    for body in (write_v1.encode([stale]), write_v2.encode([stale])):
        assert bytes.fromhex("09020000000000f07f1080d095ffbc31") in body


@pytest.mark.parametrize("timestamp", [0, 1, 2**35 - 1, 2**35, 2**42 - 1, 2**42, 2**63 - 1, -1, -(2**63)])
def test_timestamps_of_any_length(timestamp):
    stream = stream_of(counter(timestamp=timestamp, start=7))

    v1 = WriteRequest.FromString(write_v1.encode([stream])).timeseries[0].samples[0]
    v2 = Request.FromString(write_v2.encode([stream])).timeseries[0].samples[0]
    assert (42.0, timestamp) == (v1.value, v1.timestamp)
    assert (42.0, timestamp, 7) == (v2.value, v2.timestamp, v2.start_timestamp)


def test_samples_and_histograms_of_one_name_are_two_series_in_version_2():
    both = counter()
    both.histograms = {NOW: NativeHistogram(bytes.fromhex("0804"), START)}

    request = Request.FromString(write_v2.encode([stream_of(both)]))

    assert [(1, 0), (0, 1)] == [(len(each.samples), len(each.histograms)) for each in request.timeseries]
    assert START == request.timeseries[1].histograms[0].start_timestamp


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
BITS = st.binary(min_size=8, max_size=8)
TIMES = st.integers(0, 2**45)
SERIES = st.builds(
    lambda name, labels, samples, exemplars, metadata: (
        LabelSet(labels | {"__name__": name}),
        samples,
        exemplars,
        metadata,
    ),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=5),
    st.dictionaries(TIMES, st.tuples(BITS, TIMES), min_size=1, max_size=3),
    st.lists(st.builds(Exemplar, st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple), BITS, TIMES), max_size=2),
    st.builds(Metadata, TEXT, st.integers(0, 7), TEXT, TEXT),
)


def build(parts):
    streams = {}
    for labels, samples, exemplars, metadata in parts:
        series = Series(labels, metadata, dict(sorted(samples.items())))
        series.exemplars = exemplars
        streams[labels.key] = stream_of(series)
    return list(streams.values())


def read_v1(body):
    request = WriteRequest.FromString(body)
    assert is_known(request)
    return [
        (
            labels_v1(each.labels),
            [(struct.pack("<d", s.value), s.timestamp) for s in each.samples],
            [(labels_v1(e.labels), struct.pack("<d", e.value), e.timestamp) for e in each.exemplars],
        )
        for each in request.timeseries
    ]


def read_v2(body):
    request = Request.FromString(body)
    assert is_known(request)
    assert len(request.symbols) == len(set(request.symbols))
    assert "" == request.symbols[0]
    return [
        (
            labels_v2(request, each.labels_refs),
            [(struct.pack("<d", s.value), s.timestamp) for s in each.samples],
            [(labels_v2(request, e.labels_refs), struct.pack("<d", e.value), e.timestamp) for e in each.exemplars],
        )
        for each in request.timeseries
    ]


@settings(max_examples=50)
@given(st.lists(SERIES, max_size=8))
def test_both_versions_say_the_same(parts):
    streams = build(parts)
    expected = [
        (
            dict(series.labels.pairs),
            [(sample[0], timestamp) for timestamp, sample in series.samples.items()],
            [(dict(e.labels), e.value, e.timestamp) for e in series.exemplars],
        )
        for stream in streams
        for series in stream.series.values()
    ]

    assert expected == read_v1(write_v1.encode(streams)) == read_v2(write_v2.encode(streams))


@settings(max_examples=50)
@given(st.lists(SERIES, max_size=8), st.integers(1, 600))
@pytest.mark.parametrize(("write", "read"), [(write_v1, read_v1), (write_v2, read_v2)])
def test_cut_requests_hold_everything_once_and_in_order_and_are_no_larger_than_asked(write, read, parts, limit):
    streams = build(parts)

    cut = list(write.requests(streams, limit))

    assert streams == [stream for request in cut for stream in request.streams]
    assert read(write.encode(streams)) == [series for request in cut for series in read(request.body)]
    assert all(len(request.body) <= limit or len(request.streams) == 1 for request in cut)
    assert len(streams) == sum(request.items for request in cut)
    assert all(count(request.streams) == (request.samples, request.histograms, request.exemplars) for request in cut)


def test_a_request_that_was_cut_carries_no_text_of_the_next_one():
    streams = [stream_of(counter(route=f"/{index:0100d}")) for index in range(3)]

    bodies = [request.body for request in write_v2.requests(streams, 300)]

    assert [write_v2.encode([stream]) for stream in streams] == bodies


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_label_sets_are_sorted_unique_and_without_empty_texts(labels):
    pairs = LabelSet(labels).pairs

    assert sorted(pairs, key=lambda pair: pair[0].encode()) == list(pairs)
    assert {name: value for name, value in labels.items() if name and value} == dict(pairs)


def test_what_one_histogram_becomes_has_one_identity_and_so_has_a_metric_of_the_same_name():
    base = {"job": "shop", "route": "/"}
    names = ["lat", "lat_sum", "lat_count", "lat_bucket", "lat_count_sum"]
    sets = [LabelSet({**base, "__name__": name}) for name in names]
    sets.append(LabelSet({**base, "__name__": "lat_bucket", "le": "0.5"}))

    assert 1 == len({labels.identity for labels in sets})
    assert sets[0].identity != LabelSet({**base, "__name__": "other"}).identity
    assert sets[0].identity != LabelSet({**base, "__name__": "lat", "route": "/a"}).identity
