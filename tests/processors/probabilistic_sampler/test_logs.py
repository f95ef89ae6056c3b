"""
Log records are sampled as spans are, and say so in attributes.
"""

import pytest

from collector.api import DropReason
from collector.testing import make_logs, run_processor
from processors.probabilistic_sampler.hashing import hash32, randomness_of_hashes

HALF = "fefefefefefefefefe80000000000000"
ALWAYS = "111111111111111111ffffffffffffff"
LOGS = "otelcol_processor_probabilistic_sampler_count_logs_sampled"


def through(yaml, *batches):
    return run_processor(f"probabilistic_sampler: {{{yaml}}}", *batches)


def counted(outcome, name):
    return {
        tuple(value for label, value in labels if label != "component"): value
        for metric, labels, value in outcome.telemetry.samples()
        if metric.name == name
    }


def attributes_left(yaml, **log):
    outcome = through(yaml, make_logs(log))
    return [dict(record.items()) for record in outcome.records]


def test_log_records_say_in_attributes_what_they_passed():
    for mode, incoming, expected in [
        ("proportional", {}, {"sampling.threshold": "8"}),
        ("proportional", {"sampling.threshold": "c"}, {"sampling.threshold": "e"}),
        ("equalizing", {"sampling.threshold": "c"}, {"sampling.threshold": "c"}),
        (
            "equalizing",
            {"sampling.randomness": "80000000000000"},
            {"sampling.threshold": "8", "sampling.randomness": "80000000000000"},
        ),
    ]:
        left = attributes_left(f"sampling_percentage: 50, mode: {mode}", trace_id=ALWAYS, attributes=incoming)

        assert [expected] == left


def test_the_randomness_of_a_log_record_wins_over_its_trace_id():
    attributes = {"sampling.randomness": "70000000000000"}

    assert [] == attributes_left("sampling_percentage: 50, mode: equalizing", trace_id=ALWAYS, attributes=attributes)


def test_a_hashed_log_record_says_what_it_was_hashed_to():
    left = attributes_left("sampling_percentage: 99.9, hash_seed: 22", trace_id=HALF)
    value = randomness_of_hashes([hash32(bytes.fromhex(HALF), 22)])[0]

    assert [{"sampling.threshold": "0044", "sampling.randomness": f"{value:014x}"}] == left


@pytest.mark.parametrize("value", ["1234", b"1234", 1234])
@pytest.mark.parametrize("source", ["attribute_source: record, ", ""])
def test_log_records_are_sampled_by_an_attribute(value, source):
    """
    Always, or because they have no trace id.
    """
    trace_id = HALF if source else ""
    yaml = f"sampling_percentage: 99.9, {source}from_attribute: id, hash_seed: 49"
    outcome = through(yaml, make_logs({"trace_id": trace_id, "attributes": {"id": value}}))
    expected = randomness_of_hashes([hash32(b"1234", 49)])[0]

    assert [f"{expected:014x}"] == [log["sampling.randomness"] for log in outcome.records]
    assert {("id", "true"): 1} == counted(outcome, LOGS)


@pytest.mark.parametrize("log", [{}, {"attributes": {"id": ""}}, {"attributes": {"sampling.threshold": "xyz"}}])
def test_log_records_without_anything_to_decide_by_fail_as_spans_do(log):
    yaml = "sampling_percentage: 50, from_attribute: id"

    assert {DropReason.SAMPLED_OUT: 1} == through(yaml, make_logs(log)).dropped
    assert [log.get("attributes", {})] == attributes_left(f"{yaml}, fail_closed: false", **log)


@pytest.mark.parametrize(
    ("percentage", "priority", "threshold"),
    [(50, 0, None), (0, 100, "0"), (0, 250, "0"), (0, 12.5, "e"), (0, 10, None), (50, -1, "8"), (50, "0", "8")],
)
def test_a_log_record_has_a_percentage_of_its_own(percentage, priority, threshold):
    trace_id = "0" * 18 + "e0000000000000"
    yaml = f"sampling_percentage: {percentage}, mode: proportional, sampling_priority: prio"
    left = attributes_left(yaml, trace_id=trace_id, attributes={"prio": priority})

    assert left == ([] if threshold is None else [{"prio": priority, "sampling.threshold": threshold}])


def test_a_priority_does_not_bring_back_what_was_lost():
    attributes = {"prio": 37, "sampling.threshold": "c"}
    yaml = "sampling_percentage: 50, mode: equalizing, sampling_priority: prio"

    assert [attributes] == attributes_left(yaml, trace_id=ALWAYS, attributes=attributes)


def hundred_logs():
    """
    Those of the tests of the OpenTelemetry Collector: every second one has `foo` and `bar`, every fourth a priority.
    """
    logs = []
    for i in range(100):
        trace_id = bytes(8) + bytes([i]) * 8
        attributes = {"rando": hash32(trace_id, 123)}
        if i % 2 == 0:
            attributes |= {"foo": trace_id, "bar": trace_id.hex() if i else ""}
        if i % 4 == 0:
            attributes["priority"] = 100.0
        logs.append({"trace_id": trace_id.hex(), "attributes": attributes})
    return make_logs(*logs)


# OpenTelemetry Collector, tests of the probabilistic_sampler processor
@pytest.mark.parametrize(
    ("yaml", "count"),
    [
        ("sampling_percentage: 50", 45),
        ("sampling_percentage: 50, attribute_source: record, from_attribute: foo", 23),
        ("sampling_percentage: 50, attribute_source: record, from_attribute: bar", 29),
        ("sampling_percentage: 0, attribute_source: record, from_attribute: rando, sampling_priority: priority", 25),
        ("sampling_percentage: 50, attribute_source: record, from_attribute: rando, sampling_priority: priority", 64),
        ("sampling_percentage: 0, sampling_priority: priority", 25),
        ("sampling_percentage: 50, sampling_priority: priority, fail_closed: false", 57),
    ],
)
def test_the_collector_keeps_as_many_of_the_same_log_records(yaml, count):
    assert count == len(through(yaml, hundred_logs()).records)
