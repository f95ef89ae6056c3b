import dataclasses

import pytest

from collector.errors import DropReason
from collector.testing import make_metrics
from exporters.prometheus_remote_write.rules import Rules, Strategy
from exporters.prometheus_remote_write.series import STALE
from tests.exporters.prometheus_remote_write.translating import (
    NOW,
    QUIET,
    SECOND,
    items,
    merged,
    series_of,
    translate,
    translator,
    values,
)

UNSUPPORTED, OUT_OF_ORDER = DropReason.UNSUPPORTED, DropReason.OUT_OF_ORDER


@pytest.mark.parametrize(
    ("metric", "name", "type_"),
    [
        ({"name": "m", "kind": "gauge"}, "m", 2),
        ({"name": "m", "kind": "gauge", "unit": "1"}, "m_ratio", 2),
        ({"name": "m", "kind": "sum"}, "m_total", 1),
        ({"name": "m", "kind": "sum", "unit": "1"}, "m_total", 1),
        ({"name": "m", "kind": "sum", "is_monotonic": False, "unit": "1"}, "m", 2),
        ({"name": "m", "kind": "sum", "unit": "By/s"}, "m_bytes_per_second_total", 1),
    ],
)
def test_numbers_are_gauges_and_counters(metric, name, type_):
    translation = translate({**metric, "description": "d", "points": [{"value": 7}]})

    assert {name: 7.0} == values(translation)
    (series,) = series_of(translation)
    assert (name, type_, "d") == (series.metadata.family, series.metadata.type, series.metadata.help)
    assert (1, {}) == (items(translation), translation.dropped)


@pytest.mark.parametrize(("said", "type_"), [("unknown", 0), ("info", 6), ("stateset", 7), ("histogram", 2)])
def test_a_type_that_otlp_has_no_metric_for_is_kept_in_metadata_of_the_metric(said, type_):
    batch = make_metrics({"name": "m"})
    metric = batch.request.resource_metrics[0].scope_metrics[0].metrics[0]
    metric.metadata.add(key="prometheus.type").value.string_value = said

    assert [type_] == [series.metadata.type for series in series_of(translator().translate(batch))]


def test_the_unit_of_a_family_is_the_word_that_its_name_has():
    (series,) = series_of(translate({"name": "m", "unit": "By/s"}))

    assert "bytes_per_second" == series.metadata.unit


