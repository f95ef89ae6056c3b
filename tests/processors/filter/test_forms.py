"""
A request that is apart is filtered as its bytes are, and goes on apart.
"""

import random

import pytest

from collector.batch import Batch, Signal
from collector.testing import make_batch, make_spans, settings
from processors.filter import factory
from tests.processors.forms import assert_all_forms_come_to_the_same, forms, random_request

KEYS = {Signal.TRACES: "trace_conditions", Signal.METRICS: "metric_conditions", Signal.LOGS: "log_conditions"}
OF_ALL = ['resource.attributes["k"] == "a"', 'scope.name == "b"', 'scope.name == "a" and resource.attributes["a"] == 1']
CONDITIONS = {
    Signal.TRACES: [
        *('span.attributes["k"] == "ab"', 'span.attributes["a"] == nil', 'span.name == "b" and scope.name == "a"'),
        *('spanevent.name == "a"', 'spanevent.attributes["k"] == "b"'),
        'span.attributes["k"] + 1 > 1',  # which cannot be asked of a text
    ],
    Signal.METRICS: ['metric.name == "ab"', 'datapoint.attributes["k"] == "b"', 'datapoint.attributes["k"] + 1 > 1'],
    Signal.LOGS: ['log.attributes["k"] == "ab"', 'log.body == "a"', 'log.attributes["k"] + 1 > 1'],
}
STRICT = {"match_type": "strict"}
MATCHES = {
    Signal.TRACES: [
        {"spans": {"include": {**STRICT, "span_names": ["a", "ab"]}}},
        {"spans": {"include": {**STRICT, "resources": [{"key": "k"}]}, "exclude": {**STRICT, "span_names": ["a"]}}},
    ],
    Signal.METRICS: [{"metrics": {"exclude": {**STRICT, "metric_names": ["a"]}}}],
    Signal.LOGS: [
        {"logs": {"exclude": {**STRICT, "bodies": ["a"]}}},
        {"logs": {"include": {**STRICT, "resource_attributes": [{"key": "k"}]}}},
    ],
}


@pytest.mark.parametrize("signal", sorted(KEYS))
@pytest.mark.parametrize("seed", range(50))
def test_all_forms_come_to_the_same(signal, seed):
    dice = random.Random(seed)
    conditions = dice.sample([*OF_ALL, *CONDITIONS[signal]], dice.randrange(1, 4))
    config = {KEYS[signal]: conditions, "error_mode": dice.choice(["ignore", "silent", "propagate"])}

    for each in (config, *MATCHES[signal]):
        assert_all_forms_come_to_the_same(factory, each, signal, random_request(dice, signal))


def filtered(batch, *conditions, signal=Signal.TRACES):
    return factory.build(factory.config.model_validate({KEYS[signal]: conditions}), settings("filter")).process(batch)


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_what_is_left_of_a_request_that_is_apart_goes_on_apart(signal):
    batch = Batch.join([make_batch(signal, 2, k="a"), make_batch(signal, 3, k="b")])
    prefix = "span" if signal is Signal.TRACES else "log"
    _, *aparts = forms(signal, batch.wire, {"x-tenant": "shop"})

    for apart in aparts:
        left = filtered(apart, f'{prefix}.attributes["k"] == "a"', signal=signal)

        assert left.is_apart
        assert [3] == list(map(len, left.apart().records))
        assert ({"x-tenant": "shop"}, 3) == (left.metadata, len(left))


def test_what_arrived_as_bytes_goes_on_as_bytes():
    left = filtered(make_spans({"name": "a"}, {"name": "b"}), 'span.name == "a"')

    assert not left.is_apart


@pytest.mark.parametrize("signal", sorted(KEYS))
def test_a_request_that_is_apart_stays_apart_if_nothing_is_dropped(signal):
    """
    Metrics too, in which nothing can be that a condition asks for.
    """
    condition = {"traces": "span", "metrics": "datapoint", "logs": "log"}[signal] + '.attributes["k"] == "none"'
    arrived = make_batch(signal, 3, k="a")
    batch = arrived.replace(arrived.apart())

    assert batch is filtered(batch, condition, signal=signal)
    assert batch.is_apart


def test_nothing_goes_on_of_which_nothing_is_left():
    arrived = make_spans({"name": "a"})

    assert filtered(arrived.replace(arrived.apart()), 'span.name == "a"') is None
