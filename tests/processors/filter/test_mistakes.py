"""
What cannot be run is said before anything starts, at its place.
"""

import pytest

from collector.errors import ConfigError
from collector.testing import make_batch, run_processor


@pytest.mark.parametrize(
    ("yaml", "where", "why"),
    [
        ("trace_conditions: ['span.nam == 1']", "trace_conditions::0", "column 6, at nam: span has no nam"),
        ("trace_conditions: ['span.name == ']", "trace_conditions::0", "at the end: a value is expected here"),
        ("trace_conditions: ['metric.name == \"a\"']", "trace_conditions::0", "paths start with"),
        ("trace_conditions: ['name == \"a\"']", "trace_conditions::0", "it cannot be told what"),
        ("log_conditions: ['log.body == nil', 'true']", "log_conditions::1", "log.attributes, or write a group"),
        ("trace_conditions: ['span.name == \"a\"', {conditions: []}]", "trace_conditions", "not both"),
        ("trace_conditions: [{conditions: []}]", "trace_conditions::0::conditions", "must have at least 1"),
        ("trace_conditions: [{context: metric, conditions: ['true']}]", "trace_conditions::0", "is not of traces"),
        ("trace_conditions: [{context: spam, conditions: ['true']}]", "trace_conditions::0::context", "must be"),
        (
            "trace_conditions: [{context: span, conditions: ['true', 'nam == 1']}]",
            "trace_conditions::0",
            "conditions::1: column 1, at nam",
        ),
        ("traces: {span: ['name == ']}", "traces::span::0", "at the end"),
        ("traces: {spanevent: ['nam == 1']}", "traces::spanevent::0", "spanevent has no nam"),
        ("metrics: {datapoint: ['nam == 1']}", "metrics::datapoint::0", "datapoint has no nam"),
        ("logs: {log_record: ['nam == 1']}", "logs::log_record::0", "log has no nam"),
        ("logs: {log: ['true']}", "logs::log", "unknown key"),
        ("error_mode: sometimes", "error_mode", "must be 'ignore', 'silent' or 'propagate'"),
        ("trace_condition: ['true']", "trace_condition", "did you mean trace_conditions?"),
        (
            "spans: {include: {match_type: strict, log_bodies: [a]}}",
            "spans::include",
            "log_bodies: is not about traces",
        ),
        ("logs: {include: {bodies: [a]}}", "logs::include", "match_type: is required for bodies"),
        ("logs: {include: {match_type: regexp, bodies: ['(']}}", "logs::include", "missing"),
        ("logs: {include: {match_type: strict}}", "logs::include", "needs at least one of"),
        ("logs: {include: {severity_number: {min: LOUD}}}", "logs::include::severity_number::min", "is not a severity"),
        ("logs: {include: {severity_number: {min: 25}}}", "logs::include::severity_number::min", "is not a severity"),
        ("metrics: {include: {match_type: strict}}", "metrics::include", "needs at least one of metric_names"),
        ("metrics: {include: {match_type: expr, expressions: [a]}}", "metrics::include", "write metric_conditions"),
    ],
)
def test_a_mistake_is_reported_at_its_place(yaml, where, why):
    with pytest.raises(ConfigError) as error:
        run_processor(f"filter: {{{yaml}}}", make_batch())

    assert f"processors::filter::{where}: " in str(error.value)
    assert why in str(error.value)


@pytest.mark.parametrize(
    "yaml",
    [
        "trace_conditions: ['span.name == \"a\"'], traces: {span: ['true']}",
        "trace_conditions: ['span.name == \"a\"'], spans: {include: {match_type: strict, span_names: [a]}}",
        "traces: {resource: ['true']}, spans: {exclude: {match_type: strict, span_names: [a]}}",
        "metric_conditions: ['metric.name == \"a\"'], metrics: {datapoint: ['true']}",
        "metrics: {metric: ['true'], include: {match_type: strict, metric_names: [a]}}",
        "log_conditions: ['log.body == nil'], logs: {exclude: {match_type: strict, bodies: [a]}}",
        "logs: {log_record: ['true'], include: {match_type: strict, bodies: [a]}}",
    ],
)
def test_what_is_dropped_of_a_signal_is_said_in_one_way(yaml):
    with pytest.raises(ConfigError, match="cannot be used together"):
        run_processor(f"filter: {{{yaml}}}", make_batch())


def test_different_signals_may_be_filtered_in_different_ways():
    yaml = "{trace_conditions: ['span.name == \"a\"'], metrics: {metric: ['true']}, logs: {}}"

    assert 1 == len(run_processor(f"filter: {yaml}", make_batch()).batches)


def test_a_filter_without_conditions_passes_everything_on():
    batch = make_batch()

    assert [batch] == run_processor("filter:", batch.copy()).batches
