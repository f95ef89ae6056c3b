"""However spans are ordered and cut into requests: one decision for each trace, every span once, not a byte lost."""

import asyncio
import dataclasses
import random
from collections import Counter, defaultdict

import pytest

from collector.batch import Batch, Signal
from collector.errors import DropReason
from collector.telemetry import DROPPED, HELD
from collector.testing import Sink, make_spans, settings
from collector.testing.clock import FakeClock
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory

TRACES = 200
POLICIES = [
    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "slow", "type": "latency", "latency": {"threshold_ms": 900}},
    {"name": "shop", "type": "string_attribute", "string_attribute": {"key": "service.name", "values": ["shop-3"]}},
    {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 20}},
]


def span_of(dice, trace_id, serial):
    return {
        "trace_id": trace_id,
        "span_id": f"{serial:016x}",
        "parent_span_id": "" if dice.random() < 0.2 else f"{dice.getrandbits(64):016x}",
        "status": "error" if dice.random() < 0.02 else "unset",
        "duration": dice.random() * dice.random(),
        "attributes": {"n": serial, "text": "x" * dice.randrange(200)},
        "trace_state": "vendor=1" if dice.random() < 0.1 else "",
    }


def everything(dice):
    """
    Return every span as (service, scope, wire, its fields), of all traces in turn.
    """
    found, serial = [], 1
    for _ in range(TRACES):
        trace_id = f"{dice.getrandbits(128):032x}"
        for _ in range(dice.randint(1, 12)):
            place = f"shop-{dice.randrange(60)}", f"scope-{dice.randrange(3)}"
            found.append((place, span_of(dice, trace_id, serial)))
            serial += 1
    return found


def requests_of(dice, spans):
    """
    Cut spans, shuffled, into requests of any size, each with the resources and scopes that its spans stood in.
    """
    spans = dice.sample(spans, len(spans))
    while spans:
        some = [spans.pop() for _ in range(min(len(spans), dice.choice([1, 3, 40, 200])))]
        by_place = defaultdict(list)
        for place, fields in some:
            by_place[place].append(fields)
        parts = [
            make_spans(*fields, resource={"service.name": service}, scope=scope)
            for (service, scope), fields in by_place.items()
        ]
        yield Batch.join(parts)


