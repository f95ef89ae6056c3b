"""
Whatever a record holds, what is accepted comes out or is counted as dropped, with a reason.
"""

import logging

import pytest

from collector.api import DropReason, Signal
from collector.batch import Batch
from collector.testing import make_logs, make_spans, run_processor
from tests.collector.records.wire import field

NO_TEXT = b"\xff\xfe"
DEEPEST = {"list": 45, "map": 30}
"""So many in each other the official parser takes in a log record."""


def pair(key, value):
    return field(9, field(1, key) + field(2, field(1, value)))


def spans(*spans, resource=b""):
    return Batch(
        Signal.TRACES, wire=field(1, field(1, resource) + field(2, b"".join(field(2, each) for each in spans)))
    )


GOOD = field(5, b"good") + pair(b"k", b"v")
# What a receiver refuses unless its senders are trusted
ODD = {
    "name": (spans(field(5, NO_TEXT), GOOD), 'span.name != "x"'),
    "value": (spans(pair(b"k", NO_TEXT), GOOD), 'span.attributes["k"] != nil'),
    "key": (spans(pair(NO_TEXT, b"v") + pair(b"k", b"v"), GOOD), "Len(span.attributes) > 0"),
    "event": (spans(field(11, field(2, NO_TEXT)), GOOD), 'spanevent.name != "x"'),
    "resource": (
        spans(GOOD, GOOD, resource=field(1, field(1, b"r") + field(2, field(1, NO_TEXT)))),
        'resource.attributes["r"] != "x" or span.name == "good"',
    ),
    "number": (spans(GOOD, GOOD), 'span.attributes["k"] + 1 > 0'),
    "index": (spans(GOOD, GOOD), 'span.attributes["k"]["a"] == 1'),
    "call": (spans(GOOD, GOOD), 'HasPrefix(span.attributes["none"], "a")'),
}


@pytest.mark.parametrize("mode", ["ignore", "silent"])
@pytest.mark.parametrize("what", ODD)
def test_a_condition_that_cannot_be_asked_of_a_record_counts_as_not_met(mode, what):
    batch, condition = ODD[what]

    outcome = run_processor(f"filter: {{error_mode: {mode}, trace_conditions: ['{condition}']}}", batch)

    filtered = outcome.dropped.get(DropReason.FILTERED, 0)
    assert filtered < 2
    assert {DropReason.FILTERED} >= set(outcome.dropped)
    assert 2 == filtered + sum(map(len, outcome.batches))


@pytest.mark.parametrize("what", ODD)
def test_an_error_that_is_not_ignored_costs_the_batch_and_nothing_of_it_is_passed_on(what, caplog):
    caplog.set_level(logging.CRITICAL)
    batch, condition = ODD[what]

    outcome = run_processor(f"filter: {{error_mode: propagate, trace_conditions: ['{condition}']}}", batch)

    assert [] == outcome.batches
    assert {DropReason.PLUGIN_ERROR: 2} == outcome.dropped


def nested(kind):
    value = "leaf"
    for _ in range(DEEPEST[kind]):
        value = [value] if kind == "list" else {"k": value}
    return value


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("list", 'log.attributes["deep"]' + "[0]" * DEEPEST["list"] + ' == "leaf"'),
        ("map", 'log.attributes["deep"]' + '["k"]' * DEEPEST["map"] + ' == "leaf"'),
        ("list", 'log.attributes["deep"] == log.body'),
        ("map", 'log.attributes["deep"] == log.body'),
        ("list", 'IsMatch(log.attributes["deep"], "leaf")'),
        ("map", 'IsMatch(log.body, "leaf")'),
        ("list", 'ContainsValue([log.body], log.attributes["deep"])'),
        ("map", "Len(String(log.attributes)) > 100"),
    ],
)
def test_values_are_looked_into_as_deep_as_they_can_be(kind, condition):
    logs = make_logs({"body": nested(kind), "attributes": {"deep": nested(kind)}}, {"body": "flat"})

    outcome = run_processor(
        f"filter: {{error_mode: propagate, log_conditions: ['IsString(log.body) or {condition}']}}", logs
    )

    assert {DropReason.FILTERED: 2} == outcome.dropped


def test_a_request_of_which_all_is_dropped_is_counted_and_not_passed_on():
    outcome = run_processor(
        "filter: {trace_conditions: ['span.name == \"a\"']}", make_spans({"name": "a"}, {"name": "a"})
    )

    assert [] == outcome.batches
    assert {DropReason.FILTERED: 2} == outcome.dropped
