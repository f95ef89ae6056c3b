"""The exporter prometheus_remote_write in protocol 2.0, and what Prometheus 3 has in its storage of it, to the bit."""

import math

import pytest

from tests.integration.collectors import Books, new_id, send
from tests.integration.servers import RemoteWrite2
from tests.integration.stored import (
    T0,
    V2,
    WHO,
    about,
    at,
    bits,
    delivered,
    exponential,
    metrics,
    milliseconds,
    only,
    sample,
    writing_to,
)

pytestmark = pytest.mark.slow

STALE = "7ff0000000000002"  # Remote-Write 2.0, "Stale Markers"


@pytest.fixture
def receiver(serve):
    return serve(RemoteWrite2)


def test_a_counter_has_its_start_its_value_and_what_it_is(start, receiver):
    points = [at(0, value=7), at(10, value=2**53 - 1), at(20, start=15, value=0.1)]
    orders = {"name": "orders", "kind": "sum", "unit": "By", "description": "größer ✓", "points": points}

    books = delivered(start(writing_to(receiver)), metrics(orders))

    series = only(receiver.series(__name__="orders_bytes_total"))
    assert Books(accepted=3, sent=3, dropped={}) == books
    assert {"__name__": "orders_bytes_total", **WHO} == series["labels"]
    assert [sample(0, 7), sample(10, 2**53 - 1), sample(20, 0.1, start=15)] == series["samples"]
    assert ("counter", "bytes", "größer ✓") == about(series)


def test_all_that_is_sent_is_what_the_protocol_wants(start, receiver):
    delivered(start(writing_to(receiver)), metrics({"name": "level", "points": [at(0, value=1)]}))

    request, *others = receiver.requests()
    expected = {"content_type": f"application/x-protobuf;proto={V2}", "version": "2.0.0", "attempt": "", "status": 204}
    assert expected == {key: request[key] for key in expected}
    assert 2 == sum(int(each["written"]["Samples"]) for each in (request, *others))  # with target_info


def test_values_of_a_gauge_are_the_same_to_the_bit(start, receiver):
    values = [1.5, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf]
    points = [at(second, value=value, attributes={"disk.name": "sda"}) for second, value in enumerate(values)]

    books = delivered(start(writing_to(receiver)), metrics({"name": "level", "points": points}))

    series = only(receiver.series(__name__="level"))
    assert Books(accepted=6, sent=6, dropped={}) == books
    assert {"__name__": "level", "disk_name": "sda", **WHO} == series["labels"]
    assert [bits(value) for value in values] == [each["value"] for each in series["samples"]]
    assert "gauge" == about(series)[0]


def test_a_classic_histogram_is_its_buckets_each_with_a_start(start, receiver):
    point = at(0, explicit_bounds=[0.5, 1], bucket_counts=[1, 2, 3], count=6, sum=9)
    time = {"name": "time", "kind": "histogram", "unit": "s", "description": "d", "points": [point]}

    books = delivered(start(writing_to(receiver)), metrics(time))

    buckets = receiver.series(__name__="time_seconds_bucket")
    assert Books(accepted=1, sent=1, dropped={}) == books
    expected = {"0.5": [sample(0, 1)], "1": [sample(0, 3)], "+Inf": [sample(0, 6)]}
    assert expected == {series["labels"]["le"]: series["samples"] for series in buckets}
    parts = [*buckets, *(only(receiver.series(__name__=f"time_seconds_{part}")) for part in ("sum", "count"))]
    assert [[sample(0, 9)], [sample(0, 6)]] == [series["samples"] for series in parts[3:]]
    assert {("histogram", "seconds", "d")} == {about(series) for series in parts}


def test_an_exponential_histogram_is_a_native_one_bucket_for_bucket(start, receiver):
    sides = {
        "positive": {"offset": -2, "bucket_counts": [1, 0, 0, 0, 4]},
        "negative": {"offset": 3, "bucket_counts": [2, 5]},
    }
    point = at(0, scale=3, count=15, sum=-21.5, zero_count=3, zero_threshold=0.25, **sides)
    described = {"name": "size", "kind": "exponential_histogram", "unit": "By", "description": "d", "points": [point]}

    books = delivered(start(writing_to(receiver)), metrics(described))

    series = only(receiver.series(__name__="size_bytes"))
    assert Books(accepted=1, sent=1, dropped={}) == books
    native = {
        "schema": 3,
        "count": 15,
        "sum": bits(-21.5),
        "zero_threshold": bits(0.25),
        "zero_count": 3,
        "positive": {"-1": 1, "3": 4},
        "negative": {"4": 2, "5": 5},
        "bounds": [],
    }
    assert [{"time": milliseconds(0), "start": milliseconds(-60), "value": None, "histogram": native}] == [
        {**each, "histogram": without_empty_buckets(each["histogram"])} for each in series["samples"]
    ]
    assert ("histogram", "bytes", "d") == about(series)


def without_empty_buckets(native):
    filled = {side: {index: n for index, n in native[side].items() if n} for side in ("positive", "negative")}
    return {**native, **filled}


def test_a_summary_is_its_quantiles_each_with_a_start(start, receiver):
    quantiles = [{"quantile": 0.5, "value": 10}, {"quantile": 0.99, "value": 40}]
    point = at(0, sum=100, count=50, quantile_values=quantiles)

    books = delivered(start(writing_to(receiver)), metrics({"name": "size", "kind": "summary", "points": [point]}))

    found = receiver.series(__name__="size")
    assert Books(accepted=1, sent=1, dropped={}) == books
    expected = {"0.5": [sample(0, 10)], "0.99": [sample(0, 40)]}
    assert expected == {series["labels"]["quantile"]: series["samples"] for series in found}
    parts = [only(receiver.series(__name__=name)) for name in ("size_sum", "size_count")]
    assert [[sample(0, 100)], [sample(0, 50)]] == [series["samples"] for series in parts]
    assert {"summary"} == {about(series)[0] for series in (*found, *parts)}


