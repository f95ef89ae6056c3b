"""What a receiver that is told to trust its senders lets through costs nobody but who sent it."""

import dataclasses

import pytest

from collector.batch import Batch, Signal
from collector.telemetry import DROPPED, HELD
from collector.testing import FakeClock, Sink, make_spans, settings
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory

NO_TEXT = b"\xff\xfe\xff\xfe"
MARK = NO_TEXT.translate(bytes.maketrans(b"\xff\xfe", b"QZ")).decode()
PLACES = {
    "scope": {"scope": MARK},
    "resource": {"resource": {"service.name": MARK}},
    "key of the resource": {"resource": {MARK: "shop"}},
    "name": {"name": MARK},
    "attribute": {"attributes": {"route": MARK}},
    "key": {"attributes": {MARK: "x"}},
    "trace state": {"trace_state": MARK},
    "member of the trace state": {"trace_state": f"ot=th:8;{MARK}"},
    "event": {"events": [{"name": MARK}]},
}
POLICIES = [
    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "route", "type": "string_attribute", "string_attribute": {"key": "route", "values": ["/orders"]}},
    {"name": "service", "type": "string_attribute", "string_attribute": {"key": "service.name", "values": ["x"]}},
    {"name": "state", "type": "trace_state", "trace_state": {"key": "a", "values": ["b"]}},
    {"name": "named", "type": "ottl_condition", "ottl_condition": {"span": ['name == "x"']}},
    {"name": "kinds", "type": "dynamic", "dynamic": {"fields": ["name", "route", "root.service.name"]}},
    {"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}},
    {"name": "all", "type": "always_sample"},
]


def spans(trace, **fields):
    """
    Of a trace, with bytes that are no text where a mark stands.
    """
    outer = {key: fields.pop(key) for key in ("scope", "resource") if key in fields}
    batch = make_spans({"trace_id": f"{trace:032x}", **fields}, **outer)
    return Batch(Signal.TRACES, wire=batch.wire.replace(MARK.encode(), NO_TEXT))


@pytest.mark.parametrize("place", PLACES)
async def test_bytes_that_are_no_text_pass_as_they_are(place):
    sink, clock = Sink(), FakeClock()
    its = dataclasses.replace(settings("tail_sampling", clock), common={}, signal=Signal.TRACES)
    tail = factory.build(TailSamplingConfig(policies=POLICIES, decision_wait=10), its, sink)
    telemetry = its.telemetry.telemetry

    async with tail.lifespan():
        await tail.consume(spans(1))
        await tail.consume(spans(2, **PLACES[place]))
        await clock.advance(11)
        await tail.consume(spans(2, **PLACES[place]))
        await clock.advance(1)

    assert (3, 0, 0) == (sink.items, telemetry.total(HELD), telemetry.total(DROPPED))
    assert NO_TEXT in b"".join(batch.wire for batch in sink.batches)
