"""
A part of all traces passes: the same part everywhere, and it says how large it is.
"""

import logging
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.api import DropReason, Signal
from collector.batch import Batch
from collector.records.mapping import records_of
from collector.sampling import decode, encode, randomness
from collector.testing import make_batch, make_logs, make_spans, run_processor, settings
from processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from processors.probabilistic_sampler.processor import ProbabilisticSampler

MODES = ["hash_seed", "proportional", "equalizing"]
COUNT = 20_000
CONSISTENT = ["proportional", "equalizing"]
HALF = "fefefefefefefefefe80000000000000"
"""A trace id that passes at 50 percent and at no less, by its own randomness."""
ALWAYS = "111111111111111111ffffffffffffff"
TRACES = "otelcol_processor_probabilistic_sampler_count_traces_sampled"
ERRORS = "pyotelcol_processor_probabilistic_sampler_errors"


def through(yaml, *batches):
    return run_processor(f"probabilistic_sampler: {{{yaml}}}", *batches)


def sampler(**config):
    return ProbabilisticSampler(ProbabilisticSamplerConfig.model_validate(config), settings("probabilistic_sampler"))


def kept(processor, batch):
    result = processor.process(batch)
    return [] if result is None else records_of(result)


def counted(outcome, name):
    return {
        tuple(value for label, value in labels if label != "component"): value
        for metric, labels, value in outcome.telemetry.samples()
        if metric.name == name
    }


def random_ids(count, seed=1):
    dice = random.Random(seed)
    return [dice.randbytes(16).hex() for _ in range(count)]


def spans_of(ids, **fields):
    return make_spans(*({"trace_id": trace_id, **fields} for trace_id in ids))


@pytest.fixture(scope="module")
def many():
    """
    Twenty thousand traces.
    """
    batch = make_batch(items=0)
    dice = random.Random(1)
    spans = [Span(trace_id=dice.randbytes(16)) for _ in range(COUNT)]
    batch.request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return batch.wire


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentage", [1, 10, 50])
def test_so_many_percent_pass(mode, percentage, many):
    """
    Within five standard deviations.
    """
    processor = sampler(sampling_percentage=percentage, mode=mode, hash_seed=22)
    count, part = len(processor.process(Batch(Signal.TRACES, wire=many))), percentage / 100

    assert abs(count - COUNT * part) < 5 * (COUNT * part * (1 - part)) ** 0.5


@pytest.mark.parametrize("mode", MODES)
@given(percentages=st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), seed=st.integers(0, 1000))
def test_what_passes_at_a_percentage_passes_at_every_higher_one(mode, percentages, seed):
    ids = random_ids(15, seed)
    fewer, more = (
        {span.trace_id for span in kept(sampler(sampling_percentage=p, mode=mode), spans_of(ids))}
        for p in sorted(percentages)
    )

    assert fewer <= more


@pytest.mark.parametrize("mode", MODES)
@given(order=st.permutations(range(12)), size=st.integers(1, 12))
def test_all_spans_of_a_trace_are_decided_on_alike(mode, order, size):
    """
    In whatever order and portions they come, and as log records with the same trace ids.
    """
    ids = [trace_id for trace_id in random_ids(4) for _ in range(3)]
    spans = [ids[i] for i in order]
    processor = sampler(sampling_percentage=50, mode=mode)
    passed = [span.trace_id for i in range(0, 12, size) for span in kept(processor, spans_of(spans[i : i + size]))]
    logs = kept(processor, make_logs(*({"trace_id": trace_id} for trace_id in spans)))

    assert [trace_id for trace_id in spans if trace_id in set(passed)] == passed
    assert [log.trace_id for log in logs] == passed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("percentage", [100, 200])
def test_at_a_hundred_percent_and_more_the_batch_passes_as_it_is(mode, percentage):
    traces, logs = spans_of(random_ids(9)), make_logs(*({"trace_id": trace_id} for trace_id in random_ids(9)))
    processor = sampler(sampling_percentage=percentage, mode=mode)

    assert processor.process(traces) is traces
    assert processor.process(logs) is logs


@pytest.mark.parametrize("mode", MODES)
def test_at_zero_percent_nothing_passes_but_by_priority(mode):
    batch = make_spans({"name": "a"}, {"name": "b", "attributes": {"sampling.priority": 1}}, {"trace_id": ""})

    assert ["b"] == [span.name for span in kept(sampler(sampling_percentage=0, mode=mode), batch)]


