import struct

import pytest

from collector.errors import DropReason
from collector.testing import make_metrics
from exporters.prometheus_remote_write.distributions import number_text
from exporters.prometheus_remote_write.series import STALE, Exemplar
from tests.exporters.prometheus_remote_write.translating import (
    NOW,
    SECOND,
    items,
    number,
    series_of,
    text,
    translate,
    translator,
    values,
)

INF = float("inf")


def histogram(*points):
    return {"name": "h", "kind": "histogram", "points": points}


def summary(*points):
    return {"name": "s", "kind": "summary", "points": points}


def exponential(*points):
    return {"name": "e", "kind": "exponential_histogram", "points": points}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100.0, "100"),
        (0.5, "0.5"),
        (1e-9, "0.000000001"),
        (1e16, "10000000000000000"),
        (INF, "+Inf"),
        (-INF, "-Inf"),
        (float("nan"), "NaN"),
        (-2.5, "-2.5"),
        (0.0, "0"),
        (0.1, "0.1"),
    ],
)
def test_bounds_are_the_shortest_digits_without_an_exponent(value, expected):
    assert expected == number_text(value)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (
            {"explicit_bounds": [100], "bucket_counts": [7, 3], "sum": 42, "count": 10},
            {"h_sum": 42, "h_count": 10, 'h_bucket{le="100"}': 7, 'h_bucket{le="+Inf"}': 10},
        ),
        ({"count": 0}, {"h_count": 0, 'h_bucket{le="+Inf"}': 0}),
        (
            {"explicit_bounds": [0.5, 1], "bucket_counts": [1, 2, 3], "count": 6},
            {"h_count": 6, 'h_bucket{le="0.5"}': 1, 'h_bucket{le="1"}': 3, 'h_bucket{le="+Inf"}': 6},
        ),
        (
            {"explicit_bounds": [1, 2], "bucket_counts": [4], "count": 9},
            {"h_count": 9, 'h_bucket{le="1"}': 4, 'h_bucket{le="+Inf"}': 9},
        ),
        (
            {"explicit_bounds": [1, INF], "bucket_counts": [4, 5, 0], "count": 9},
            {"h_count": 9, 'h_bucket{le="1"}': 4, 'h_bucket{le="+Inf"}': 9},
        ),
    ],
)
def test_histograms_are_sum_count_and_buckets_that_each_have_what_is_below(point, expected, caplog):
    translation = translate(histogram(point))

    assert expected == values(translation)
    assert list(expected) == [text(series.labels) for series in series_of(translation)]
    assert (1, {}) == (items(translation), translation.dropped)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (
            {
                "sum": 100,
                "count": 50,
                "quantile_values": [{"quantile": 0.5, "value": 30}, {"quantile": 0.9, "value": 40}],
            },
            {"s_sum": 100, "s_count": 50, 's{quantile="0.5"}': 30, 's{quantile="0.9"}': 40},
        ),
        ({"sum": 100, "count": 50}, {"s_sum": 100, "s_count": 50}),
    ],
)
def test_summaries_are_sum_count_and_quantiles(point, expected):
    translation = translate(summary(point))

    assert expected == values(translation)
    assert [5] * len(expected) == [series.metadata.type for series in series_of(translation)]


def test_names_that_prometheus_needs_replace_attributes_of_that_name():
    attributes = {"le": "mine", "quantile": "mine", "__name__": "mine"}

    point = {"count": 1, "explicit_bounds": [], "bucket_counts": [1], "attributes": attributes}
    assert {'h_count{le="mine",quantile="mine"}': 1, 'h_bucket{le="+Inf",quantile="mine"}': 1} == values(
        translate(histogram(point))
    )


STREAM = {"attributes": {"route": "/"}}
GONE = {**STREAM, "flags": 1, "time_unix_nano": NOW + SECOND}


