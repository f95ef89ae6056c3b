"""
The Collector's hash and its buckets, and how they are written.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.records.mapping import records_of
from collector.sampling import TraceState, encode
from collector.testing import make_spans, settings
from processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from processors.probabilistic_sampler.hashing import BUCKETS, buckets, hash32, hash32_of_ids, randomness_of_hashes
from processors.probabilistic_sampler.processor import ProbabilisticSampler


def sampler(**config):
    return ProbabilisticSampler(ProbabilisticSamplerConfig.model_validate(config), settings("probabilistic_sampler"))


def kept(processor, batch):
    result = processor.process(batch)
    return [] if result is None else records_of(result)


def random_ids(count, seed=1):
    dice = random.Random(seed)
    return [dice.randbytes(16).hex() for _ in range(count)]


def spans_of(ids, **fields):
    return make_spans(*({"trace_id": trace_id, **fields} for trace_id in ids))


# OpenTelemetry Collector, tests of the probabilistic_sampler processor
@pytest.mark.parametrize(("data", "bucket"), [(b"", 0x3515), (bytes(16), 0x2455)])
def test_the_hash_is_that_of_the_collector(data, bucket):
    assert bucket == hash32(data) % BUCKETS


# as above; with these ids and seed 0 the Collector keeps 45 at 50 percent, and drops the first, which is none
def test_the_collector_keeps_as_many_of_the_same_ids():
    ids = [(bytes(8) + bytes([i]) * 8).hex() for i in range(100)]

    assert 45 == len(kept(sampler(sampling_percentage=50), spans_of(ids)))


# as above; 14 bits round the thresholds
@pytest.mark.parametrize(("percentage", "written"), [(75, "4"), (50, "8"), (25, "c"), (10, "e668"), (100 / 3, "aaac")])
def test_a_hash_is_written_as_randomness_with_the_threshold_that_it_passed(percentage, written):
    spans = kept(sampler(sampling_percentage=percentage, hash_seed=4312), spans_of(random_ids(100)))
    states = [TraceState.parse(span.trace_state.encode()) for span in spans]

    assert states
    assert {written} == {encode(state.threshold) for state in states}
    assert all(state.explicit >= state.threshold for state in states)


def test_the_written_randomness_decides_as_the_bucket():
    values = [random.Random(5).getrandbits(32) for _ in range(1000)]

    for percentage in (0.1, 10, 33.3, 99.9):
        count = buckets(percentage)
        by_bucket = [value % BUCKETS < count for value in values]

        assert by_bucket == [r >= BUCKETS - count << 42 for r in randomness_of_hashes(values)]


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=40), st.integers(0, (1 << 32) - 1))
def test_many_ids_are_hashed_as_each_of_them(ids, seed):
    assert [hash32(id_, seed) for id_ in ids] == hash32_of_ids(ids, seed)


def test_percentages_count_with_32_bits():
    """
    0.0061 percent is less than one bucket.
    """
    assert (0, 1, 1638, 16384) == (buckets(0.0061), buckets(0.00611), buckets(10), buckets(100))