def test_an_exemplar_leads_from_a_metric_to_a_trace(start, receiver):
    trace = new_id()
    ids = {"trace_id": bytes.fromhex(trace), "span_id": b"\0\0\0\0\0\0\0\5"}
    exemplars = [{"time_unix_nano": (T0 - 1) * 10**9, "as_double": 0.7, **ids}]
    histogram = {"explicit_bounds": [0.5, 1], "bucket_counts": [1, 2, 3], "count": 6, "sum": 9}

    books = delivered(
        start(writing_to(receiver)),
        metrics(
            {"name": "orders", "kind": "sum", "points": [at(0, value=7, exemplars=exemplars)]},
            {"name": "time", "kind": "histogram", "points": [at(0, exemplars=exemplars, **histogram)]},
            {
                "name": "size",
                "kind": "exponential_histogram",
                "points": [exponential(0, [1], exemplars=exemplars)],
            },
        ),
    )

    labels = {"span_id": "0000000000000005", "trace_id": trace}
    stored = [{"labels": labels, "value": bits(0.7), "time": milliseconds(-1)}]
    assert Books(accepted=3, sent=3, dropped={}) == books
    found = {
        (series["labels"]["__name__"], series["labels"].get("le")): series["exemplars"]
        for series in receiver.series(job="shop/cart")
        if series["exemplars"]
    }
    assert {("orders_total", None): stored, ("time_bucket", "1"): stored, ("size", None): stored} == found
    assert 3 == sum(int(request["written"]["Exemplars"]) for request in receiver.requests())


def test_a_resource_is_a_series_of_its_own(start, receiver):
    delivered(start(writing_to(receiver)), metrics({"name": "level", "points": [at(0, value=1), at(9, value=2)]}))

    series = only(receiver.series(__name__="target_info"))
    assert {"__name__": "target_info", "host_name": "a", **WHO} == series["labels"]
    assert [sample(9, 1, start=None)] == series["samples"]
    assert ("gauge", "", "Target metadata") == about(series)


def test_a_point_without_a_value_is_a_stale_marker_to_the_bit(start, receiver):
    def described(second, size, level, time):
        return metrics(
            {"name": "level", "points": [at(second, **level)]},
            {"name": "time", "kind": "histogram", "points": [at(second, **time)]},
            {"name": "size", "kind": "exponential_histogram", "points": [size]},
        )

    time = {"explicit_bounds": [1], "bucket_counts": [1, 2], "count": 3, "sum": 9}
    books = delivered(
        start(writing_to(receiver)),
        described(0, exponential(0, [1]), {"value": 4}, time),
        described(30, at(30, flags=1), {"flags": 1}, {"flags": 1}),
    )

    ends = {
        (series["labels"]["__name__"], series["labels"].get("le")): series["samples"][-1]
        for series in receiver.series(job="shop/cart")
        if series["labels"]["__name__"] != "target_info"
    }
    native = ends.pop(("size", None))
    assert Books(accepted=6, sent=6, dropped={}) == books
    assert 5 == len(ends)
    assert {(milliseconds(30), STALE)} == {(end["time"], end["value"]) for end in ends.values()}
    assert (milliseconds(30), STALE) == (native["time"], native["histogram"]["sum"])


def test_names_stay_as_they_are_where_they_may(start, receiver):
    point = at(0, value=7, attributes={"länge.µ": "größer", "日本": 'é\n"\\'})
    described = {"name": "commandes.payées/été", "kind": "sum", "unit": "By", "points": [point]}

    books = delivered(start(writing_to(receiver, "translation_strategy: NoTranslation")), metrics(described))

    series = only(receiver.series(__name__="commandes.payées/été"))
    assert Books(accepted=1, sent=1, dropped={}) == books
    labels = {"__name__": "commandes.payées/été", "länge.µ": "größer", "日本": 'é\n"\\', **WHO}
    assert labels == series["labels"]
    assert [sample(0, 7)] == series["samples"]
    assert "a" == only(receiver.series(__name__="target_info"))["labels"]["host.name"]


def test_what_adds_up_deltas_begins_where_the_first_began(start, receiver):
    collector = start(writing_to(receiver))
    sums = [at(10 * n, start=10 * n - 10, value=5) for n in range(3)]
    sizes = [exponential(10 * n, [1, 2], start=10 * n - 10) for n in range(3)]
    for point, size in zip(sums, sizes, strict=True):
        delta = {"temporality": "delta"}
        orders = {"name": "orders", "kind": "sum", "points": [point], **delta}
        send(collector, metrics(orders, {"name": "size", "kind": "exponential_histogram", "points": [size], **delta}))
    books = delivered(collector)

    orders, sizes = only(receiver.series(__name__="orders_total")), only(receiver.series(__name__="size"))
    assert Books(accepted=6, sent=6, dropped={}) == books
    assert [sample(10 * n, 5 * n + 5, start=-10) for n in range(3)] == orders["samples"]
    assert [({"1": n, "2": 2 * n}, milliseconds(-10)) for n in (1, 2, 3)] == [
        (each["histogram"]["positive"], each["start"]) for each in sizes["samples"]
    ]