@pytest.mark.parametrize("value", [0, 1, -(2**63), 2**63 - 1, 0.1, -0.0, 5e-324, float("inf")])
@pytest.mark.parametrize("start", [0, NOW - SECOND])
@pytest.mark.parametrize("flags", [0, 2])
def test_numbers_arrive_as_they_are_however_they_are_read(value, start, flags):
    """
    Flags that mean nothing here are a reason to parse the point.
    """
    points = [{"value": value, "start_time_unix_nano": start, "flags": flags, "attributes": {"a": 1}}]

    (series,) = series_of(translate({"name": "m", "points": points}))
    ((time, sample),) = series.samples.items()
    assert (NOW // 10**6, start // 10**6) == (time, sample[1])
    assert {'m{a="1"}': float(value)} == values(translate({"name": "m", "points": points}))
    assert str(float(value)) == str(values(translate({"name": "m", "points": points}))['m{a="1"}'])


def test_what_the_attributes_became_is_remembered_but_not_taken_for_that_of_others():
    its = translator()
    for _ in range(2):
        translation = translate(
            {"name": "m", "points": [{"value": 1, "attributes": {"a": 1}}, {"value": 2, "attributes": {"a": "1;"}}]},
            {"name": "n", "points": [{"value": 3, "attributes": {"a": 1}}]},
            resource={"service.name": "s"},
            its=its,
        )

        expected = {'m{a="1",job="s"}': 1.0, 'm{a="1;",job="s"}': 2.0, 'n{a="1",job="s"}': 3.0}
        assert expected == values(translation)


def test_a_full_memory_forgets_and_changes_nothing():
    its = translator(dataclasses.replace(QUIET, remembered=3))
    for number in [*range(40), *range(40)]:
        points = [{"value": number, "attributes": {"n": number}}, {"value": 1}]

        assert {f'm{{n="{number}"}}': number, "m": 1.0} == values(translate({"name": "m", "points": points}, its=its))
    assert len(its._memory) <= 2 * (3 + 2)


@pytest.mark.parametrize(
    "metric",
    [
        {"kind": "histogram", "points": [{"explicit_bounds": [*map(float, range(100))], "bucket_counts": [1] * 101}]},
        {"kind": "summary", "points": [{"quantile_values": [{"quantile": q / 100, "value": 1.0} for q in range(100)]}]},
        {"points": [{"value": 1.0, "attributes": {"text": "x" * 50_000}}]},
    ],
    ids=["many buckets", "many quantiles", "long labels"],
)
def test_what_takes_as_much_memory_as_a_hundred_label_sets_counts_for_as_many(metric):
    its = translator(dataclasses.replace(QUIET, remembered=1000))
    for number in range(100):
        (point,) = metric["points"]
        attributes = point.get("attributes", {}) | {"n": number}
        translate(metric | {"name": "m", "points": [point | {"attributes": attributes}]}, its=its)

    assert len(its._memory) <= 2 * (1000 / 97 + 2)


def test_samples_of_a_series_are_sorted_by_time_and_of_two_at_one_time_the_first_is_sent(caplog):
    points = [{"value": n, "time_unix_nano": NOW + seconds * SECOND} for n, seconds in enumerate([3, 1, 2, 1])]

    translation = translate({"name": "m", "points": points})

    assert {"m": {1000: 1.0, 2000: 2.0, 3000: 0.0}} == values(translation, times=True)
    assert [1000, 2000, 3000] == list(values(translation, times=True)["m"])
    assert (3, {OUT_OF_ORDER: 1}) == (items(translation), translation.dropped)
    assert ["m: several data points have the same labels and time; one is sent"] == caplog.messages


def test_two_metrics_of_one_name_are_in_one_stream_and_the_second_sample_of_a_time_is_counted():
    histogram = {"name": "a", "kind": "histogram", "points": [{"count": 5, "sum": 1.0, "bucket_counts": [5]}]}
    later = {"time_unix_nano": NOW + SECOND}

    translation = translate({"name": "a.count", "points": [{"value": 1}, {"value": 2, **later}]}, histogram)

    assert 1 == len(translation.streams)
    assert {"a_count": {0: 1.0, 1000: 2.0}, "a_sum": {0: 1.0}, 'a_bucket{le="+Inf"}': {0: 5.0}} == values(
        translation, times=True
    )
    assert (3, {}) == (items(translation), translation.dropped)


def test_the_order_of_attributes_does_not_make_another_series():
    one = {"value": 1, "attributes": {"a": 1, "b": 2}}
    other = {"value": 2, "attributes": {"b": 2, "a": 1}, "time_unix_nano": NOW + SECOND}

    assert {'m{a="1",b="2"}': {0: 1.0, 1000: 2.0}} == values(
        translate({"name": "m", "points": [one, other]}), times=True
    )


@pytest.mark.parametrize(
    "metric",
    [
        {"name": "@#$%"},
        {"name": ""},
        {"name": "m", "kind": "sum", "temporality": "unspecified"},
        {"name": "m", "kind": "histogram", "temporality": "unspecified", "points": [{"count": 1}]},
        {"name": "m", "kind": "exponential_histogram", "temporality": "unspecified", "points": [{"count": 1}]},
        {"name": "m", "points": [{"value": 1, "attributes": {"ようこそ": 1}}]},
        {"name": "m", "points": [{"value": 1, "time_unix_nano": 0}]},
        {"name": "m", "points": [{}]},
        {"name": "m", "kind": "exponential_histogram", "points": [{"count": 0, "scale": -5}]},
    ],
)
def test_what_prometheus_has_nothing_for_is_counted_and_costs_nothing_else(metric, caplog):
    translation = translate(metric, {"name": "good"}, metric)

    assert ({"good": 1.0}, 1, {UNSUPPORTED: 2}) == (values(translation), items(translation), translation.dropped)
    assert 1 == len(caplog.messages)


def test_a_metric_without_points_or_without_data_is_nothing():
    batch = make_metrics({"name": "m", "points": []})
    batch.request.resource_metrics[0].scope_metrics[0].metrics.add(name="n")

    assert ([], {}) == (translator().translate(batch).streams, translator().translate(batch).dropped)


def test_a_stale_point_is_the_end_of_its_series_bit_by_bit():
    translation = translate(
        {"name": "m", "kind": "sum", "points": [{"flags": 1, "start_time_unix_nano": NOW - SECOND}]}
    )

    (series,) = series_of(translation)
    assert [(STALE, 0)] == list(series.samples.values())


@pytest.mark.parametrize("flags", [0, 2])
def test_a_value_that_is_the_stale_marker_keeps_its_bits(flags):
    batch = make_metrics({"name": "m", "points": [{"value": 12.5, "flags": flags}]})
    wire = batch.wire.replace(bytes.fromhex("0000000000002940"), STALE)
    assert STALE in wire

    (series,) = series_of(translator().translate(type(batch)(batch.signal, wire=wire)))
    assert [STALE] == [sample[0] for sample in series.samples.values()]


def test_names_and_labels_by_every_strategy():
    metric = {"name": "http.é", "kind": "sum", "unit": "s", "points": [{"value": 1, "attributes": {"a.b": 1}}]}

    expected = {
        Strategy.UNDERSCORES_WITH_SUFFIXES: 'http_seconds_total{a_b="1"}',
        Strategy.UNDERSCORES: 'http_{a_b="1"}',
        Strategy.UTF8_WITH_SUFFIXES: 'http.é_seconds_total{a.b="1"}',
        Strategy.AS_THEY_ARE: 'http.é{a.b="1"}',
    }
    for strategy, series in expected.items():
        translation = translate(metric, rules=dataclasses.replace(QUIET, strategy=strategy))
        assert [series.replace("http_{", "http{")] == list(values(translation))


def test_labels_of_resource_scope_and_configuration():
    rules = Rules(external_labels={"cluster": "c"})

    translation = translate({"name": "m"}, resource={"service.name": "s"}, scope="lib", rules=rules)

    assert {'m{cluster="c",job="s",otel_scope_name="lib"}': 1.0} == values(translation)


WITH_HOST = {"service.name": "s", "host.name": "h"}


def _is_target_info(stream):
    return any("target_info" == series.labels.name for series in stream.series.values())


def test_target_info_is_said_once_for_a_resource_at_the_time_of_its_latest_point():
    one = make_metrics({"name": "m", "points": [{"value": 1}]}, resource=WITH_HOST)
    other = make_metrics({"name": "n", "points": [{"value": 1, "time_unix_nano": NOW + SECOND}]}, resource=WITH_HOST)

    translation = translator(Rules()).translate(merged(other, one))

    assert {1000: 1.0} == values(translation, times=True)['target_info{host_name="h",job="s"}']
    assert [0] == [stream.items for stream in translation.streams if _is_target_info(stream)]
    assert 2 == items(translation)


def test_target_info_is_not_said_again_at_a_time_that_has_passed():
    its = translator(Rules())
    said = []
    for seconds in [5, 3, 5, 6]:
        metric = {"name": "m", "points": [{"value": 1, "time_unix_nano": NOW + seconds * SECOND}]}
        said.append('target_info{host_name="h",job="s"}' in values(translate(metric, resource=WITH_HOST, its=its)))

    assert [True, False, False, True] == said


def test_there_is_no_target_info_without_data_points():
    assert [] == translate({"name": "m", "points": []}, resource=WITH_HOST, rules=Rules()).streams


def test_what_metrics_are_is_told_once_for_each_family_if_it_is_asked_for():
    metrics = [{"name": "m", "description": "d"}, {"name": "m", "description": "d"}, {"name": "n", "kind": "sum"}]
    rules = dataclasses.replace(QUIET, send_metadata=True)

    assert ["m", "n_total"] == [about.family for about in translate(*metrics, rules=rules).metadata]
    assert () == translate(*metrics).metadata
    told = translate(*metrics, resource=WITH_HOST, rules=Rules(send_metadata=True)).metadata
    assert [("target_info", 2, "Target metadata")] == [(t.family, t.type, t.help) for t in told][2:]
