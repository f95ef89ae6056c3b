import math

import pytest

from collector.testing import make_metrics
from exporters.elasticsearch.mapping.metric_groups import fnv1a_32, names_hash
from tests.exporters.elasticsearch.written import actions, parsed, source, sources, targets, write

START = 1_705_314_540_000_000_000
NOW = 1_705_314_600_000_000_000
HINTS = "elasticsearch.mapping.hints"
CUMULATIVE = "a histogram is cumulative; only delta histograms can be added up"
NOT_FINITE = "a value is not a finite number"


def histogram(kind="histogram", temporality="delta", **point):
    return make_metrics({"name": "h", "kind": kind, "temporality": temporality, "points": [point]})


def value(batch):
    (only,) = source(batch)["metrics"].values()
    return only


def test_a_document_has_all_metrics_of_the_same_time_unit_and_attributes():
    point = {"attributes": {"host": "a"}, "time_unix_nano": NOW, "start_time_unix_nano": START}
    batch = make_metrics(
        {"name": "http.requests", "kind": "sum", "unit": "1", "points": [{"value": 42, **point}]},
        {"name": "cpu", "unit": "1", "points": [{"value": 0.5, **point}]},
        {
            "name": "lat",
            "kind": "histogram",
            "temporality": "delta",
            "unit": "1",
            "points": [{"count": 10, "bucket_counts": [0, 7, 3], "explicit_bounds": [0, 100.0], **point}],
        },
    )
    (document,) = write(batch).documents

    assert (0, 3, "") == (document.item, document.items, document.id)
    assert {
        "create": {
            "_index": "metrics-generic.otel-default",
            "require_data_stream": True,
            "dynamic_templates": {
                "metrics.http.requests": "counter_long",
                "metrics.cpu": "gauge_double",
                "metrics.lat": "histogram",
            },
        }
    } == parsed(document.action)
    assert {
        "@timestamp": "1705314600000.0",
        "start_timestamp": "1705314540000.0",
        "unit": "1",
        "data_stream": {"type": "metrics", "dataset": "generic.otel", "namespace": "default"},
        "attributes": {"host": "a"},
        "metrics": {"http.requests": 42, "cpu": 0.5, "lat": {"counts": [7, 3], "values": [50.0, 100.0]}},
        "_metric_names_hash": "25274230",
        "resource": {},
        "scope": {},
    } == parsed(document.source)


def test_the_hash_of_names_has_no_leading_zeros_and_no_order():
    assert "25274230" == names_hash({"lat", "cpu", "http.requests"})
    assert 0x811C9DC5 == fnv1a_32(b"")
    assert 0xE40C292C == fnv1a_32(b"a")


@pytest.mark.parametrize(
    "other",
    [
        {"time_unix_nano": NOW + 1},
        {"start_time_unix_nano": 1},
        {"attributes": {"host": "b"}},
        {"attributes": {}},
        {"attributes": {"host": "a", "data_stream.dataset": "other"}},
    ],
)
def test_points_that_differ_are_in_documents_of_their_own(other):
    point = {"value": 1, "time_unix_nano": NOW, "attributes": {"host": "a"}}

    assert 2 == len(
        sources(make_metrics({"name": "a", "points": [point]}, {"name": "b", "points": [{**point, **other}]}))
    )


def test_metrics_of_other_units_and_resources_are_in_documents_of_their_own():
    point = {"points": [{"value": 1}]}

    assert 2 == len(sources(make_metrics({"name": "a", "unit": "s", **point}, {"name": "b", "unit": "ms", **point})))


def test_the_order_of_attributes_and_hints_are_no_difference():
    batch = make_metrics(
        {"name": "a", "points": [{"value": 1, "attributes": {"x": 1, "y": 2}}]},
        {"name": "b", "points": [{"value": 2, "attributes": {"y": 2, "x": 1}}]},
    )

    (document,) = sources(batch)

    assert {"a": 1, "b": 2} == document["metrics"]


