import pytest

from collector.api import Metric, Point
from collector.testing import make_metric
from tests.collector.records.values import identical


def test_a_metric_has_a_name_a_unit_and_points():
    metric = make_metric(
        name="requests", unit="1", description="Requests.", kind="sum", temporality="delta", is_monotonic=False,
        points=[{"value": 3, "attributes": {"route": "/"}}, {"value": 2.5}],
    )  # fmt: skip

    assert ("requests", "1", "Requests.", "sum", "delta", False) == (
        metric.name, metric.unit, metric.description, metric.kind, metric.temporality, metric.is_monotonic,
    )  # fmt: skip
    assert [(3, {"route": "/"}), (2.5, {})] == [(point.value, dict(point)) for point in metric.points]


@pytest.mark.parametrize("kind", ["histogram", "exponential_histogram", "summary"])
def test_distributions_have_a_count_and_a_sum_instead_of_a_value(kind):
    (point,) = make_metric(kind=kind, points=[{"count": 3, "sum": 7.5}]).points

    assert (None, 3, 7.5) == (point.value, point.count, point.sum)
    assert kind == point.kind


def test_a_histogram_has_buckets_and_what_is_not_known_is_none():
    point = {"count": 3, "bucket_counts": [1, 2], "explicit_bounds": [0.5], "min": 0.1, "max": 9.0}
    (known,) = make_metric(kind="histogram", points=[point]).points
    (unknown,) = make_metric(kind="histogram", points=[{"count": 3}]).points

    assert ([1, 2], [0.5], 0.1, 9.0) == (known.bucket_counts, known.explicit_bounds, known.min, known.max)
    assert ([], [], None, None, None) == (
        unknown.bucket_counts, unknown.explicit_bounds, unknown.min, unknown.max, unknown.sum,
    )  # fmt: skip


@pytest.mark.parametrize("value", [7, 7.5])
def test_a_value_stays_what_it_was_written_as(value):
    metric = make_metric(points=[{"value": 1.25}])

    metric.points[0].value = value

    assert identical(value, Metric(metric.wire).points[0].value)


@pytest.mark.parametrize("value", [True, "7", None])
def test_a_value_is_a_number(value):
    with pytest.raises(TypeError, match="a value is a number"):
        make_metric().points[0].value = value


def test_a_distribution_has_no_value_to_write():
    with pytest.raises((ValueError, AttributeError)):
        make_metric(kind="summary", points=[{"count": 1}]).points[0].value = 5


def test_points_may_be_changed_removed_and_replaced():
    metric = make_metric(points=[{"value": i, "attributes": {"pod": f"p{i}"}} for i in range(4)])

    metric.points.pop()
    metric.points = [point for point in metric.points if point["pod"] != "p0"]
    for point in metric.points:
        del point["pod"]
        point["zone"] = "eu"

    assert [(1, {"zone": "eu"}), (2, {"zone": "eu"})] == [(p.value, dict(p)) for p in Metric(metric.wire).points]


def test_exemplars_are_seen_too():
    exemplar = {"filtered_attributes": [{"key": "user", "value": {"string_value": "alice"}}], "span_id": b"\1" * 8}
    metric = make_metric(points=[{"value": 1, "exemplars": [exemplar]}])

    (seen,) = metric.points[0].exemplars
    seen["user"] = "****"

    assert ("01" * 8, "****") == (seen.span_id, Metric(metric.wire).points[0].exemplars[0]["user"])


def test_points_of_another_kind_do_not_belong():
    metric = make_metric(kind="sum")
    metric.points.append(Point("gauge"))

    with pytest.raises(TypeError, match="points of a metric are of its own kind, sum"):
        metric.wire  # noqa: B018


def test_a_metric_has_no_attributes_of_its_own():
    with pytest.raises(TypeError, match="not subscriptable"):
        make_metric()["route"]
