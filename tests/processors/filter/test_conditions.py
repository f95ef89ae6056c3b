"""
What meets a condition is dropped, what does not stays as it came, and every drop is counted.
"""

import logging

import pytest

from collector.api import DropReason, Metric, Signal
from collector.batch import Batch
from collector.ottl.condition import parsed
from collector.testing import make_batch, make_logs, make_metrics, make_spans, run_processor
from collector.testing import settings as settings_of
from processors.filter import config
from processors.filter.config import FilterConfig
from processors.filter.processor import Filter


def through(yaml, *batches):
    return run_processor(f"filter: {yaml}", *batches)


def names(outcome):
    return [record.name for record in outcome.records]


def count(outcome, name):
    return sum(value for metric, _, value in outcome.telemetry.samples() if metric.name == name)


SPANS = make_spans(
    {"name": "a", "attributes": {"url.path": "/health"}, "events": [{"name": "debug"}, {"name": "exception"}]},
    {"name": "b", "attributes": {"url.path": "/pay"}, "events": [{"name": "debug"}]},
    {"name": "c", "attributes": {"n": 3}},
    resource={"service.name": "shop"},
    scope="http",
)
METRICS = make_metrics(
    {"name": "cpu", "points": [{"value": 1, "attributes": {"core": "0"}}, {"value": 2, "attributes": {"core": "1"}}]},
    {"name": "memory", "kind": "sum", "points": [{"value": 3.5}]},
    {"name": "latency", "kind": "histogram", "points": [{"count": 4, "sum": 9.0, "attributes": {"core": "1"}}]},
    resource={"service.name": "shop"},
)
LOGS = make_logs(
    {"body": "password=1", "severity_number": 17, "attributes": {"k": "v"}},
    {"body": "hello", "severity_number": 5},
    resource={"service.name": "shop"},
)


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ('span.attributes["url.path"] == "/health"', ["b", "c"]),
        ('span.name == "b" or span.attributes["n"] > 2', ["a"]),
        ('resource.attributes["service.name"] == "shop" and span.name == "a"', ["b", "c"]),
        ('resource.attributes["service.name"] == "shop"', []),
        ('resource.attributes["service.name"] == "other"', ["a", "b", "c"]),
        ('scope.name == "http"', []),
        ('scope.name == "grpc"', ["a", "b", "c"]),
        ("span.kind == SPAN_KIND_INTERNAL", []),
        ('IsMatch(span.name, "^[ab]$")', ["c"]),
    ],
)
def test_a_span_that_meets_a_condition_is_dropped(condition, left):
    outcome = through(f"{{trace_conditions: ['{condition}']}}", SPANS.copy())

    assert left == names(outcome)
    assert 3 - len(left) == outcome.dropped.get(DropReason.FILTERED, 0)
    assert 0 == outcome.telemetry.imbalance(Signal.TRACES)


def test_what_meets_any_of_several_conditions_is_dropped():
    outcome = through("""{trace_conditions: ['span.name == "a"', 'span.attributes["n"] == 3']}""", SPANS.copy())

    assert ["b"] == names(outcome)


def test_each_condition_of_a_list_has_a_context_of_its_own():
    yaml = """{trace_conditions: ['span.name == "c"', 'spanevent.name == "debug"', 'scope.name == "grpc"']}"""
    outcome = through(yaml, SPANS.copy())

    assert [("a", ["exception"]), ("b", [])] == [(s.name, [e.name for e in s.events]) for s in outcome.records]


def test_a_span_event_that_meets_a_condition_leaves_its_span_behind():
    outcome = through('{traces: {spanevent: [\'name == "debug" and span.name == "b"\']}}', SPANS.copy())

    assert [["debug", "exception"], [], []] == [[e.name for e in span.events] for span in outcome.records]
    assert {} == outcome.dropped


def test_a_span_without_some_of_its_events_still_begins_with_its_trace_id():
    """
    Whoever groups spans by trace looks for it there.
    """
    outcome = through("""{trace_conditions: ['spanevent.name == "debug"']}""", SPANS.copy())
    spans = [span for r in outcome.batches[0].skeleton().resource_spans for s in r.scope_spans for span in s.spans]

    assert all(span.startswith(b"\n\x10") for span in spans)