@pytest.mark.parametrize(
    ("metric", "template"),
    [
        ({"kind": "sum", "points": [{"value": 1}]}, "counter_long"),
        ({"kind": "sum", "points": [{"value": 1.0}]}, "counter_double"),
        ({"kind": "sum", "is_monotonic": False, "points": [{"value": 1}]}, "gauge_long"),
        ({"kind": "sum", "temporality": "delta", "points": [{"value": 1.5}]}, "gauge_double"),
        ({"points": [{"value": 1}]}, "gauge_long"),
        ({"kind": "summary", "points": [{"count": 1, "sum": 2.0}]}, "summary"),
    ],
)
def test_types_are_told_by_dynamic_templates(metric, template):
    batch = make_metrics({"name": "a.b", **metric})

    assert {"metrics.a.b": template} == actions(batch)[0]["create"]["dynamic_templates"]
    assert "dynamic_templates" not in actions(batch, "{flavor: opensearch}")[0]["create"]


@pytest.mark.parametrize(
    ("bounds", "counts", "values", "kept"),
    [
        ([10.0, 20.0], [1, 2, 3], [5.0, 15.0, 20.0], [1, 2, 3]),
        ([-10.0, 0.0, 10.0], [1, 0, 2, 3], [-10.0, 5.0, 10.0], [1, 2, 3]),
        ([0.0, 1.0], [4, 0, 0], [0.0], [4]),
        ([10.0], [0, 2**64 - 1], [10.0], [2**63 - 1]),
    ],
)
def test_a_histogram_is_the_middles_of_its_buckets(bounds, counts, values, kept):
    batch = histogram(count=sum(counts) % 2**64, bucket_counts=counts, explicit_bounds=bounds)

    assert {"counts": kept, "values": values} == value(batch)


def test_a_histogram_without_bounds_is_its_mean():
    assert {"counts": [4], "values": [2.5]} == value(histogram(count=4, sum=10.0))
    assert {"counts": [], "values": []} == value(histogram(count=0))


def test_an_exponential_histogram_is_the_middles_of_its_buckets():
    point = {
        "count": 9,
        "scale": 0,
        "zero_count": 2,
        "positive": {"offset": 1, "bucket_counts": [1, 0, 3]},
        "negative": {"offset": 0, "bucket_counts": [1, 2]},
    }

    assert {"counts": [2, 1, 2, 1, 3], "values": [-3.0, -1.5, 0.0, 3.0, 12.0]} == value(
        histogram("exponential_histogram", **point)
    )


@pytest.mark.parametrize(
    ("scale", "index", "low", "high"),
    [(1, 1, math.sqrt(2), 2.0), (-1, 1, 4.0, 16.0), (20, 0, 1.0, 1.0000006610368821), (-3, 3, 2.0**24, 2.0**32)],
)
def test_boundaries_of_exponential_buckets(scale, index, low, high):
    batch = histogram("exponential_histogram", count=1, scale=scale, positive={"offset": index, "bucket_counts": [1]})

    assert pytest.approx((low + high) / 2) == value(batch)["values"][0]


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (histogram(temporality="cumulative", count=1, sum=1.0), CUMULATIVE),
        (histogram("exponential_histogram", "cumulative", count=1), CUMULATIVE),
        (
            histogram(count=1, bucket_counts=[1], explicit_bounds=[1.0]),
            "a histogram has not one bucket more than bounds",
        ),
        (
            histogram(count=1, bucket_counts=[1, 0, 0], explicit_bounds=[2.0, 1.0]),
            "the bounds of a histogram do not ascend",
        ),
        (histogram(count=1, sum=float("nan")), NOT_FINITE),
        (make_metrics({"points": [{"value": float("nan")}]}), NOT_FINITE),
        (make_metrics({"points": [{"value": float("inf")}]}), NOT_FINITE),
        (make_metrics({"kind": "summary", "points": [{"count": 1, "sum": float("-inf")}]}), NOT_FINITE),
        (make_metrics({"points": [{"flags": 1}]}), "a data point only says that there is no value any more"),
        (make_metrics({"points": [{}]}), "a data point has no value"),
    ],
)
@pytest.mark.parametrize("mode", ["otel", "ecs"])
def test_what_no_field_can_hold_is_counted(batch, why, mode):
    written = write(batch, f"{{mapping: {{mode: {mode}}}}}")

    assert ([], {"unsupported": 1}, {why: 1}) == (written.documents, written.dropped, written.notes)


