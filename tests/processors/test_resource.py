import random

import pytest
from pydantic import ValidationError

from collector.batch import SHAPES, Batch, Signal
from collector.testing import make_batch, make_logs, make_metrics, make_spans, run_processor, settings
from processors.resource import ResourceConfig, factory
from tests.processors.forms import assert_all_forms_come_to_the_same, random_request

MAKERS = {Signal.TRACES: make_spans, Signal.LOGS: make_logs, Signal.METRICS: make_metrics}


def processor(**config):
    return factory.build(ResourceConfig.model_validate(config), settings("resource"))


def resource_of(batch):
    return dict(run_processor("{}", batch).records[0].resource)


@pytest.mark.parametrize("signal", MAKERS)
def test_the_attributes_of_resources_are_changed_and_no_others(signal):
    record = {"points": [{"attributes": {"host": "x"}}]} if signal is Signal.METRICS else {"attributes": {"host": "x"}}
    batch = MAKERS[signal](record, resource={"host": "a", "service.name": "shop"})
    actions = [
        {"key": "host", "action": "delete"},
        {"key": "region", "value": "eu", "action": "upsert"},
        {"key": "name", "from_attribute": "service.name", "action": "insert"},
    ]

    result = processor(attributes=actions).process(batch)

    assert {"service.name": "shop", "region": "eu", "name": "shop"} == resource_of(result)
    (record,) = run_processor("{}", result).records
    assert {"host": "x"} == dict(record.points[0] if signal is Signal.METRICS else record)


def test_what_has_no_resource_gets_one():
    batch = Batch(Signal.TRACES, request=SHAPES[Signal.TRACES].request())
    batch.request.resource_spans.add().scope_spans.add().spans.add()
    assert not batch.request.resource_spans[0].HasField("resource")

    result = processor(attributes=[{"key": "region", "value": "eu", "action": "insert"}]).process(batch)

    assert {"region": "eu"} == resource_of(result)


def test_a_batch_in_which_nothing_changes_is_the_very_one_that_came():
    batch = make_spans({}, resource={"a": "b", "region": "eu"})

    for action in ({"key": "b", "action": "delete"}, {"key": "region", "value": "us", "action": "insert"}):
        assert batch is processor(attributes=[action]).process(batch)


def test_a_resource_of_a_batch_without_records_is_fine():
    batch = make_batch(Signal.TRACES, 0)

    assert 0 == len(processor(attributes=[{"key": "region", "value": "eu", "action": "insert"}]).process(batch))


def test_headers_become_attributes():
    batch = make_batch(Signal.TRACES)
    batch.metadata = {"x-tenant": "shop"}
    action = {"key": "tenant", "from_context": "metadata.x-tenant", "action": "upsert"}

    assert {"tenant": "shop"} == resource_of(processor(attributes=[action]).process(batch))


def test_an_allow_list_and_a_limit_are_for_resources_too():
    limited = processor(keep_keys=["pod"], limit={"max_values_per_key": 1})
    batches = [make_spans({}, resource={"pod": value, "x": 1}) for value in "ab"]

    assert [{"pod": "a"}, {"pod": "_OTHER"}] == [resource_of(limited.process(batch)) for batch in batches]


def test_unlike_records_resources_are_not_chosen():
    with pytest.raises(ValidationError, match="include"):
        ResourceConfig.model_validate({"attributes": [{"key": "a", "action": "delete"}], "include": {}})


def test_a_configuration_that_does_nothing_is_refused():
    with pytest.raises(ValidationError, match="needs at least one of attributes, keep_keys"):
        ResourceConfig.model_validate({})


ACTIONS = [
    {"key": "k", "action": "delete"},
    {"key": "k", "value": "new", "action": "upsert"},
    {"key": "b", "from_attribute": "a", "action": "insert"},
    {"key": "a", "action": "hash"},
    {"key": "tenant", "from_context": "metadata.x-tenant", "action": "insert"},
    {"key": "k", "pattern": "^(?P<letter>a)", "action": "extract"},
]


@pytest.mark.parametrize("signal", MAKERS)
@pytest.mark.parametrize("seed", range(40))
def test_all_forms_of_a_request_come_to_the_same(signal, seed):
    dice = random.Random(seed)
    config = {"attributes": dice.sample(ACTIONS, dice.randrange(1, 3))}
    if dice.random() < 0.2:
        config["keep_keys"] = ["k"]

    assert_all_forms_come_to_the_same(factory, config, signal, random_request(dice, signal), {"x-tenant": "shop"})


@pytest.mark.parametrize("signal", MAKERS)
def test_a_request_that_is_apart_goes_on_apart_with_the_very_same_records(signal):
    arrived = make_batch(signal, 3)
    batch = arrived.replace(arrived.apart())

    unchanged = processor(attributes=[{"key": "none", "action": "delete"}]).process(batch)
    changed = processor(attributes=[{"key": "region", "value": "eu", "action": "insert"}]).process(batch)

    assert batch is unchanged
    assert changed.is_apart
    assert batch.apart().records is changed.apart().records