def test_only_what_is_written_changes():
    batch = spans_of(random_ids(50), attributes={"k": "v"}, events=[{"name": "e"}])
    before = {span.span_id: span for span in records_of(batch)}
    after = kept(sampler(sampling_percentage=50), batch)

    assert 0 < len(after) < 50
    for span in after:
        assert "" != span.trace_state

        span.message.ClearField("trace_state")

        assert before[span.span_id].message == span.message


# OpenTelemetry Collector, tests of the probabilistic_sampler processor; `th` comes first here
@pytest.mark.parametrize(
    ("percentage", "precision", "trace_id", "state", "proportional", "equalizing"),
    [
        (50, 4, HALF, "", "ot=th:8", "ot=th:8"),
        (49, 4, HALF, "", None, None),
        (25, 4, "ddddddddddddddddddc0000000000000", "", "ot=th:c", "ot=th:c"),
        (25, 4, "ddddddddddddddddddb0000000000000", "", None, None),
        (1, 4, "a0a0a0a0a0a0a0a0a0fe000000000000", "", "ot=th:fd70a", "ot=th:fd70a"),
        (1, 4, HALF, "ot=rv:fd70a3d70a3d71", "ot=th:fd70a;rv:fd70a3d70a3d71", "ot=th:fd70a;rv:fd70a3d70a3d71"),
        (1, 3, HALF, "ot=rv:fd70a3d70a3d71", None, None),
        (40, 3, HALF, "ot=rv:a0000000000000", "ot=th:99a;rv:a0000000000000", "ot=th:99a;rv:a0000000000000"),
        (50, 4, HALF, "ot=th:8;rv:90000000000000", None, "ot=th:8;rv:90000000000000"),
        (50, 4, HALF, "ot=th:8;rv:c0000000000000", "ot=th:c;rv:c0000000000000", "ot=th:8;rv:c0000000000000"),
        (25, 4, HALF, "ot=th:8", None, None),
        (25, 4, "f" * 32, "ot=th:8", "ot=th:e", "ot=th:c"),
        (40, 6, "a0a0a0a0a0a0a0a0a0d0000000000000", "ot=th:8", "ot=th:cccccd", "ot=th:99999a"),
        (40, 3, "a0a0a0a0a0a0a0a0a0b0000000000000", "ot=th:8", None, "ot=th:99a"),
        (100 / 2**14, 4, ALWAYS, "ot=th:fffc", "ot=th:fffffff", "ot=th:fffc"),
        (100 * (1 - 8e-7), 10, ALWAYS, "", "ot=th:00000cccccccd", "ot=th:00000cccccccd"),
        (0.0625, 4, ALWAYS, "ot=th:fffffffffffff8", None, "ot=th:fffffffffffff8"),
        (25, 4, "f" * 32, "a=b,ot=th:8;k:v", "ot=th:e;k:v,a=b", "ot=th:c;k:v,a=b"),
    ],
)
def test_the_trace_state_is_read_and_written(percentage, precision, trace_id, state, proportional, equalizing):
    for mode, expected in zip(CONSISTENT, (proportional, equalizing), strict=True):
        processor = sampler(sampling_percentage=percentage, sampling_precision=precision, mode=mode)
        states = [span.trace_state for span in kept(processor, spans_of([trace_id], trace_state=state))]

        assert states == ([] if expected is None else [expected])


@given(st.floats(0.001, 100), st.integers(0, (1 << 56) - 1), st.integers(1, 14), st.integers(0, 1000))
def test_equalizing_never_lowers_a_threshold_and_drops_nothing_that_passed_a_higher_one(
    percentage, incoming, precision, seed
):
    ids = [trace_id for trace_id in random_ids(8, seed) if randomness(bytes.fromhex(trace_id)) >= incoming]
    processor = sampler(sampling_percentage=percentage, sampling_precision=precision, mode="equalizing")
    own = processor._sampler.threshold
    spans = kept(processor, spans_of(ids, trace_state=f"ot=th:{encode(incoming)}"))

    assert all(decode(span.trace_state.removeprefix("ot=th:")) == max(incoming, own) for span in spans)
    if incoming >= own:
        assert ids == [span.trace_id for span in spans]


def test_all_that_comes_passes_at_a_hundred_percent_whatever_the_precision():
    """
    Rounding the threshold that a span came with must not drop it.
    """
    batch = spans_of(["0" * 18 + "aaaaaab0000000"], trace_state="ot=th:aaaaaab")

    assert sampler(sampling_percentage=100, mode="proportional").process(batch) is batch


