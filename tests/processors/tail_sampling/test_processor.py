import asyncio
import dataclasses
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import Batch, Signal
from collector.errors import DropReason, RetryableError
from collector.records.mapping import records_of
from collector.sampling import NEVER
from collector.telemetry import DROPPED, HELD
from collector.testing import Sink, make_spans, settings
from collector.testing.clock import FakeClock
from processors.tail_sampling.common import Common
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.evaluation import Decision, Outcome
from processors.tail_sampling.measures import PREFIX
from processors.tail_sampling.processor import TailSampling
from processors.tail_sampling.ring import Ring


class KeepOdd:
    """
    Keeps traces with odd ids.
    """

    policies = MappingProxyType({})

    def decide(self, traces, now):
        kept, dropped = Outcome((), "sampled", "odd", [0]), Outcome((), "not_sampled", "")
        return [Decision(kept if trace.trace_id[-1] % 2 else dropped, ()) for trace in traces]


class Broken:
    policies = MappingProxyType({})

    def decide(self, traces, now):
        raise ZeroDivisionError


class KeepAtNoRate:
    """
    Keeps all traces, the first with a threshold that nothing passes.
    """

    policies = MappingProxyType({})

    def decide(self, traces, now):
        kept = Outcome((), "sampled", "odd", [0])
        return [Decision(kept, (), threshold=0 if place else NEVER) for place in range(len(traces))]


def processor(next_, clock, decides=None, **config):
    its = dataclasses.replace(settings("tail_sampling"), clock=clock)
    made = TailSampling(
        TailSamplingConfig(policies=[{"name": "all", "type": "always_sample"}], **config),
        its,
        next_,
        decides or KeepOdd(),
        Ring(100, {}),
        Common(),
    )
    return made, its.telemetry.telemetry


def spans(*traces, parent="01" * 8):
    return make_spans(*({"trace_id": f"{trace:032x}", "parent_span_id": parent} for trace in traces), scope="lib")


def ids(sink):
    return sorted(int(record.trace_id, 16) for batch in sink.batches for record in records_of(batch))


async def test_a_trace_is_decided_on_when_its_time_has_come():
    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock, decision_wait=0.5)

    async with tail.lifespan():
        await tail.consume(spans(1, 2, 1))
        await clock.advance(0.49)
        before = ids(sink)
        await clock.advance(0.02)
        after = ids(sink)

    assert ([], [1, 1]) == (before, after)


@pytest.mark.parametrize("none", ["", "00" * 8])
async def test_a_root_shortens_the_wait(none):
    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock, decision_wait=30, decision_wait_after_root_received=2)

    async with tail.lifespan():
        await tail.consume(spans(1, 3))
        await tail.consume(spans(1, parent=none))
        await clock.advance(2.1)
        after = ids(sink)

    assert [1, 1] == after


async def test_late_spans_follow_the_decision():
    sink, clock = Sink(), FakeClock()
    tail, telemetry = processor(sink, clock, decision_wait=1)

    async with tail.lifespan():
        await tail.consume(spans(1, 2))
        await clock.advance(1.1)
        await tail.consume(spans(1, 2))
        await clock.advance(0)
        sent, held = ids(sink), telemetry.total(HELD)

    assert ([1, 1], 0) == (sent, held)
    assert 2 == telemetry.total(DROPPED, reason=DropReason.SAMPLED_OUT)


async def test_the_oldest_is_decided_on_early_when_there_is_no_room():
    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock, num_traces=2)

    async with tail.lifespan():
        await tail.consume(spans(1, 3, 5))
        await clock.advance(0)
        early = ids(sink)

    assert [1] == early


@pytest.mark.slow
async def test_others_have_their_turn_while_many_are_decided_on():
    tail, _ = processor(Sink(), FakeClock(), num_traces=1)
    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async with tail.lifespan():
        task = asyncio.create_task(other())
        await tail.consume(spans(*range(1, 3001)))
        task.cancel()

    assert 5 <= len(turns)


async def test_whoever_holds_nothing_takes_a_request_of_any_size():
    """
    Refused once it would be refused for ever.
    """
    tail, _ = processor(Sink(), FakeClock(), maximum_held_bytes=100, block_on_overflow=True)

    async with tail.lifespan():
        empty = tail.admits(1, 1000)
        await tail.consume(spans(1))
        full = tail.admits(1, 1000)

    assert empty is None
    assert isinstance(full, RetryableError)


async def test_senders_keep_what_there_is_no_room_for_if_told_so():
    tail, _ = processor(Sink(), FakeClock(), num_traces=1, block_on_overflow=True)

    async with tail.lifespan():
        await tail.consume(spans(1))
        refusal = tail.admits(1, 100)

    assert isinstance(refusal, RetryableError)


