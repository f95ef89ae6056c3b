"""A large batch is processed in portions: the loop has turns in between, and nothing else can tell the difference."""

import asyncio
from functools import cache

import pytest

from collector.api import Indivisible
from collector.batch import Batch, Signal
from collector.clock import SystemClock
from collector.config import CollectorConfig
from collector.errors import DropReason, PermanentError
from collector.graph import build
from collector.nodes import AfterAcceptance, FanOut, ProcessorNode, ReceiverNode, Room
from collector.portions import LARGE_ITEMS, LARGE_SIZE, PORTION, Turns
from collector.telemetry import ACCEPTED, CREATED, DROPPED, HELD, INCOMING, OUTGOING, Telemetry
from collector.testing import Sink, make_batch, make_spans, settings

ITEMS = 2 * LARGE_ITEMS


@cache
def wire_of(signal, items):
    return make_batch(signal, items).wire


def large(signal=Signal.TRACES, items=ITEMS):
    return Batch(signal, wire=wire_of(signal, items), items=items)


class Doing:
    """
    A processor made of a function, which notes how much it was given at once.
    """

    def __init__(self, function=lambda batch: batch, indivisible=Indivisible.ITEM):
        self.function = function
        self.indivisible = indivisible
        self.given = []

    def process(self, batch):
        self.given.append(len(batch))
        return self.function(batch)


def node_of(processor, sink, telemetry, turns=None, signal=Signal.TRACES):
    accounts = telemetry.component("p")
    return ProcessorNode(settings("p"), accounts, signal, processor, DropReason.FILTERED, sink, turns)


class World:
    """
    A receiver, one processor and a sink, with their books.
    """

    def __init__(self, processor, sink=None, turns=None, signal=Signal.TRACES):
        self.signal = signal
        self.telemetry = Telemetry()
        self.sink = sink or Sink()
        node = node_of(processor, self.sink, self.telemetry, turns, signal)
        self.receiver = ReceiverNode(self.telemetry.component("otlp"), {signal: node})

    def imbalance(self):
        """
        Of what the sink does not count as sent, since it is none.
        """
        return self.telemetry.imbalance(self.signal) - self.sink.items

    def dropped(self, reason):
        return self.telemetry.total(DROPPED, component="p", reason=reason)


async def turns_until(task):
    """
    Count how often something else had a turn until `task` was done.
    """
    count = 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    return count


def keep_even(batch):
    batch.keep(lambda span: int(span.name.removeprefix("span-")) % 2 == 0)
    return batch


def names(batches):
    return [span.name for batch in batches for span in batch.copy().records()]


async def test_others_have_a_turn_after_every_portion():
    processor = Doing()
    world = World(processor)

    turns = await turns_until(asyncio.create_task(world.receiver.consume(large())))

    assert max(processor.given) <= PORTION.items
    assert turns >= len(processor.given) >= ITEMS / PORTION.items


async def test_a_portion_has_no_more_bytes_than_it_should():
    sizes = []

    def note(batch):
        sizes.append(len(batch.wire))
        return batch

    batch = make_spans(*[{"attributes": {"text": "x" * 10_000}} for _ in range(200)])
    await World(Doing(note)).receiver.consume(Batch(Signal.TRACES, wire=batch.wire))

    assert sum(sizes) >= LARGE_SIZE
    assert max(sizes) <= PORTION.size


@pytest.mark.parametrize(
    ("seconds", "largest"), [(0.0, PORTION.items), (0.07, PORTION.items / 4), (0.2, PORTION.items / 16)]
)
async def test_where_a_portion_takes_long_less_is_processed_at_once(seconds, largest):
    """
    What an item costs differs by a factor of thousands, and no number of items is right for all.
    """
    now = [0.0]

    def take(batch):
        now[0] += seconds * len(batch) / PORTION.items
        return batch

    processor = Doing(take)
    await World(processor, turns=Turns(now=lambda: now[0])).receiver.consume(large())

    assert PORTION.items / 16 == processor.given[0]
    assert largest == max(processor.given)


async def test_a_portion_that_takes_long_is_followed_by_small_ones():
    now = [0.0]

    def take(batch):
        now[0] += 0.03 if len(batch) == PORTION.items else 0.0
        return batch

    processor = Doing(take)
    await World(processor, turns=Turns(now=lambda: now[0])).receiver.consume(large())

    after = processor.given.index(PORTION.items) + 1
    assert PORTION.items / 16 == processor.given[after]


