"""
What is left of a parcel after each answer: everything is sent or given up once, in order.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import DropReason
from exporters.prometheus_remote_write.answers import Meaning, Verdict
from exporters.prometheus_remote_write.config import ProtobufMessage
from exporters.prometheus_remote_write.requests import (
    MOST_HALVINGS,
    Doubt,
    Load,
    lanes,
    write,
)
from exporters.prometheus_remote_write.series import (
    Exemplar,
    LabelSet,
    Metadata,
    NativeHistogram,
    Series,
    Stream,
    raw,
)

V1, V2 = ProtobufMessage.V1, ProtobufMessage.V2
WRITTEN = Verdict(Meaning.WRITTEN, "HTTP 204")
REFUSED = Verdict(Meaning.SOME_OF_IT, "HTTP 400: out of order", DropReason.OUT_OF_ORDER, is_about_data=True)
VAGUE = Verdict(Meaning.SOME_OF_IT, "HTTP 400")
HUGE = 1 << 30


def stream(name, times=(1,), suffixes=("",), items=None):
    """
    Return a stream of one data point for each time, each of which is a sample in every series.
    """
    series = {}
    for suffix in suffixes:
        labels = LabelSet({"__name__": f"{name}{suffix}"})
        series[labels.key] = Series(labels, Metadata(name), {time: (raw(time), 0) for time in times})
    identity = next(iter(series.values())).labels.identity
    return Stream(identity, series, len(times) if items is None else items)


def load_of(streams, version=V1):
    (piece,) = write(streams, version, HUGE)
    return Load(piece)


def points(piece):
    """
    Return (name, time) of what is in a piece, in its order.
    """
    found = {}
    for each in piece.request.streams:
        for series in each.series.values():
            for time in (*series.samples, *series.histograms):
                found[series.labels.name.removesuffix("_sum").removesuffix("_count"), time] = None
    return list(found)


def settle(load, bad, verdict=REFUSED):
    """
    Answer as a receiver that takes no request with a point of `bad` in it; return what it took and the requests.
    """
    taken, requests = [], 0
    while piece := load.next:
        requests += 1
        if bad & set(points(piece)):
            load.refused(verdict, HUGE)
        else:
            taken += points(piece)
            load.written(WRITTEN)
    return taken, requests


shapes = st.lists(
    st.lists(st.integers(1, 50), min_size=1, max_size=5, unique=True).map(sorted), min_size=1, max_size=30
)


@given(shapes, st.data())
def test_what_is_not_wanted_costs_nothing_else(shapes, data):
    streams = [stream(f"s{i}", times, ("_sum", "_count")) for i, times in enumerate(shapes)]
    every = [(f"s{i}", time) for i, times in enumerate(shapes) for time in times]
    bad = set(data.draw(st.lists(st.sampled_from(every), max_size=6)))
    load = load_of(streams)

    taken, requests = settle(load, bad)

    assert [point for point in every if point not in bad] == taken
    assert ({DropReason.OUT_OF_ORDER: len(bad)} if bad else {}) == load.report()[0]
    halvings = math.ceil(math.log2(len(streams))) + math.ceil(math.log2(max(map(len, shapes))))
    assert requests <= 1 + 2 * halvings * len(bad)


@pytest.mark.parametrize("version", [V1, V2])
def test_one_bad_series_among_thousands_costs_two_requests_for_each_halving(version):
    load = load_of([stream(f"s{i}") for i in range(4096)], version)

    taken, requests = settle(load, {("s3000", 1)})

    assert (4095, 25) == (len(taken), requests)
    assert ({DropReason.OUT_OF_ORDER: 1}, "HTTP 400: out of order") == load.report()


def test_ten_bad_series_among_thousands_are_all_found():
    load = load_of([stream(f"s{i}") for i in range(4096)])

    taken, _ = settle(load, {(f"s{400 * i + 7}", 1) for i in range(10)})

    assert 4086 == len(taken)
    assert {DropReason.OUT_OF_ORDER: 10} == load.report()[0]


def test_a_search_is_bounded_and_what_it_did_not_come_to_is_lost_and_counted():
    every = [(f"s{i}", 1) for i in range(4096)]
    load = load_of([stream(name) for name, _ in every])

    taken, requests = settle(load, set(every[::2]))

    assert requests <= 1 + 2 * MOST_HALVINGS
    assert 4096 == len(taken) + load.report()[0][DropReason.OUT_OF_ORDER]


def test_a_search_without_a_hint_ends_sooner():
    every = [(f"s{i}", 1) for i in range(4096)]
    load = load_of([stream(name) for name, _ in every])

    _, requests = settle(load, set(every), VAGUE)

    assert 33 == requests
    assert {DropReason.REJECTED_PERMANENT: 4096} == load.report()[0]


def test_whoever_refuses_everything_is_asked_less_and_less_and_whoever_does_not_as_often_as_before():
    doubt, streams = Doubt(), [stream(f"s{i}") for i in range(512)]
    every, asked, found = {(f"s{i}", 1) for i in range(512)}, [], None
    for bad in (*[every] * 6, {("s7", 1)}, every):
        (piece,) = write(streams, V1, HUGE)
        load = Load(piece, doubt.halvings)
        asked.append(settle(load, bad)[1])
        doubt.learn(load)
        found = load.report()[0] if len(bad) == 1 else found

    assert [257, 129, 65, 33, 25, 25, 19, 257] == asked
    assert {DropReason.OUT_OF_ORDER: 1} == found


def test_what_needs_no_search_says_nothing_about_searching():
    doubt, load = Doubt(), load_of([stream("s")])
    settle(load, {("s", 1)})

    doubt.learn(load)

    assert MOST_HALVINGS == doubt.halvings


def test_a_stream_is_cut_between_its_timestamps():
    load = load_of([stream("h", (10, 20, 30), ("_sum", "_count"))])
    load.refused(REFUSED, HUGE)
    first = load.next
    load.written(WRITTEN)

    assert ([("h", 10)], [("h", 20), ("h", 30)]) == (points(first), points(load.next))
    assert (1, 2) == (first.request.items, load.items)


def test_native_histograms_and_exemplars_go_with_their_time():
    labels = LabelSet({"__name__": "lat"})
    series = Series(labels, Metadata("lat"))
    series.histograms = {time: NativeHistogram(b"\x78" + bytes([time])) for time in (10, 20)}
    series.exemplars = [Exemplar((), raw(1.0), time) for time in (9, 10, 15)]
    load = load_of([Stream(labels.identity, {labels.key: series}, 2)], V2)

    load.refused(REFUSED, HUGE)

    first = load.next.request
    load.written(WRITTEN)
    second = load.next.request
    assert (1, 2) == (first.histograms, first.exemplars)
    assert (1, 1) == (second.histograms, second.exemplars)


@given(st.integers(1, 5), st.integers(0, 9))
def test_items_are_kept_where_there_are_more_or_fewer_than_timestamps(times, items):
    load = load_of([stream("s", range(1, times + 1), items=items)])

    settle(load, {("s", time) for time in range(1, times + 1)})

    assert items == sum(load.report()[0].values())


def test_what_was_lost_is_reported_once():
    load = load_of([stream("a"), stream("b")])
    load.refused(REFUSED, HUGE)
    load.refused(REFUSED, HUGE)

    assert {DropReason.OUT_OF_ORDER: 1} == load.report()[0]
    assert {} == load.report()[0]
    assert 1 == load.items


def test_a_request_written_anew_may_become_several_in_the_same_order():
    streams = [stream(f"a_metric_with_quite_a_name_{i}") for i in range(50)]
    (piece,) = write(streams, V2, HUGE)
    load, sent = Load(piece), []

    load.rewritten(V1, 1000)
    while piece := load.next:
        assert piece.version is V1
        assert len(piece.request.body) <= 1000
        sent += piece.request.streams
        load.written(WRITTEN)

    assert streams == sent


def test_what_is_refused_for_its_size_is_halved_into_requests_of_the_size_that_is_known_to_be_taken():
    load = load_of([stream(f"a_metric_with_quite_a_name_{i}") for i in range(50)])

    load.refused(Verdict(Meaning.SOME_OF_IT, reason=DropReason.LIMIT_ITEM, is_about_data=True), 500)

    assert len(load.next.request.body) <= 500
    assert 50 == load.items


@given(st.lists(st.integers(0, 99), max_size=50), st.integers(1, 9))
def test_a_stream_is_always_in_the_same_lane(serials, number):
    streams = [stream(f"s{serial}") for serial in serials]

    by_lane = lanes(streams, number)

    assert sorted(map(id, streams)) == sorted(id(each) for lane in by_lane.values() for each in lane)
    assert all(each.identity % number == lane for lane, inside in by_lane.items() for each in inside)


@pytest.mark.parametrize("items", [0, 1])
def test_target_info_has_a_lane_of_its_own_whoever_made_it(items):
    infos = [stream(name, items=items) for name in ("target_info", "shop_target_info")]

    assert {3: infos} == lanes(infos, 3)


def test_a_series_of_target_info_has_the_same_lane_beside_a_histogram_of_that_name():
    alone, beside = stream("target_info"), stream("target_info", suffixes=("_sum", ""))

    assert {3: [alone, beside]} == lanes([alone, beside], 3)
