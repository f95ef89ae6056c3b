"""Log records follow the decision on their trace, whichever comes first and whichever instance ends first."""

import asyncio
import dataclasses
import logging
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import Signal
from collector.errors import ConfigError, DropReason, RetryableError
from collector.records.mapping import records_of
from collector.telemetry import DROPPED, HELD
from collector.testing import Sink, make_logs, make_spans, settings
from collector.testing.clock import FakeClock
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory

POLICIES = [{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]
"""Traces with odd ids have an error here."""
LOGS = "otelcol_processor_tail_sampling_log_records"


class Both:
    """
    The instances of one component in a pipeline of traces and in one of logs.
    """

    def __init__(self, traces=1, **config):
        self.clock = FakeClock()
        self.settings = dataclasses.replace(settings("tail_sampling", self.clock), common={}, signal=Signal.TRACES)
        of_logs = dataclasses.replace(self.settings, signal=Signal.LOGS)
        self.telemetry = self.settings.telemetry.telemetry
        config = TailSamplingConfig(**{"policies": POLICIES, "logs": "follow", "decision_wait": 10, **config})
        self.spans, self.logs = Sink(), Sink()
        self.traces = [factory.build(config, self.settings, self.spans) for _ in range(traces)]
        self.follower = factory.build(config, of_logs, self.logs)

    def running(self, first="traces"):
        """
        Return a block in which all run; `first` says who ends first.
        """
        stack = AsyncExitStack()
        order = [*self.traces, self.follower] if first == "logs" else [self.follower, *self.traces]

        class Running:
            async def __aenter__(self):
                for instance in order:
                    await stack.enter_async_context(instance.lifespan())

            async def __aexit__(self, *error):
                return await stack.__aexit__(*error)

        return Running()

    async def span(self, *traces, of=0):
        statuses = {0: "unset", 1: "error"}
        await self.traces[of].consume(
            make_spans(*({"trace_id": f"{trace:032x}", "status": statuses[trace % 2]} for trace in traces))
        )

    async def log(self, *traces, **fields):
        await self.follower.consume(make_logs(*({"trace_id": f"{trace:032x}", **fields} for trace in traces)))

    @property
    def sent(self):
        return sorted(int(record.trace_id or "0", 16) for batch in self.logs.batches for record in records_of(batch))

    def total(self, metric, **labels):
        return self.telemetry.total(metric, signal=Signal.LOGS, **labels)

    def followed(self, **labels):
        wanted = labels.items()
        return sum(v for m, have, v in self.telemetry.samples() if m.name == LOGS and wanted <= dict(have).items())


@pytest.mark.parametrize("first", ["spans", "logs"])
async def test_records_go_with_their_trace_whichever_comes_first(first):
    both = Both()

    async with both.running():
        for comes in ("spans", "logs") if first == "spans" else ("logs", "spans"):
            await (both.span(1, 2) if comes == "spans" else both.log(1, 2, 2))
        await both.clock.advance(9)
        before = both.sent
        await both.clock.advance(3)
        after, held = both.sent, both.total(HELD)

    assert ([], [1], 0) == (before, after, held)
    assert 2 == both.total(DROPPED, reason=DropReason.SAMPLED_OUT, component="tail_sampling")
    assert (1, 2) == (both.followed(sampled="true"), both.followed(sampled="false", because="decision"))


async def test_records_of_a_trace_that_is_decided_on_follow_at_once():
    both = Both()

    async with both.running():
        await both.span(1, 2)
        await both.clock.advance(11)
        await both.log(1, 2)
        await both.clock.advance(0)
        sent, held = both.sent, both.total(HELD)

    assert ([1], 0) == (sent, held)


async def test_a_trace_that_begins_while_its_records_wait_is_waited_for():
    both = Both()

    async with both.running():
        await both.log(1, 2)
        await both.clock.advance(8)
        await both.span(1, 2)
        await both.clock.advance(4)
        before = both.total(HELD)
        await both.clock.advance(8)
        after = both.sent

    assert (2, [1]) == (before, after)


@pytest.mark.parametrize(("option", "sent"), [("keep", [1, 2]), ("drop", [])])
async def test_records_whose_trace_never_comes_wait_as_long_as_spans_do(option, sent):
    both = Both(logs_without_trace=option)

    async with both.running():
        await both.log(1, 2)
        await both.clock.advance(9)
        before = both.total(HELD)
        await both.clock.advance(2)
        after, held = both.sent, both.total(HELD)

    assert (2, sent, 0) == (before, after, held)
    assert 2 - len(sent) == both.total(DROPPED, reason=DropReason.SAMPLED_OUT)
    assert 2 == both.followed(because="no_decision")


async def test_records_without_a_trace_id_do_not_wait():
    both = Both()

    async with both.running():
        await both.follower.consume(make_logs({}, {"trace_id": ""}))
        await both.clock.advance(0)
        sent = both.logs.items

    assert (2, 2) == (sent, both.followed(because="no_trace_id"))


@pytest.mark.parametrize("bound", [{"num_traces": 2}, {"maximum_held_log_bytes": 200}])
async def test_what_is_over_the_bound_goes_on_undecided_the_oldest_first(bound):
    both = Both(**bound)

    async with both.running():
        for trace in (2, 4, 6):
            await both.log(trace, body="x" * 50)
        await both.clock.advance(0)
        sent, held = both.sent, both.total(HELD)

    assert ([2], 2) == (sent, held)
    assert 1 == both.followed(because="overflow", sampled="true")


async def test_senders_keep_what_is_over_the_bound_if_told_so():
    both = Both(block_on_overflow=True, maximum_held_log_bytes=100)

    empty = both.follower.admits(1, 1000)
    async with both.running():
        await both.log(2, body="x" * 50)
        full = both.follower.admits(1, 1000)

    assert empty is None
    assert isinstance(full, RetryableError)


@pytest.mark.parametrize("first", ["traces", "logs"])
async def test_everything_is_decided_on_at_the_end_whoever_ends_first(first):
    both = Both()

    async with both.running(first):
        await both.span(1, 2)
        await both.log(1, 2, 3, 1)

    assert ([1, 1, 3], 1) == (both.sent, both.spans.items)
    assert (0, 1) == (both.telemetry.total(HELD), both.total(DROPPED, reason=DropReason.SAMPLED_OUT))


@pytest.mark.parametrize("first", ["traces", "logs"])
async def test_records_of_traces_that_are_not_decided_on_at_the_end_go_with_them(first):
    both = Both(drop_pending_traces_on_shutdown=True)

    async with both.running(first):
        await both.span(1, 2)
        await both.log(1, 2)

    assert ([], 0, 0) == (both.sent, both.spans.items, both.telemetry.total(HELD))
    assert 2 == both.total(DROPPED, reason=DropReason.SAMPLED_OUT)


async def test_what_the_drain_timeout_leaves_behind_is_counted():
    both = Both()

    async def cancelled():
        async with both.running():
            await both.log(1, 2)
            raise asyncio.CancelledError

    await asyncio.gather(asyncio.create_task(cancelled()), return_exceptions=True)

    assert (0, 2) == (both.total(HELD), both.total(DROPPED, reason=DropReason.SHUTDOWN_DEADLINE))


async def test_one_pipeline_that_keeps_a_trace_is_enough():
    """
    Of two pipelines of traces one may see the error and the other one not.
    """
    both = Both(traces=2)
    error = {"trace_id": f"{2:032x}", "status": "error"}

    async with both.running():
        await both.log(2)
        await both.span(2, of=0)
        await both.clock.advance(5)
        await both.traces[1].consume(make_spans(error))
        await both.clock.advance(6)
        between = both.sent
        await both.clock.advance(5)
        after = both.sent

    assert ([], [2]) == (between, after)


async def test_all_instances_are_measured_as_one():
    both = Both()

    async with both.running():
        await both.span(1, 2)
        await both.log(3)
        gauges = {metric.name.rpartition("sampling_")[2]: value for metric, _, value in both.telemetry.samples()}

    assert 2 == gauges["traces_on_memory"]
    assert gauges["held_bytes"] > gauges["held_log_bytes"] > 0


async def test_log_records_that_nothing_is_done_about_are_told_of_once_and_pass(caplog):
    both = Both(logs="ignore")

    async with both.running():
        await both.log(1)
        await both.log(2)
        sent = both.sent

    assert [1, 2] == sent
    assert ["tail_sampling"] == [r.name for r in caplog.records if r.levelno == logging.WARNING]
    assert "write `logs: follow`" in caplog.text


async def test_following_without_a_pipeline_of_traces_does_not_start():
    both = Both(traces=0)

    with pytest.raises(ConfigError, match="no pipeline of traces has this component"):
        async with both.running():
            pass


async def test_both_pipelines_running_need_no_warning(caplog):
    both = Both()

    async with both.running():
        await both.log(1)

    assert "" == caplog.text


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(["span", "log", "wait"]), st.lists(st.integers(1, 8), min_size=1, max_size=5)),
        max_size=14,
    ),
    st.integers(1, 9),
    st.sampled_from(["traces", "logs"]),
)
def test_no_record_is_lost_or_sent_twice_and_the_books_close_at_every_step(steps, room, first):
    """
    One of a dropped trace may pass if the trace came too late or there was no room; none of a kept one is dropped.
    """

    async def scenario():
        both, received = Both(num_traces=room), []
        async with both.running(first):
            for kind, traces in steps:
                if kind == "wait":
                    await both.clock.advance(float(sum(traces)))
                elif kind == "span":
                    await both.span(*traces)
                else:
                    received += traces
                    await both.log(*traces)
                assert len(received) == both.logs.items + both.total(HELD) + both.total(DROPPED)
        assert len(received) == both.logs.items + both.total(DROPPED, reason=DropReason.SAMPLED_OUT)
        return received, both.sent

    received, sent = asyncio.run(scenario())

    assert sorted(t for t in received if t % 2) == [t for t in sent if t % 2]
    assert all(sent.count(trace) <= received.count(trace) for trace in sent)