@pytest.mark.parametrize("items", [1, LARGE_ITEMS])
async def test_what_is_not_large_is_processed_at_once_as_it_is(items):
    batch, processor = large(items=items), Doing()
    world = World(processor)

    await world.receiver.consume(batch)

    assert [items] == processor.given
    assert world.sink.batches[0] is batch


async def test_a_message_that_was_taken_out_is_not_encoded_to_see_how_large_it_is():
    batch = make_batch(items=3)

    await node_of(Doing(), Sink(), Telemetry()).consume(batch)

    assert 0 == batch.size


async def test_what_was_not_changed_goes_on_with_the_bytes_that_it_came_with():
    batch = large()
    world = World(Doing())

    await world.receiver.consume(batch)

    assert world.sink.batches[0] is batch


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
async def test_one_batch_comes_out_with_everything_in_its_order(signal):
    def change(batch):
        for record in batch.records():
            record.attributes.add(key="seen")
        return batch

    world = World(Doing(change), signal=signal)
    before = [record.SerializeToString() for record in change(large(signal)).records()]

    await world.receiver.consume(large(signal))

    (after,) = world.sink.batches
    assert before == [record.SerializeToString() for record in after.copy().records()]
    assert (len(before), 0) == (len(after), world.imbalance())


async def test_what_is_dropped_of_all_portions_is_counted_and_the_rest_is_one_batch():
    world = World(Doing(keep_even))

    await world.receiver.consume(large())

    assert [ITEMS / 2] == [len(batch) for batch in world.sink.batches]
    assert [f"span-{i}" for i in range(0, ITEMS, 2)] == names(world.sink.batches)
    assert ITEMS / 2 == world.dropped("filtered")
    assert (ITEMS, ITEMS / 2) == (world.telemetry.total(INCOMING), world.telemetry.total(OUTGOING))
    assert 0 == world.imbalance()


async def test_what_a_processor_makes_of_all_portions_is_counted_once():
    world = World(Doing(lambda batch: Batch.join([batch, batch.copy()])))

    await world.receiver.consume(large())

    assert (2 * ITEMS, ITEMS, 0) == (world.sink.items, world.telemetry.total(CREATED), world.imbalance())


async def test_if_nothing_is_left_nothing_goes_on():
    world = World(Doing(lambda batch: None))

    await world.receiver.consume(large())

    assert ([], ITEMS, 0) == (world.sink.batches, world.dropped("filtered"), world.imbalance())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError("no"), "rejected_permanent"),
        (ValueError("a bug"), "plugin_error"),
        (asyncio.CancelledError(), "plugin_error"),
        (SystemExit(0), "plugin_error"),
    ],
)
async def test_an_error_in_the_middle_costs_all_of_the_batch(error, reason):
    def fail(batch):
        if len(processor.given) == 3:
            raise error
        return batch

    processor = Doing(fail)
    world = World(processor)

    await world.receiver.consume(large())

    assert ([], ITEMS, 0) == (world.sink.batches, world.dropped(reason), world.imbalance())
    assert 3 == len(processor.given)


async def test_a_batch_that_is_no_otlp_is_dropped_and_counted():
    batch = Batch(Signal.TRACES, wire=b"\xff" * 3, items=ITEMS)
    world = World(Doing())

    await world.receiver.consume(batch)

    assert ([], ITEMS) == (world.sink.batches, world.dropped("plugin_error"))


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("reason", [DropReason.SENDER_GONE, DropReason.SHUTDOWN_DEADLINE])
async def test_the_books_close_at_every_moment_and_when_a_sender_hangs_up(turns, reason):
    world = World(Doing(), turns=Turns(lambda: reason))
    task = asyncio.create_task(world.receiver.consume(large()))
    imbalances = []
    for _ in range(turns):
        await asyncio.sleep(0)
        imbalances.append(world.imbalance())

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert [0] * turns == imbalances
    assert world.telemetry.total(ACCEPTED[Signal.TRACES]) == world.dropped(reason) == (ITEMS if turns else 0)
    assert (0, 0, []) == (world.imbalance(), world.telemetry.total(HELD), world.sink.batches)


