"""Which trace a span belongs to is the same whoever looked at its ids before."""

import random

import pytest
import yaml

from collector.batch import Batch, Signal
from collector.component import ComponentID
from collector.net.validation import validate
from collector.registry import Kind, load_factory
from collector.testing import settings
from processors.tail_sampling.grouping import Grouping
from tests.bad_input.messages import attribute, field, scope, text

T, U, S = b"t" * 16, b"u" * 16, field(2, b"s" * 8)
SPANS = {
    "as every encoder writes it": field(1, T) + S + field(5, b"GET"),
    "of another trace": field(1, U) + S,
    "with the id of another trace behind its own": field(1, T) + S + field(1, U),
    "with an id twice": field(1, T) + S + field(1, T),
    "with another id first, which does not count": field(1, U) + field(1, T) + S,
    "with what is no id first": field(1, b"short") + field(1, T) + S,
    "with the ids behind something else": field(5, b"GET") + S + field(1, U),
    "with the ids the other way round": S + field(1, T),
    "with an attribute": field(1, U) + S + attribute(b"email", text(b"user@example.com")),
    "with an attribute first": attribute(b"email", text(b"user@example.com")) + field(1, T) + S,
}
PROCESSORS = """
redaction: {detectors: [email]}
attributes: {actions: [{key: email, action: delete}, {key: a, value: b, action: upsert}]}
resource: {attributes: [{key: a, value: b, action: upsert}]}
filter: {traces: {span: ['name == "GET"']}}
"""


def request(*spans):
    return b"".join([scope(field(2, SPANS[span])) for span in spans])


def taken(wire):
    """
    A request as a receiver hands it on.
    """
    return validate(Signal.TRACES, wire, max_items=1000, max_record_size=1000).batch


def traces(batch):
    """
    The spans of each trace, whatever stands around them.
    """
    found = {}
    for group in Grouping(Signal.TRACES).groups(batch):
        for trace_id, spans in group.by_trace.items():
            found.setdefault(trace_id, []).extend(spans)
    return found


@pytest.mark.parametrize("span", SPANS)
def test_spans_are_those_of_the_trace_whose_id_counts(span):
    for other in SPANS:
        wire = request(span, other)

        found = traces(taken(wire))

        assert found == traces(Batch(Signal.TRACES, wire=wire))
        assert {T, U} >= set(found)


def test_it_is_known_of_what_encoders_write_that_every_span_has_one_id():
    assert taken(request("as every encoder writes it", "of another trace")).apart().has_one_id_each
    for span in ("with an id twice", "with the ids the other way round", "with what is no id first"):
        assert not taken(request("of another trace", span)).apart().has_one_id_each


@pytest.mark.parametrize("id_", yaml.safe_load(PROCESSORS))
def test_it_stays_known_whoever_changes_something_else(id_):
    factory = load_factory(Kind.PROCESSOR, ComponentID.parse(id_).type)
    processor = factory.build(factory.config.model_validate(yaml.safe_load(PROCESSORS)[id_]), settings(id_))
    before = taken(request("with an attribute", *["as every encoder writes it", "of another trace"] * 80))

    after = processor.process(before)

    assert after.is_apart
    assert after.apart().has_one_id_each
    assert traces(Batch(Signal.TRACES, wire=after.wire)) == traces(after)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_was_changed_spans_are_those_of_the_trace_whose_id_counts(seed):
    dice = random.Random(seed)
    batch = taken(request(*dice.choices([*SPANS], k=12)))

    for id_, config in dice.sample([*yaml.safe_load(PROCESSORS).items()], 3):
        factory = load_factory(Kind.PROCESSOR, ComponentID.parse(id_).type)
        batch = factory.build(factory.config.model_validate(config), settings(id_)).process(batch) or batch

    assert traces(Batch(Signal.TRACES, wire=batch.copy().wire)) == traces(batch)
