import asyncio

import pytest

from collector.batch import Batch, Signal
from collector.errors import DropReason, PermanentError, RetryableError
from collector.nodes import AfterAcceptance, BufferingNode, FanOut, ProcessorNode, ReceiverNode, Room
from collector.telemetry import ACCEPTED, DROPPED, HELD, REFUSED, Telemetry
from collector.testing import Sink, make_batch, settings


class Full:
    """
    Has no room until told.
    """

    def __init__(self):
        self.sink = Sink()
        self.refusal = RetryableError("full")

    def admits(self, items, size):
        return self.refusal

    async def consume(self, batch):
        await self.sink.consume(batch)


class Failing:
    def __init__(self, error):
        self.error = error

    def admits(self, items, size):
        return None

    async def consume(self, batch):
        raise self.error


class Doing:
    """
    A processor made of a function.
    """

    def __init__(self, process):
        self.process = process


def processor(process, sink, telemetry):
    accounts = telemetry.component("p")
    return ProcessorNode(settings("p"), accounts, Signal.TRACES, Doing(process), DropReason.FILTERED, sink)


async def test_fan_out_gives_every_branch_its_own_copy():
    left, right = Sink(), Sink()

    await FanOut(Telemetry().component("traces"), [left, right]).consume(make_batch(items=2))
    left.batches[0].keep(lambda record: False)

    assert (0, 2) == (left.items, right.items)


async def test_a_branch_that_fails_does_not_starve_the_others():
    sink = Sink()

    with pytest.raises(RetryableError):
        await FanOut(Telemetry().component("traces"), [Failing(RetryableError("no")), sink]).consume(make_batch())

    assert 1 == sink.items


async def test_one_full_branch_refuses_for_every_branch():
    """
    So that the sender's retry duplicates nothing on the branches that were fine.
    """
    telemetry, fine = Telemetry(), Sink()
    node = ReceiverNode(
        telemetry.component("otlp"), {Signal.TRACES: FanOut(telemetry.component("traces"), [fine, Full()])}
    )

    with pytest.raises(RetryableError):
        await node.consume(make_batch(items=3), transport="grpc")

    assert (0, 0, 3) == (
        fine.items,
        telemetry.total(ACCEPTED[Signal.TRACES]),
        telemetry.total(REFUSED[Signal.TRACES]),
    )


async def test_an_empty_batch_is_neither_counted_nor_handed_on():
    telemetry, sink = Telemetry(), Sink()

    await ReceiverNode(telemetry.component("otlp"), {Signal.TRACES: sink}).consume(Batch(Signal.TRACES, wire=b""))

    assert [] == sink.batches


async def test_what_a_processor_leaves_out_is_counted_with_its_reason():
    telemetry, sink = Telemetry(), Sink()

    def drop_first(batch):
        batch.keep(lambda span: span.name != "span-0")
        return batch

    await processor(drop_first, sink, telemetry).consume(make_batch(items=3))

    assert (2, 1) == (sink.items, telemetry.total(DROPPED, component="p", reason="filtered"))


@pytest.mark.parametrize("process", [lambda batch: 1 / 0, lambda batch: "not a batch"])
async def test_a_bug_in_a_processor_costs_its_batch_and_nothing_else(process):
    telemetry, sink = Telemetry(), Sink()

    await processor(process, sink, telemetry).consume(make_batch(items=3))

    assert (0, 3) == (sink.items, telemetry.total(DROPPED, component="p", reason="plugin_error"))


@pytest.mark.parametrize("bug", [ZeroDivisionError(), SystemExit(0)])
async def test_a_bug_in_a_processor_that_holds_data_costs_its_batch_and_nothing_else(bug):
    telemetry = Telemetry()

    await BufferingNode(settings("b"), telemetry.component("b"), Signal.TRACES, Failing(bug)).consume(
        make_batch(items=3)
    )

    assert 3 == telemetry.total(DROPPED, component="b", reason="plugin_error")


async def test_after_acceptance_nothing_refuses_it_waits_for_room():
    telemetry, full, room = Telemetry(), Full(), Room()
    node = AfterAcceptance(telemetry.component("batch"), Signal.TRACES, full, room)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.consume(make_batch(items=3)))
        await asyncio.sleep(0)
        held_meanwhile = telemetry.total(HELD)
        full.refusal = None
        room.announce()

    assert (3, 0, 3) == (held_meanwhile, telemetry.total(HELD), full.sink.items)


async def test_a_failure_after_acceptance_is_not_raised():
    node = AfterAcceptance(Telemetry().component("batch"), Signal.TRACES, Failing(PermanentError("no")), Room())

    assert await node.consume(make_batch()) is None
