import asyncio
import sys
from contextlib import asynccontextmanager, suppress

import pytest

from collector.api import ComponentID
from collector.errors import ConfigError, StartError
from collector.graph import Built, Graph
from collector.service import Service
from collector.telemetry import Telemetry


class Component:
    """
    Writes down when it starts and stops, and fails when told to.
    """

    def __init__(self, name, events, error=None, stuck=False):
        self.name, self.events, self.error, self.stuck = name, events, error, stuck

    @asynccontextmanager
    async def lifespan(self):
        if self.error:
            raise self.error
        self.events.append(f"{self.name} starts")
        async with asyncio.TaskGroup():  # as components that have tasks do
            try:
                yield
                if self.stuck:
                    await asyncio.Event().wait()
            finally:
                self.events.append(f"{self.name} stopped")


def graph(*components):
    return Graph(Telemetry(), [Built(ComponentID(component.name), component) for component in components])


async def run(built, drain_timeout=1.0):
    stop = asyncio.Event()
    await Service(built, drain_timeout=drain_timeout).run(stop, started=stop.set)


async def test_components_stop_in_the_opposite_order():
    events = []

    await run(graph(Component("exporter", events), Component("receiver", events)))

    assert ["exporter starts", "receiver starts", "receiver stopped", "exporter stopped"] == events


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(98, "Address already in use"), "Address already in use"),
        (FileNotFoundError(2, "No such file or directory", "/nope/x"), "/nope/x: No such file or directory"),
        (OSError("odd"), "odd"),
        (ConfigError("cannot listen on x"), "cannot listen on x"),
    ],
)
async def test_a_component_that_cannot_start_is_named_and_the_others_are_stopped(error, why):
    events = []

    with pytest.raises(StartError, match=f"^receiver cannot start: {why}$"):
        await run(graph(Component("exporter", events), Component("receiver", events, error)))

    assert ["exporter starts", "exporter stopped"] == events


async def test_the_deadline_ends_a_drain_and_everything_stops():
    events = []

    with pytest.raises(TimeoutError):
        await run(graph(Component("exporter", events), Component("receiver", events, stuck=True)), drain_timeout=0.01)

    assert ["receiver stopped", "exporter stopped"] == events[2:]


async def test_stop_now_ends_a_drain():
    events, stop = [], asyncio.Event()
    service = Service(graph(Component("receiver", events, stuck=True)), drain_timeout=3600)
    asyncio.get_running_loop().call_later(0.01, service.stop_now)

    with pytest.raises(TimeoutError):
        await service.run(stop, started=stop.set)

    assert ["receiver starts", "receiver stopped"] == events


async def test_it_is_ready_only_between_start_and_stop():
    stop, seen = asyncio.Event(), []
    built = graph(Component("receiver", []))

    def started():
        seen.append(built.is_ready())
        stop.set()

    before = built.is_ready()
    await Service(built, drain_timeout=1).run(stop, started)

    assert (False, [True], False) == (before, seen, built.is_ready())


class Odd:
    """
    A component whose start, life and end are functions.
    """

    def __init__(self, name, events, start=None, life=None, end=None):
        self.name, self.events, self._start, self._life, self._end = name, events, start, life, end

    @asynccontextmanager
    async def lifespan(self):
        if self._start:
            await self._start()
        self.events.append(f"{self.name} starts")
        async with asyncio.TaskGroup() as tasks:
            if self._life:
                tasks.create_task(self._life())
            try:
                yield
            except BaseException as error:
                self.events.append(f"{self.name} is told of {type(error).__name__}")
                raise
            if self._end:
                await self._end()
            self.events.append(f"{self.name} stopped")


async def die():
    raise ValueError("a bug")


async def leave():
    sys.exit(0)


async def wait_for_ever():
    await asyncio.Event().wait()


async def wait_for_ever_and_keep_quiet():
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_when_a_component_dies_the_others_drain_in_order_and_hear_nothing_of_it(place, caplog):
    events, names = [], ["exporter", "processor", "receiver"]
    components = [Odd(name, events, life=die if names.index(name) == place else None) for name in names]

    with pytest.raises(BaseExceptionGroup):
        await Service(graph(*components), drain_timeout=1).run(asyncio.Event())

    stopped = [f"{name} stopped" for name in ("receiver", "processor", "exporter")]
    assert stopped == [event for event in events if "stop" in event]
    assert 6 == len(events)
    assert ["a component died: draining for at most 1 s", f"{names[place]} died, or failed while it stopped"] == (
        caplog.messages
    )


@pytest.mark.parametrize("end", [die, leave])
async def test_a_component_that_fails_while_it_stops_keeps_none_from_stopping_well(end, caplog):
    events = []

    with pytest.raises(BaseExceptionGroup) as failed:
        await run(graph(Odd("exporter", events), Odd("receiver", events, end=end)))

    assert ["exporter starts", "receiver starts", "exporter stopped"] == events
    assert 1 == len(failed.value.exceptions)
    assert ["receiver died, or failed while it stopped"] == caplog.messages


async def test_a_component_that_keeps_the_deadline_to_itself_does_not_free_the_others_of_it():
    events = []
    stuck = Odd("exporter", events, end=wait_for_ever)
    quiet = Odd("receiver", events, end=wait_for_ever_and_keep_quiet)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await run(graph(stuck, quiet), drain_timeout=0.01)

    assert ["exporter starts", "receiver starts", "receiver stopped", "exporter is told of CancelledError"] == events


@pytest.mark.parametrize("bug", [die, leave])
async def test_a_bug_in_a_component_that_starts_is_told_and_the_others_are_stopped(bug, caplog):
    events = []

    with pytest.raises(StartError, match=r"receiver cannot start: (ValueError: a bug|SystemExit: 0)"):
        await run(graph(Odd("exporter", events), Odd("receiver", events, start=bug)))

    assert ["exporter starts", "exporter stopped"] == events
    assert ["receiver: unexpected error"] == caplog.messages


async def test_what_is_told_to_stop_while_it_starts_stops():
    events, stop = [], asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    slow = Odd("receiver", events, start=wait_for_ever)

    async with asyncio.timeout(5):
        await Service(graph(Odd("exporter", events), slow, Odd("another", events)), drain_timeout=1).run(stop)

    assert ["exporter starts", "exporter stopped"] == events


async def test_a_component_that_dies_while_another_one_starts_stops_both():
    events = []
    slow = Odd("receiver", events, start=wait_for_ever)

    with pytest.raises(BaseExceptionGroup):
        async with asyncio.timeout(5):
            await Service(graph(Odd("exporter", events, life=die), slow), drain_timeout=1).run(asyncio.Event())

    assert ["exporter starts", "exporter stopped"] == events


async def test_a_cancellation_drains_and_is_passed_on():
    events, started = [], asyncio.Event()
    running = asyncio.create_task(
        Service(graph(Odd("exporter", events)), drain_timeout=1).run(asyncio.Event(), started.set)
    )
    await started.wait()

    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert ["exporter starts", "exporter stopped"] == events


async def test_a_signal_that_comes_when_the_time_is_over_already_changes_nothing():
    service, stop = Service(graph(Odd("exporter", [], end=wait_for_ever)), drain_timeout=0), asyncio.Event()

    with pytest.raises(TimeoutError):
        await service.run(stop, started=stop.set)

    assert service.stop_now() is None