async def test_one_large_batch_at_a_time_is_processed_and_small_ones_overtake():
    """
    So however many there are, others wait for one portion at most.
    """
    turns, order = Turns(), []

    def noting(name):
        return World(Doing(lambda batch: order.append(name) or batch), turns=turns)

    large_ones = [asyncio.create_task(noting(name).receiver.consume(large())) for name in "ab"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await noting("small").receiver.consume(make_batch())
    await asyncio.wait(large_ones)

    assert ["a", "small", "a"] == order[:3]
    assert sorted(name for name in order if name != "small") == [name for name in order if name != "small"]


async def test_a_sender_that_hangs_up_while_another_is_processed_holds_up_nobody():
    turns = Turns()
    first, gone, last = World(Doing(), turns=turns), World(Doing(), turns=turns), World(Doing(), turns=turns)
    tasks = [asyncio.create_task(world.receiver.consume(large())) for world in (first, gone, last)]
    await asyncio.sleep(0)

    tasks[1].cancel()
    await asyncio.wait(tasks)

    assert (ITEMS, 0, ITEMS) == (first.sink.items, gone.sink.items, last.sink.items)
    assert (ITEMS, 0) == (gone.dropped("sender_gone"), gone.imbalance())


async def test_a_processor_that_has_to_see_all_of_a_request_does():
    processor = Doing(indivisible=Indivisible.REQUEST)

    await World(processor).receiver.consume(large())

    assert [ITEMS] == processor.given


async def test_a_processor_that_has_to_see_whole_metrics_does():
    """
    These have all their points in one metric.
    """
    processor = Doing(indivisible=Indivisible.RECORD)

    await World(processor, signal=Signal.METRICS).receiver.consume(large(Signal.METRICS))

    assert [ITEMS] == processor.given


async def test_metadata_of_the_request_stay_with_what_comes_out():
    def stamp(batch):
        batch.metadata = {**batch.metadata, "seen": "yes"}
        return batch

    batch = large()
    batch.metadata = {"x-tenant": "a"}
    world = World(Doing(stamp))

    await world.receiver.consume(batch)

    assert {"x-tenant": "a", "seen": "yes"} == world.sink.batches[0].metadata


async def test_the_books_of_a_fan_out_close_too_when_a_sender_hangs_up_in_one_branch():
    telemetry, sink = Telemetry(), Sink()
    node = node_of(Doing(), Sink(), telemetry)
    fan_out = FanOut(telemetry.component("traces"), [node, sink])
    task = asyncio.create_task(ReceiverNode(telemetry.component("otlp"), {Signal.TRACES: fan_out}).consume(large()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    assert 2 * ITEMS == telemetry.total(DROPPED, reason="sender_gone") + sink.items
    assert 0 == telemetry.imbalance(Signal.TRACES) - sink.items
    assert 0 == telemetry.total(HELD)


async def test_behind_a_component_that_holds_data_a_large_batch_goes_on_in_one_piece():
    telemetry, sink = Telemetry(), Sink()
    node = node_of(Doing(keep_even), sink, telemetry)

    await AfterAcceptance(telemetry.component("batch"), Signal.TRACES, node, Room()).consume(large())

    assert [ITEMS / 2] == [len(batch) for batch in sink.batches]


@pytest.mark.parametrize(("is_draining", "reason"), [(False, "sender_gone"), (True, "shutdown_deadline")])
async def test_in_a_collector_what_is_cut_off_is_counted_under_why(is_draining, reason):
    """
    Either a sender hung up, or the time for draining is over.
    """
    text = """
        receivers: {otlp: {protocols: {http: }}}
        processors: {filter: {trace_conditions: ['span.name == "x"']}}
        exporters: {debug: }
        service: {pipelines: {traces: {receivers: [otlp], processors: [filter], exporters: [debug]}}}
    """
    telemetry = Telemetry()
    graph = build(CollectorConfig.from_yaml(text), telemetry, SystemClock())
    (intake,) = [built.component.http._next for built in graph.components if str(built.id) == "otlp"]
    task = asyncio.create_task(intake.consume(large()))
    for _ in range(3):
        await asyncio.sleep(0)
    if is_draining:
        graph.drain.begin()

    task.cancel()
    await asyncio.wait([task])

    assert ITEMS == telemetry.total(DROPPED, component="filter", reason=reason)
    assert 0 == telemetry.imbalance(Signal.TRACES)
