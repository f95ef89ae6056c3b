"""
Whoever is asked about a trace decides the same: another instance, another request, the policy of tail_sampling.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import sampling
from collector.api import DropReason, Signal
from collector.batch import Batch
from collector.testing import make_spans, run_processor
from tests.collector.records.wire import field

MODES = ["hash_seed", "proportional", "equalizing"]
BAD = b"\xff"
"""No UTF-8, which a receiver refuses unless its senders are trusted."""


def through(yaml, *batches):
    return run_processor(yaml, *batches)


def traces_kept(yaml, *batches):
    return {span.trace_id for span in through(yaml, *batches).records}


def ids_around(threshold):
    """
    Trace ids that a threshold keeps only just, or only just not, and others.
    """
    dice = random.Random(threshold)
    near = [threshold - 1, threshold, threshold + 1]
    values = [value for value in near if 0 <= value < sampling.NEVER] + [dice.getrandbits(56) for _ in range(20)]
    return [dice.randbytes(9).hex() + f"{value:014x}" for value in values]


@settings(max_examples=30)
@given(st.integers(1, 64 * 100))
def test_what_is_kept_is_what_the_policy_of_tail_sampling_keeps(part):
    """
    With all digits of the threshold, of percentages that 32 bits hold exactly, as the Collector's settings do.
    """
    percentage = part / 64
    ids = ids_around(sampling.threshold(percentage / 100))
    batch = make_spans(*({"trace_id": trace_id} for trace_id in ids))
    policy = f"{{name: some, type: probabilistic, probabilistic: {{sampling_percentage: {percentage}}}}}"
    by_policy = traces_kept(f"tail_sampling: {{policies: [{policy}]}}", batch)

    for mode in ("proportional", "equalizing"):
        its = f"{{sampling_percentage: {percentage}, mode: {mode}, sampling_precision: 14}}"

        assert by_policy == traces_kept(f"probabilistic_sampler: {its}", batch)


@pytest.mark.parametrize("mode", MODES)
def test_a_trace_in_several_requests_and_at_several_collectors_is_kept_or_dropped_as_one(mode):
    ids = ids_around(sampling.threshold(0.3))
    settings_ = f"probabilistic_sampler: {{sampling_percentage: 30, mode: {mode}, hash_seed: 7}}"
    whole = make_spans(*({"trace_id": trace_id, "name": name} for trace_id in ids for name in "abc"))
    parts = [make_spans(*({"trace_id": trace_id, "name": name} for trace_id in ids)) for name in "cab"]

    at_once, one_after_the_other = through(settings_, whole).records, through(settings_, *parts).records
    elsewhere = [span for part in parts for span in through(settings_, part).records]

    spans = sorted((span.trace_id, span.name, span.trace_state) for span in at_once)
    assert 0 < len(spans) < 3 * len(ids)
    assert 0 == len(spans) % 3
    assert spans == sorted((span.trace_id, span.name, span.trace_state) for span in one_after_the_other)
    assert spans == sorted((span.trace_id, span.name, span.trace_state) for span in elsewhere)


def test_one_sampler_after_the_other_keeps_what_the_stricter_one_does_alone():
    batch = make_spans(*({"trace_id": trace_id} for trace_id in ids_around(sampling.threshold(0.2))))
    loose, strict = (f"{{sampling_percentage: {percentage}, mode: equalizing}}" for percentage in (60, 20))

    both = through(f"probabilistic_sampler/1: {loose}\nprobabilistic_sampler/2: {strict}", batch).records
    alone = through(f"probabilistic_sampler: {strict}", batch).records

    assert alone
    assert [(span.trace_id, span.trace_state) for span in alone] == [(span.trace_id, span.trace_state) for span in both]


@pytest.mark.parametrize(
    "state", ["ot=th:C", "ot=rv:ABCDEFABCDEFAB", "ot=th:0c;rv:abcdefabcdefag", "ot=th:", "ot=th:123456789012345"]
)
def test_digits_are_lower_case_hexadecimal_and_no_more_than_there_can_be(state):
    batch = make_spans({"trace_id": "f" * 32, "trace_state": state})

    outcome = through("probabilistic_sampler: {sampling_percentage: 100, mode: equalizing}", batch)

    assert {DropReason.SAMPLED_OUT: 1} == outcome.dropped


def test_times_of_64_bits_pass_as_they_are():
    batch = make_spans({"trace_id": "f" * 32, "start_time_unix_nano": (1 << 64) - 1, "end_time_unix_nano": 1 << 63})

    (span,) = through("probabilistic_sampler: {sampling_percentage: 50, mode: equalizing}", batch).records

    assert ((1 << 64) - 1, 1 << 63) == (span.start_time_unix_nano, span.end_time_unix_nano)


def pair(number, key, value):
    return field(number, field(1, key) + field(2, field(1, value)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("signal", "record"),
    [
        (Signal.TRACES, field(1, b"\xfe" * 16) + pair(9, b"sampling.priority", BAD)),
        (Signal.TRACES, field(1, b"\xfe" * 16) + pair(9, BAD, b"sampling.priority")),
        (Signal.LOGS, field(9, b"\xfe" * 16) + pair(6, b"sampling.threshold", BAD)),
    ],
)
def test_a_record_that_cannot_be_read_costs_no_other(mode, signal, record):
    id_of_all = field(1 if signal is Signal.TRACES else 9, b"\xff" * 16)
    wire = field(1, field(2, field(2, record) + field(2, id_of_all)))

    for fail_closed, left in (("true", 1), ("false", 2)):
        its = f"{{sampling_percentage: 99.9, mode: {mode}, fail_closed: {fail_closed}}}"
        outcome = through(f"probabilistic_sampler: {its}", Batch(signal, wire=wire))

        assert left == sum(map(len, outcome.batches))
        assert 2 - left == outcome.dropped.get(DropReason.SAMPLED_OUT, 0)
        assert {DropReason.SAMPLED_OUT} >= set(outcome.dropped)