def test_the_events_of_a_dropped_span_are_not_looked_at():
    """
    An error of theirs would cost the batch.
    """
    yaml = """{error_mode: propagate, traces: {span: ['true'], spanevent: ['attributes["x"]["y"] == 1']}}"""
    batch = make_spans({"events": [{"name": "e", "attributes": {"x": "not a map"}}]})

    assert {DropReason.FILTERED: 1} == through(yaml, batch).dropped


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ('metric.name == "cpu"', {"memory": 1, "latency": 1}),
        ("metric.type == METRIC_DATA_TYPE_HISTOGRAM", {"cpu": 2, "memory": 1}),
        ('datapoint.attributes["core"] == "1"', {"cpu": 1, "memory": 1}),
        ('datapoint.attributes["core"] == "0"', {"cpu": 1, "memory": 1, "latency": 1}),
        ("datapoint.value_double == 3.5", {"cpu": 2, "latency": 1}),
        ('metric.name == "cpu" and datapoint.value_int == 2', {"cpu": 1, "memory": 1, "latency": 1}),
        ('HasAttrOnDatapoint("core", "0") and metric.name != ""', {"memory": 1, "latency": 1}),
        ('resource.attributes["service.name"] == "shop"', {}),
    ],
)
def test_a_metric_or_data_point_that_meets_a_condition_is_dropped(condition, left):
    outcome = through(f"{{metric_conditions: ['{condition}']}}", METRICS.copy())

    assert left == {metric.name: len(metric.points) for metric in outcome.records}
    assert 4 - sum(left.values()) == outcome.dropped.get(DropReason.FILTERED, 0)
    assert 4 - sum(left.values()) == count(outcome, "otelcol_processor_filter_datapoints_filtered")
    assert 0 == outcome.telemetry.imbalance(Signal.METRICS)


def test_a_metric_that_came_without_data_points_stays():
    metrics = make_metrics({"name": "empty", "points": []}, {"name": "cpu", "points": [{"value": 1}, {"value": 2}]})
    outcome = through("{metric_conditions: ['datapoint.value_int == 1']}", metrics)

    assert {"empty": 0, "cpu": 1} == {metric.name: len(metric.points) for metric in outcome.records}


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ('IsMatch(log.body, "password")', ["hello"]),
        ("log.severity_number < SEVERITY_NUMBER_WARN", ["password=1"]),
        ('log.attributes["k"] == "v"', ["hello"]),
        ('resource.attributes["service.name"] == "shop" and log.body == "hello"', ["password=1"]),
    ],
)
def test_a_log_record_that_meets_a_condition_is_dropped(condition, left):
    outcome = through(f"{{log_conditions: ['{condition}']}}", LOGS.copy())

    assert left == [log.body for log in outcome.records]
    assert 1 == count(outcome, "otelcol_processor_filter_logs_filtered")


def test_the_old_form_needs_no_prefixes():
    yaml = """
      traces: {span: ['attributes["url.path"] == "/pay"'], spanevent: ['name == "debug"']}
      metrics: {metric: ['name == "memory"'], datapoint: ['attributes["core"] == "1"']}
      logs: {log_record: ['severity_number < 9']}
    """
    outcome = through(yaml, SPANS.copy(), METRICS.copy(), LOGS.copy())
    traces, metrics, logs = outcome.batches

    assert (2, 1, 1) == (len(traces), len(metrics), len(logs))
    assert 1 == count(outcome, "otelcol_processor_filter_spans_filtered")


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_the_old_form_has_conditions_on_resources(signal):
    batch = {"traces": SPANS, "metrics": METRICS, "logs": LOGS}[signal]
    outcome = through(f"""{{{signal}: {{resource: ['attributes["service.name"] == "shop"']}}}}""", batch.copy())

    assert [] == outcome.batches
    assert {DropReason.FILTERED: len(batch)} == outcome.dropped


def test_a_group_says_what_its_conditions_are_about():
    yaml = """{trace_conditions: [{context: spanevent, conditions: ['name == "debug"', 'name == "exception"']}]}"""
    outcome = through(yaml, SPANS.copy())

    assert [[], [], []] == [span.events for span in outcome.records]


@pytest.mark.parametrize(
    "yaml",
    [
        """{trace_conditions: ['span.name == "a"', 'resource.attributes["k"] == "v"']}""",
        """{trace_conditions: [{context: span, conditions: ['name == "a"', 'name == "c"']}]}""",
        """{traces: {span: ['name == "a"'], resource: ['attributes["k"] == "v"']}}""",
    ],
)
def test_each_condition_is_parsed_once_though_there_are_thousands(yaml, monkeypatch):
    texts = []
    monkeypatch.setattr(config, "parsed", lambda text, context: texts.append(text) or parsed(text, context))

    outcome = through(yaml, SPANS)

    assert "b" in names(outcome)
    assert 2 == len(texts)


