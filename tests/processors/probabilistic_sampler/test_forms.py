"""
Of a request that is apart the same is kept as of its bytes, and goes on apart.
"""

import random

import pytest

from collector.batch import Batch, Signal
from collector.testing import make_logs, make_spans, settings
from processors.probabilistic_sampler import factory
from tests.processors.forms import assert_all_forms_come_to_the_same, forms, random_request

SIGNALS = [Signal.TRACES, Signal.LOGS]
IDS = [dice.randbytes(16).hex() for dice in map(random.Random, range(20))]
OF_LOGS = [
    {},
    {"sampling_priority": "sampling.priority"},
    {"mode": "hash_seed", "from_attribute": "k"},
    {"mode": "hash_seed", "from_attribute": "k", "attribute_source": "record"},
]


def of_traces(signal, ids):
    make = make_spans if signal is Signal.TRACES else make_logs
    return make(*({"trace_id": trace_id} for trace_id in ids))


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("seed", range(60))
def test_all_forms_come_to_the_same(signal, seed):
    dice = random.Random(seed)
    config = {
        "sampling_percentage": dice.choice([0, 30, 50, 100]),
        "mode": dice.choice(["hash_seed", "proportional", "equalizing"]),
        "fail_closed": dice.choice([True, False]),
        **(dice.choice(OF_LOGS) if signal is Signal.LOGS else {}),
    }

    assert_all_forms_come_to_the_same(factory, config, signal, random_request(dice, signal))


@pytest.mark.parametrize("signal", SIGNALS)
def test_all_forms_of_a_large_request_that_only_trace_ids_decide_on_come_to_the_same(signal):
    """
    Of which no record is looked at.
    """
    request = Batch.join([of_traces(signal, IDS), of_traces(signal, IDS[:1]), of_traces(signal, [])])

    for percentage in (0, 50, 100):
        config = {"sampling_percentage": percentage, "mode": "proportional"}
        left, counts, _ = assert_all_forms_come_to_the_same(factory, config, signal, request.wire)

        assert (percentage == 0) == (left is None)
        assert 21 == sum(counts.values())


def sampled(batch, percentage):
    config = factory.config.model_validate({"sampling_percentage": percentage})
    return factory.build(config, settings("probabilistic_sampler")).process(batch)


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_is_kept_of_a_request_that_is_apart_goes_on_apart(signal):
    arrived, *aparts = forms(signal, of_traces(signal, IDS).wire, {"x-tenant": "shop"})
    by_bytes = sampled(arrived, 50)

    assert not by_bytes.is_apart
    for apart in aparts:
        left = sampled(apart, 50)

        assert left.is_apart
        assert 0 < len(left) < 20
        assert (by_bytes.metadata, len(by_bytes)) == (left.metadata, len(left))


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_request_that_is_apart_stays_apart_if_all_is_kept(signal):
    arrived = of_traces(signal, IDS)
    batch = arrived.replace(arrived.apart())

    assert batch is sampled(batch, 100)
    assert batch.is_apart