async def test_everything_is_decided_on_at_the_end():
    sink = Sink()
    tail, telemetry = processor(sink, FakeClock())

    async with tail.lifespan():
        await tail.consume(spans(1, 2, 3))

    assert ([1, 3], 0) == (ids(sink), telemetry.total(HELD))


async def test_a_bug_in_a_policy_costs_its_trace_and_is_counted():
    sink = Sink()
    tail, telemetry = processor(sink, FakeClock(), Broken())

    async with tail.lifespan():
        await tail.consume(spans(1, 2, 2))

    assert (0, 3) == (telemetry.total(HELD), telemetry.total(DROPPED, reason=DropReason.PLUGIN_ERROR))
    assert ["not_sampled"] == [decision["decision"] for decision in tail.decisions_on((1).to_bytes(16, "big"))]


async def test_a_trace_that_cannot_be_written_costs_none_of_those_decided_on_with_it():
    sink = Sink()
    tail, telemetry = processor(sink, FakeClock(), KeepAtNoRate())

    async with tail.lifespan():
        await tail.consume(spans(1, 1, 2, 3))

    assert [2, 3] == ids(sink)
    assert (0, 2) == (telemetry.total(HELD), telemetry.total(DROPPED, reason=DropReason.PLUGIN_ERROR))
    totals = {metric.name.removeprefix(PREFIX): 0 for metric, _, _ in telemetry.samples()}
    for metric, _, value in telemetry.samples():
        totals[metric.name.removeprefix(PREFIX)] += value
    assert (3, 3) == (totals["global_count_traces_sampled"], totals["sampling_trace_removal_age_count"])


async def test_what_is_too_large_is_dropped_at_once():
    tail, telemetry = processor(Sink(), FakeClock(), maximum_trace_size_bytes=10)

    async with tail.lifespan():
        await tail.consume(spans(1))
        dropped = telemetry.total(DROPPED, reason=DropReason.SAMPLED_OUT)

    assert 1 == dropped


async def test_of_a_trace_id_given_twice_the_last_one_counts():
    """
    As in every field: everybody behind this processor reads it so.
    """
    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock)
    twice = spans(2)
    twice.request.resource_spans[0].scope_spans[0].spans[0].ClearField("trace_id")
    raw = b"\n\x10" + bytes(15) + b"\x02" + b"\n\x10" + bytes(15) + b"\x03"
    scope = b"\x12" + bytes([len(raw)]) + raw
    wire = b"\n" + bytes([len(scope) + 2]) + b"\x12" + bytes([len(scope)]) + scope

    async with tail.lifespan():
        await tail.consume(Batch(Signal.TRACES, wire=wire))

    assert [3] == ids(sink)


async def test_why_it_was_kept_stands_on_the_scope():
    sink, clock = Sink(), FakeClock()
    tail, _ = processor(sink, clock)

    async with tail.lifespan():
        await tail.consume(spans(1))

    scope = records_of(sink.batches[0])[0].scope
    assert "odd" == scope["tailsampling.policy"]


async def test_what_is_left_at_the_deadline_is_counted():
    tail, telemetry = processor(Sink(), FakeClock())

    async def cancelled():
        async with tail.lifespan():
            await tail.consume(spans(1, 2))
            raise asyncio.CancelledError

    await asyncio.gather(asyncio.create_task(cancelled()), return_exceptions=True)

    assert (0, 2) == (telemetry.total(HELD), telemetry.total(DROPPED, reason=DropReason.SHUTDOWN_DEADLINE))


@pytest.mark.slow
@given(
    st.lists(st.lists(st.integers(1, 6), max_size=6), max_size=12),
    st.lists(st.sampled_from([0.0, 0.3, 2.0]), min_size=12, max_size=12),
    st.integers(1, 6),
)
def test_all_spans_of_a_trace_share_one_decision_and_the_books_close_at_every_step(requests, pauses, room):
    """
    However they are ordered, cut into requests, late, or decided on early.
    """

    async def scenario():
        sink, clock = Sink(), FakeClock()
        tail, telemetry = processor(sink, clock, decision_wait=1, num_traces=room)
        received = 0
        async with tail.lifespan():
            for request, pause in zip(requests, pauses, strict=False):
                if request:
                    await tail.consume(spans(*request))
                received += len(request)
                assert received == sink.items + telemetry.total(HELD) + telemetry.total(DROPPED)
                await clock.advance(pause)
                assert received == sink.items + telemetry.total(HELD) + telemetry.total(DROPPED)
        return sink

    sink = asyncio.run(scenario())

    assert sorted(trace for request in requests for trace in request if trace % 2) == ids(sink)