def records(batch):
    """
    Yield (service, scope, span) of a batch.
    """
    for resource in batch.copy().request.resource_spans:
        (service,) = [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield service, scope.scope.name, span


def processor(next_, clock, **config):
    its = dataclasses.replace(settings("tail_sampling", clock), common={})
    made = factory.build(TailSamplingConfig(**{"policies": POLICIES, "decision_wait": 10, **config}), its, next_)
    return made, its.telemetry.telemetry


def balance(received, sink, telemetry):
    return received - sink.items - telemetry.total(HELD) - telemetry.total(DROPPED)


async def sent_of(requests, **config):
    """
    Return the sink behind the processor; the books have closed after every step.
    """
    sink, clock = Sink(), FakeClock()
    tail, telemetry = processor(sink, clock, **config)
    received = 0
    async with tail.lifespan():
        for request in requests:
            received += len(request)
            await tail.consume(request)
            assert 0 == balance(received, sink, telemetry)
            await clock.advance(0.01)
            assert 0 == balance(received, sink, telemetry)
        await clock.advance(11)
        assert 0 == telemetry.total(HELD)
    assert 0 == balance(received, sink, telemetry)
    assert {DropReason.SAMPLED_OUT} >= {reason for reason in DropReason if telemetry.total(DROPPED, reason=reason)}
    return sink


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_does_not_depend_on_the_order_or_on_how_spans_are_cut_into_requests(seed):
    dice = random.Random(seed)
    spans = everything(dice)
    together = await sent_of(requests_of(dice, spans))
    kept = {span.trace_id.hex() for batch in together.batches for _, _, span in records(batch)}

    shuffled = await sent_of(requests_of(dice, spans))
    sent = [span.span_id.hex() for batch in shuffled.batches for _, _, span in records(batch)]

    assert Counter(fields["span_id"] for _, fields in spans if fields["trace_id"] in kept) == Counter(sent)
    assert 0.2 * TRACES < len(kept) < 0.8 * TRACES


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_kept_spans_are_the_bytes_that_came_under_the_resource_and_scope_they_came_with(seed):
    """
    But for the threshold in the trace state, which `record_rate` writes.
    """
    dice = random.Random(seed)
    batches = list(requests_of(dice, everything(dice)))
    came = {
        span.span_id: (service, scope, span.SerializeToString())
        for batch in batches
        for service, scope, span in records(batch)
    }
    plain, marked = [
        {
            span.span_id: (service, scope, span)
            for batch in (await sent_of([batch.copy() for batch in batches], record_rate=rate)).batches
            for service, scope, span in records(batch)
        }
        for rate in (False, True)
    ]

    assert {id_: (service, scope, s.SerializeToString()) for id_, (service, scope, s) in plain.items()} == {
        id_: came[id_] for id_ in plain
    }
    assert plain.keys() == marked.keys()
    states = {span.trace_state for _, _, span in marked.values()} - {"", "vendor=1"}
    assert {"ot=th:cccccccccccccc", "ot=th:cccccccccccccc,vendor=1"} >= states != set()
    for _, _, span in marked.values():
        span.trace_state = plain[span.span_id][2].trace_state
    assert {i: s.SerializeToString() for i, (_, _, s) in plain.items()} == {
        i: s.SerializeToString() for i, (_, _, s) in marked.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("config", [{"num_traces": 20}, {"maximum_held_bytes": 20_000}])
async def test_without_room_every_span_still_goes_with_one_decision_on_its_trace(config):
    """
    A decision that was made early is made on less, but whoever comes later follows it.
    """
    dice = random.Random(7)
    spans = everything(dice)

    sink = await sent_of(requests_of(dice, spans), **config)
    sent = Counter(span.trace_id.hex() for batch in sink.batches for _, _, span in records(batch))

    came = Counter(fields["trace_id"] for _, fields in spans)
    assert {trace: came[trace] for trace in sent} == sent


@pytest.mark.slow
async def test_requests_that_are_small_and_many_go_out_in_large_ones():
    dice = random.Random(3)
    spans = everything(dice)
    singles = [make_spans(fields, resource={"service.name": place[0]}, scope=place[1]) for place, fields in spans]

    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock)
    async with tail.lifespan():
        for single in singles:
            await tail.consume(single)
        await clock.advance(11)

    assert 1 == len(sink.batches)
    assert 60 >= len(sink.batches[0].copy().request.resource_spans)


class Slow:
    """
    Takes one batch when it is told to, and says until then that there is no room.
    """

    def __init__(self):
        self.batches = []
        self.may = asyncio.Semaphore(0)

    def admits(self, items, size):
        return None

    async def consume(self, batch):
        await self.may.acquire()
        self.batches.append(batch)

    @property
    def items(self):
        return sum(map(len, self.batches))


async def test_what_was_decided_on_stays_held_until_what_comes_next_takes_it():
    slow, clock = Slow(), FakeClock()
    tail, telemetry = processor(slow, clock, policies=[{"name": "all", "type": "always_sample"}])
    steps = []

    async with tail.lifespan():
        for trace in range(1, 4):
            await tail.consume(make_spans({"trace_id": f"{trace:032x}"}))
            await clock.advance(11)
            steps.append((slow.items, telemetry.total(HELD)))
        for _ in range(3):
            slow.may.release()
        await clock.advance(0)

    # the first is on its way to what comes next, which holds it as far as the books are concerned
    assert [(0, 0), (0, 1), (0, 2)] == steps
    assert (3, 0, 0) == (slow.items, telemetry.total(HELD), telemetry.total(DROPPED))


async def test_a_trace_without_an_id_passes_at_once_and_undecided():
    sink, clock = Sink(), FakeClock()
    tail, telemetry = processor(sink, clock, policies=[POLICIES[0]])
    batch = make_spans({"trace_id": "0" * 32}, {"trace_id": ""}, {}, {"trace_id": f"{9:032x}"})
    batch.request.resource_spans[0].scope_spans[0].spans[2].trace_id = b"no 16 bytes"

    async with tail.lifespan():
        await tail.consume(batch)
        await clock.advance(0)
        passed, held = sink.items, telemetry.total(HELD)

    assert (3, 1) == (passed, held)
    assert {Signal.TRACES} == {batch.signal for batch in sink.batches}