@pytest.mark.parametrize(
    ("make", "point"),
    [
        (histogram, {"count": 3, "sum": 1, "explicit_bounds": [1, 2], "bucket_counts": [1, 1, 1]}),
        (histogram, {"count": 3, "explicit_bounds": [1, 2], "bucket_counts": [1, 1, 1]}),
        (summary, {"count": 3, "sum": 1, "quantile_values": [{"quantile": 0.5}, {"quantile": 1}]}),
        (summary, {"count": 3, "sum": 1}),
    ],
)
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_end_of_a_distribution_is_the_end_of_every_series_that_it_was(make, point, in_one_batch):
    its = translator()
    if in_one_batch:
        translation = translate(make({**point, **STREAM}, GONE), its=its)
        living = ending = translation
    else:
        living = translate(make({**point, **STREAM}), its=its)
        ending = translate(make(GONE), its=its)

    ended = [
        text(series.labels)
        for series in series_of(ending)
        if (sample := series.samples.get((NOW + SECOND) // 10**6)) and sample == (STALE, 0)
    ]
    assert [text(series.labels) for series in series_of(living)] == ended
    assert not ending.dropped


def test_the_end_of_a_distribution_that_nobody_knows_ends_what_it_has_in_any_case():
    assert ["h_sum", "h_count", 'h_bucket{le="+Inf"}'] == list(values(translate(histogram({"flags": 1}))))
    assert ["s_sum", "s_count"] == list(values(translate(summary({"flags": 1}))))


def test_the_end_of_an_exponential_histogram_is_a_native_histogram_of_which_the_sum_is_stale():
    (series,) = series_of(translate(exponential({"flags": 1})))

    assert {} == series.samples
    ((histogram),) = series.histograms.values()
    assert b"\x19" + STALE in histogram.body


def test_exponential_histograms_are_one_series_each():
    points = [{"count": 2, "sum": 1, "zero_count": 2, "time_unix_nano": NOW + n * SECOND} for n in (1, 0, 1)]

    translation = translate(exponential(*points))

    (series,) = series_of(translation)
    assert ("e", 3, [0, 1000]) == (
        text(series.labels),
        series.metadata.type,
        [time - NOW // 10**6 for time in series.histograms],
    )
    assert (2, {DropReason.OUT_OF_ORDER: 1}) == (items(translation), translation.dropped)


def with_exemplars(metric, *exemplars):
    batch = make_metrics(metric)
    made = batch.request.resource_metrics[0].scope_metrics[0].metrics[0]
    point = getattr(made, metric["kind"]).data_points[0]
    for fields in exemplars:
        exemplar = point.exemplars.add(**{key: value for key, value in fields.items() if key != "attributes"})
        for key, value in fields.get("attributes", {}).items():
            exemplar.filtered_attributes.add(key=key).value.string_value = value
    return translator().translate(batch)


IDS = {"trace_id": bytes(15) + b"\x01", "span_id": bytes(7) + b"\x02"}
COUNTER = {"name": "c", "kind": "sum"}


def test_exemplars_of_a_histogram_are_each_at_the_bucket_that_they_are_in():
    point = {"explicit_bounds": [1, 2], "bucket_counts": [1, 1, 1], "count": 3}

    translation = with_exemplars(
        histogram(point), *[{"as_double": value} for value in (200.0, 2.0, 1.0, -1.0, float("nan"), 1.5)]
    )

    found = {text(series.labels): [str(number(e.value)) for e in series.exemplars] for series in series_of(translation)}
    assert {
        "h_count": [],
        'h_bucket{le="1"}': ["1.0", "-1.0"],
        'h_bucket{le="2"}': ["2.0", "1.5"],
        'h_bucket{le="+Inf"}': ["200.0", "nan"],
    } == found


def test_exemplars_of_a_counter_have_ids_attributes_and_a_time_and_are_in_order():
    late = {"as_int": 5, "time_unix_nano": NOW + SECOND, **IDS, "attributes": {"user.id": "u", "trace_id": "no"}}

    (series,) = series_of(with_exemplars(COUNTER, late, {"as_double": 0.5}, {}))

    ids = (("span_id", "0000000000000002"), ("trace_id", "00000000000000000000000000000001"))
    milliseconds = NOW // 10**6
    assert [
        Exemplar((), struct.pack("<d", 0.5), milliseconds),
        Exemplar((*ids, ("user_id", "u")), struct.pack("<d", 5.0), milliseconds + 1000),
    ] == series.exemplars


@pytest.mark.parametrize(("longer", "kept"), [(0, True), (1, False)])
def test_attributes_of_an_exemplar_are_left_out_if_everything_has_more_than_128_characters(longer, kept):
    room = 128 - len("trace_id") - 32 - len("span_id") - 16 - len("key")

    (series,) = series_of(
        with_exemplars(COUNTER, {"as_double": 1, **IDS, "attributes": {"key": "é" * (room + longer)}})
    )

    (exemplar,) = series.exemplars
    assert kept == ("key" in dict(exemplar.labels))
    assert {"trace_id", "span_id"} <= set(dict(exemplar.labels))


@pytest.mark.parametrize(
    ("metric", "kept"),
    [
        (COUNTER, 1),
        ({"name": "c", "kind": "sum", "is_monotonic": False}, 0),
        ({"name": "c", "kind": "gauge"}, 0),
        (exponential({"count": 0}), 1),
    ],
)
def test_gauges_have_no_exemplars(metric, kept):
    (series,) = series_of(with_exemplars(metric, {"as_double": 1}))

    assert kept == len(series.exemplars)