def test_conditions_of_other_signals_are_not_asked():
    outcome = through("{log_conditions: ['log.severity_number >= 0']}", SPANS.copy(), METRICS.copy(), LOGS.copy())

    assert [SPANS.wire, METRICS.wire] == [batch.wire for batch in outcome.batches]


def test_resources_and_scopes_that_are_left_empty_go():
    outcome = through(
        """{trace_conditions: ['resource.attributes["service.name"] == "shop"', 'scope.name == "grpc"']}""",
        Batch.join([SPANS, make_spans({"name": "d"}, scope="grpc"), make_spans({"name": "e"}, scope="grpc2")]),
    )

    assert ["e"] == names(outcome)
    assert 1 == len(outcome.batches[0].skeleton().resource_spans)


def test_a_batch_in_which_nothing_is_dropped_is_the_one_that_came():
    """
    Even if a span has to be looked at, and has an attribute twice.
    """
    config = FilterConfig.model_validate({"trace_conditions": ['span.attributes["k"] == "x" or span.name == "y"']})
    batch = make_batch(k="1")
    span = batch.request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="k").value.string_value = "z"
    span.attributes.add(key="x").value.string_value = "y"
    batch = Batch(Signal.TRACES, wire=batch.wire)

    assert Filter(config, settings_of("filter")).process(batch) is batch


def test_looking_at_what_is_there_twice_does_not_change_it():
    batch = make_batch(items=2, k="1")
    resource = batch.request.resource_spans[0]
    for attributes in (resource.resource.attributes, resource.scope_spans[0].spans[1].attributes):
        attributes.add(key="k").value.string_value = "2"
        attributes.add(key="k").value.string_value = "3"
    expected = Batch(Signal.TRACES, wire=batch.wire).request
    del expected.resource_spans[0].scope_spans[0].spans[0]
    outcome = through(
        """{trace_conditions: ['span.attributes["k"] == "1"', 'resource.attributes["k"] == "1"']}""", batch
    )

    assert expected == outcome.batches[0].request


FAILING = 'span.attributes["x"]["y"] == 1'
MIXED = make_spans({"name": "a", "attributes": {"x": "not a map"}}, {"name": "b", "attributes": {"x": {"y": 1}}})


@pytest.mark.parametrize(("mode", "lines"), [("ignore", 1), ("silent", 0)])
def test_an_error_of_a_condition_counts_as_not_met(mode, lines, caplog):
    with caplog.at_level(logging.WARNING):
        outcome = through(f"{{error_mode: {mode}, trace_conditions: ['{FAILING}']}}", MIXED.copy(), MIXED.copy())

    assert ["a", "a"] == names(outcome)
    assert 2 == count(outcome, "pyotelcol_processor_filter_condition_errors")
    assert lines == len(caplog.records)


def test_the_next_condition_is_asked_after_an_error():
    outcome = through(f"""{{trace_conditions: ['{FAILING}', 'span.name == "a"']}}""", MIXED.copy())

    assert [] == outcome.batches


def test_errors_are_ignored_unless_it_is_said_otherwise():
    assert FilterConfig().error_mode == "ignore"


def test_an_error_that_is_not_ignored_costs_the_batch_and_is_counted(caplog):
    outcome = through(f"{{error_mode: propagate, trace_conditions: ['{FAILING}']}}", MIXED.copy(), SPANS.copy())

    assert [SPANS.wire] == [batch.wire for batch in outcome.batches]
    assert {DropReason.PLUGIN_ERROR: 2} == outcome.dropped
    assert 0 == outcome.telemetry.imbalance(Signal.TRACES)
    assert any(FAILING in record.getMessage() for record in caplog.records)


def test_a_group_can_treat_errors_in_another_way():
    yaml = f"{{trace_conditions: [{{error_mode: propagate, conditions: ['{FAILING}']}}]}}"

    assert {DropReason.PLUGIN_ERROR: 2} == through(yaml, MIXED.copy()).dropped


def test_a_point_with_a_kind_that_has_no_such_field_does_not_meet_a_condition_on_it():
    summary = make_metrics({"kind": "summary", "points": [{"count": 1}]})
    outcome = through("{metric_conditions: ['datapoint.value_int == 1']}", summary)

    assert [Metric] == [type(metric) for metric in outcome.records]