@pytest.mark.parametrize("mode", ["otel", "ecs"])
def test_of_a_metric_that_is_there_twice_the_first_point_is_written(mode):
    written = write(
        make_metrics({"name": "a", "points": [{"value": 1}, {"value": 2}]}), f"{{mapping: {{mode: {mode}}}}}"
    )

    (document,) = written.documents
    assert 1 == document.items
    assert {"a metric is there twice with the same time and attributes": 1} == written.notes
    assert b'"a":1' in document.source


def test_what_cannot_be_written_does_not_hold_up_the_rest():
    batch = make_metrics(
        {"name": "a", "points": [{"value": float("nan")}]},
        {"name": "b", "points": [{"value": 1}]},
    )
    (document,) = write(batch).documents

    assert (0, 1, {"b": 1}) == (document.item, document.items, parsed(document.source)["metrics"])
    assert names_hash({"a", "b"}) == parsed(document.source)["_metric_names_hash"]


@pytest.mark.parametrize(
    ("hints", "fields"),
    [
        (["_doc_count"], {"metrics": {"h": {"counts": [3], "values": [5.0]}}, "_doc_count": 3}),
        (
            ["aggregate_metric_double", "_doc_count"],
            {"metrics": {"h": {"sum": 15.0, "value_count": 3}}, "_doc_count": 3},
        ),
        (["histogram_raw"], {"metrics": {"h": {"counts": [3], "values": [10.0]}}}),
        (["unheard_of"], {"metrics": {"h": {"counts": [3], "values": [5.0]}}}),
    ],
)
def test_hints(hints, fields):
    point = {"count": 3, "sum": 15.0, "bucket_counts": [3, 0], "explicit_bounds": [10.0]}
    document = source(histogram(**point, attributes={HINTS: hints}))

    assert "attributes" not in document
    assert fields == {key: document[key] for key in fields}
    assert ("_doc_count" in fields) == ("_doc_count" in document)


def test_maps_are_text_since_they_can_be_no_dimensions():
    batch = make_metrics({"points": [{"value": 1, "attributes": {"a": {"b": 1}}}]}, resource={"c": {"d": 2}})
    document = source(batch)

    assert ({"a": '{"b":1}'}, {"c": '{"d":2}'}) == (document["attributes"], document["resource"]["attributes"])


def test_a_metric_without_data_has_no_points():
    assert [] == sources(make_metrics({"points": []}))


def test_metrics_of_several_requests_that_were_joined_are_in_one_document():
    """
    Two documents of the same dimensions and time would be one, and the second be refused.
    """
    first, second = (make_metrics({"name": name, "points": [{"value": 1}]}, resource={"a": 1}) for name in "xy")

    (document,) = sources(type(first).join([first, second]))

    assert {"x": 1, "y": 1} == document["metrics"]


def test_in_opensearch_metrics_whose_names_contain_each_other_have_fields_of_their_own():
    batch = make_metrics({"name": "a", "points": [{"value": 1}]}, {"name": "a.b", "points": [{"value": 2}]})

    assert {"a": 1, "a.b": 2} == source(batch)["metrics"]
    assert {"a.value": 1, "a.b": 2} == source(batch, "{flavor: opensearch}")["metrics"]


def test_points_are_routed_one_by_one():
    points = [{"value": n, "attributes": {"elasticsearch.index": index}} for n, index in enumerate(["a", "B", "c"])]
    written = write(make_metrics({"points": points}))

    assert ["a", "c"] == [document.target for document in written.documents]
    assert ["B"] == [document.target for document, _ in written.undeliverable]
    assert ["metrics"] == targets(make_metrics({}), "{metrics_index: metrics}")


@pytest.mark.parametrize("given", ["[", "[oops", "[1, 2]", ["a", 5], "", {"a": 1}, None])
def test_hints_that_are_none_ask_for_nothing(given):
    batch = make_metrics({"points": [{"value": 1, "attributes": {"elasticsearch.mapping.hints": given}}]})

    assert [1] == [document.items for document in write(batch).documents]
