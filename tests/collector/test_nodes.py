import asyncio
import weakref

import pytest

from collector.batch import Batch, Signal
from collector.errors import DropReason, PermanentError, RefusalReason, RetryableError
from collector.nodes import (
    AfterAcceptance,
    BufferingNode,
    FanOut,
    ProcessorNode,
    ReceiverNode,
    Room,
    a_bug_costs_one_batch,
)
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


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (PermanentError("too odd"), "rejected_permanent"),
        (PermanentError("too odd", reason=DropReason.LIMIT_ITEM), "limit_item"),
        (RetryableError("too odd"), "plugin_error"),
    ],
)
async def test_what_a_processor_refuses_is_dropped_under_its_reason_and_logged(refusal, reason, caplog):
    telemetry, sink = Telemetry(), Sink()

    def refuse(batch):
        raise refusal

    await processor(refuse, sink, telemetry).consume(make_batch(items=3))

    assert (0, 3) == (sink.items, telemetry.total(DROPPED, component="p", reason=reason))
    assert ["p: a batch is dropped: too odd"] == caplog.messages


@pytest.mark.parametrize("bug", [ZeroDivisionError(), SystemExit(0)])
async def test_a_bug_in_a_processor_that_holds_data_costs_its_batch_and_nothing_else(bug):
    telemetry = Telemetry()
    accounts = telemetry.component("b")
    after = AfterAcceptance(accounts, Signal.TRACES, Sink(), Room())

    await BufferingNode(settings("b"), accounts, Signal.TRACES, Failing(bug), after).consume(make_batch(items=3))

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


@pytest.mark.parametrize("bug", [OSError(24, "Too many open files"), SystemExit(0)])
async def test_a_bug_at_the_front_door_shuts_it_and_the_sender_keeps_the_data(bug, caplog):
    class Broken(Doing):
        def admits(self, items, size):
            raise bug

    node = ProcessorNode(
        settings("p"), Telemetry().component("p"), Signal.TRACES, Broken(None), DropReason.FILTERED, Sink()
    )

    refusal = node.admits(1, 100)

    assert (RefusalReason.INTERNAL, 1.0) == (refusal.reason, refusal.retry_after)
    assert ["p: unexpected error, data is refused"] == caplog.messages


def test_an_answer_that_is_no_refusal_is_a_bug():
    class Broken(Doing):
        def admits(self, items, size):
            return True

    node = ProcessorNode(
        settings("p"), Telemetry().component("p"), Signal.TRACES, Broken(None), DropReason.FILTERED, Sink()
    )

    assert RefusalReason.INTERNAL is node.admits(1, 100).reason


class Guard:
    """
    Refuses for another reason than that there is no room.
    """

    def __init__(self, sink):
        self.sink = sink

    def admits(self, items, size):
        return RetryableError("no memory", reason=RefusalReason.MEMORY)

    async def consume(self, batch):
        await self.sink.consume(batch)


async def test_what_guards_the_front_door_is_asked_there_wherever_it_stands_and_holds_nothing_up_behind_it():
    """
    Data that is kept back since there is little memory is what takes the memory.
    """
    telemetry, sink = Telemetry(), Sink()
    accounts = telemetry.component("batch")
    after = AfterAcceptance(accounts, Signal.TRACES, Guard(sink), Room())
    node = BufferingNode(settings("batch"), accounts, Signal.TRACES, Sink(), after)

    refusal = node.admits(1, 100)
    await after.consume(make_batch(items=3))

    assert (RefusalReason.MEMORY, 3) == (refusal.reason, sink.items)


async def test_a_queue_that_is_full_behind_a_component_that_holds_data_is_no_refusal_at_the_front_door():
    full = Full()
    full.refusal = RetryableError("full", reason=RefusalReason.QUEUE_FULL)
    accounts = Telemetry().component("batch")
    after = AfterAcceptance(accounts, Signal.TRACES, full, Room())

    assert BufferingNode(settings("batch"), accounts, Signal.TRACES, Sink(), after).admits(1, 100) is None


class Stuck(Sink):
    """
    Never returns.
    """

    async def consume(self, batch):
        await asyncio.Event().wait()


async def consume_and_cancel(node):
    task = asyncio.create_task(node.consume(make_batch(items=3)))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def test_a_branch_that_waits_holds_up_no_other():
    at_once, slow = Sink(), Sink()
    node = FanOut(Telemetry().component("traces"), [at_once], [Stuck(), slow])

    await consume_and_cancel(node)

    assert (3, 3) == (at_once.items, slow.items)


@pytest.mark.parametrize("turns", range(4))
async def test_what_a_sender_that_hangs_up_leaves_in_a_fan_out_is_counted(turns):
    telemetry = Telemetry()
    node = FanOut(telemetry.component("traces"), [Stuck(), Sink()], [Sink(), Sink()])
    task = asyncio.create_task(node.consume(make_batch(items=3)))
    for _ in range(turns):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    dropped = telemetry.total(DROPPED, component="traces", reason="sender_gone")
    assert (0, 9 if turns else 0) == (telemetry.total(HELD), dropped)


async def test_a_cancellation_that_nobody_asked_for_is_a_bug():
    """
    A component may wait for something of its own, such as a token's renewal, that was cancelled.
    """
    with pytest.raises(PermanentError), a_bug_costs_one_batch(settings("p")):
        renewal = asyncio.get_running_loop().create_future()
        renewal.cancel()
        await renewal


async def test_a_cancellation_that_was_asked_for_is_none():
    async def wait():
        with a_bug_costs_one_batch(settings("p")):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_whoever_hangs_up_while_waiting_for_room_is_forgotten():
    room = Room()
    waiting = asyncio.create_task(room.wait())
    await asyncio.sleep(0)
    gone = weakref.ref(next(iter(room._waiting)))

    waiting.cancel()
    await asyncio.wait([waiting])
    del waiting

    assert gone() is None