FAULTS = [
    ("proportional", {"trace_id": ""}, "missing_randomness"),
    ("proportional", {"trace_id": "0" * 32}, "missing_randomness"),
    ("hash_seed", {"trace_id": ""}, "missing_randomness"),
    ("proportional", {"trace_id": HALF, "trace_state": "ot=rv:abababababababab"}, "malformed"),
    ("equalizing", {"trace_id": HALF, "trace_state": "ot=th:-1"}, "malformed"),
    ("hash_seed", {"trace_id": HALF, "trace_state": "no state"}, "malformed"),
    ("equalizing", {"trace_id": HALF, "trace_state": "ot=th:8;rv:70000000000000"}, "inconsistent_threshold"),
    ("proportional", {"trace_id": "f" * 18 + "70000000000000", "trace_state": "ot=th:8"}, "inconsistent_threshold"),
    ("hash_seed", {"trace_id": HALF, "trace_state": "ot=th:0"}, "threshold_in_use"),
    ("hash_seed", {"trace_id": HALF, "trace_state": "ot=rv:70000000000000"}, "randomness_in_use"),
]


@pytest.mark.parametrize(("mode", "span", "fault"), FAULTS)
def test_what_cannot_be_decided_on_is_dropped_and_counted(mode, span, fault, caplog):
    with caplog.at_level(logging.WARNING):
        outcome = through(f"sampling_percentage: 100, mode: {mode}", make_spans(span, span))

    assert {DropReason.SAMPLED_OUT: 2} == outcome.dropped
    assert {(fault,): 2} == counted(outcome, ERRORS)
    assert 0 == outcome.telemetry.imbalance(Signal.TRACES)
    assert 1 == len(caplog.records)


@pytest.mark.parametrize(("mode", "span", "fault"), FAULTS)
def test_it_is_kept_as_it_is_if_that_is_wanted(mode, span, fault):
    """
    But for a threshold that is wrong.
    """
    outcome = through(f"sampling_percentage: 1, mode: {mode}, fail_closed: false", make_spans(span))
    state = outcome.records[0].trace_state

    assert ("th:" not in state) if fault == "inconsistent_threshold" else (state == span.get("trace_state", ""))
    assert {(fault,): 1} == counted(outcome, ERRORS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("priority", "is_kept"), [(2, True), (0.5, True), ("1", True), (0, False), (0.0, False), ("0", False)]
)
def test_a_span_with_a_priority_is_kept_or_dropped_by_it(mode, priority, is_kept):
    percentage = 0.01 if is_kept else 99.99
    batch = make_spans({"trace_id": HALF, "attributes": {"sampling.priority": priority}})
    outcome = through(f"sampling_percentage: {percentage}, mode: {mode}", batch)

    assert is_kept == bool(outcome.records)
    assert {("sampling_priority", str(is_kept).lower()): 1} == counted(outcome, TRACES)
    assert all("th:0" in span.trace_state for span in outcome.records)


@pytest.mark.parametrize("priority", [-1, "NaN", "high", True, b"1"])
def test_what_is_no_priority_is_no_priority(priority):
    batch = make_spans({"trace_id": HALF, "attributes": {"sampling.priority": priority}})

    assert [] == kept(sampler(sampling_percentage=49, mode="proportional"), batch)


def test_decisions_are_counted_by_what_they_were_made_by():
    batch = make_spans(
        {"trace_id": ALWAYS}, {"trace_id": "0" * 31 + "1"}, {"trace_id": "", "trace_state": "ot=rv:ffffffffffffff"}
    )
    outcome = through("sampling_percentage: 50, mode: equalizing", batch)

    expected = {("trace_id_w3c", "true"): 1, ("trace_id_w3c", "false"): 1, ("sampling_randomness", "true"): 1}
    assert expected == counted(outcome, TRACES)


def test_of_an_id_that_is_there_twice_the_last_one_counts():
    """
    As for whoever decodes the span.
    """
    wire = spans_of([ALWAYS]).request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    twice = wire + b"\n\x10" + bytes.fromhex("0" * 18 + "7" + "0" * 13)
    batch = Batch(Signal.TRACES, request=make_batch(items=0).request)
    batch.request.resource_spans.add().scope_spans.add().spans.add().MergeFromString(twice)

    assert [] == kept(sampler(sampling_percentage=50, mode="proportional"), batch)


def test_resources_and_scopes_that_are_left_empty_go():
    batch = Batch.join([spans_of([ALWAYS]), spans_of(["0" * 31 + "1"])])
    result = sampler(sampling_percentage=50, mode="proportional").process(batch)

    assert 1 == len(result.skeleton().resource_spans) == len(result)
