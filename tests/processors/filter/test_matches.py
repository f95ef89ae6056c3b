"""
`include` and `exclude`, with the keys that each signal has for them.
"""

import pytest

from collector.testing import make_logs, make_metrics, make_spans, run_processor


def bodies_left(yaml):
    batch = make_logs(
        {"body": "one", "severity_number": 9, "severity_text": "INFO", "attributes": {"k": "v"}},
        {"body": "two", "severity_number": 13, "severity_text": "WARN"},
        {"body": "three", "severity_number": 0, "severity_text": ""},
        resource={"host": "a"},
    )
    return [log.body for log in run_processor(f"filter: {{logs: {yaml}}}", batch).records]


def names_left(yaml):
    first = make_metrics({"name": "cpu"}, {"name": "memory"}, resource={"host": "a"})
    second = make_metrics({"name": "cpu"}, resource={"host": "b"})
    outcome = run_processor(f"filter: {{metrics: {yaml}}}", first, second)
    return [f"{metric.name}@{metric.resource['host']}" for metric in outcome.records]


def test_only_spans_that_are_included_and_not_excluded_are_kept():
    batch = make_spans({"name": "a"}, {"name": "b"}, {"name": "c"}, resource={"service.name": "shop"})
    yaml = """
    filter:
      spans:
        include: {match_type: regexp, span_names: ['^[ab]$'], services: [shop]}
        exclude: {match_type: strict, span_names: [b]}
    """

    assert ["a"] == [span.name for span in run_processor(yaml, batch).records]


def test_spans_of_services_that_are_not_included_go():
    batch = make_spans({"name": "a"}, resource={"service.name": "shop"})

    assert [] == run_processor("filter: {spans: {include: {match_type: strict, services: [bank]}}}", batch).batches


@pytest.mark.parametrize(
    ("yaml", "left"),
    [
        ("{include: {match_type: strict, bodies: [one, three]}}", ["one", "three"]),
        ("{include: {match_type: regexp, bodies: ['^t']}}", ["two", "three"]),
        ("{exclude: {match_type: strict, severity_texts: [INFO]}}", ["two", "three"]),
        ("{include: {severity_number: {min: WARN}}}", ["two"]),
        ("{include: {severity_number: {min: info, match_undefined: true}}}", ["one", "two", "three"]),
        ("{include: {severity_number: {min: '13'}}}", ["two"]),
        ("{include: {severity_number: {min: 10}}}", ["two"]),
        ("{include: {match_type: strict, record_attributes: [{key: k, value: v}]}}", ["one"]),
        ("{exclude: {match_type: strict, resource_attributes: [{key: host, value: a}]}}", []),
        ("{exclude: {match_type: regexp, resource_attributes: [{key: host, value: '^b'}]}}", ["one", "two", "three"]),
    ],
)
def test_log_records_are_kept_by_what_they_are(yaml, left):
    assert left == bodies_left(yaml)


@pytest.mark.parametrize(
    ("yaml", "left"),
    [
        ("{include: {match_type: strict, metric_names: [cpu]}}", ["cpu@a", "cpu@b"]),
        ("{include: {match_type: regexp, metric_names: ['^c', '^m']}}", ["cpu@a", "memory@a", "cpu@b"]),
        (
            "{include: {match_type: strict, metric_names: [cpu], resource_attributes: [{key: host, value: a}]}}",
            ["cpu@a"],
        ),
        (
            "{exclude: {match_type: strict, metric_names: [cpu], resource_attributes: [{key: host, value: b}]}}",
            ["memory@a"],
        ),
        ("{exclude: {match_type: strict, resource_attributes: [{key: host, value: a}]}}", ["cpu@b"]),
    ],
)
def test_metrics_are_kept_by_their_name_and_resource(yaml, left):
    """
    `include` wants both to match; either is enough for `exclude`, as in the Collector.
    """
    assert left == names_left(yaml)
