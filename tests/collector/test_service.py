import asyncio
from contextlib import asynccontextmanager

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
    stop.set()
    await Service(built, drain_timeout=drain_timeout).run(stop)


async def test_components_stop_in_the_opposite_order():
    events = []

    await run(graph(Component("exporter", events), Component("receiver", events)))

    assert ["exporter starts", "receiver starts", "receiver stopped", "exporter stopped"] == events


@pytest.mark.parametrize("error", [OSError(98, "Address already in use"), ConfigError("cannot listen on x")])
async def test_a_component_that_cannot_start_is_named_and_the_others_are_stopped(error):
    events = []

    with pytest.raises(StartError, match="receiver cannot start: "):
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
    stop.set()
    asyncio.get_running_loop().call_later(0.01, service.stop_now)

    with pytest.raises(TimeoutError):
        await service.run(stop)

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


async def test_a_task_that_dies_stops_everything_in_order():
    events = []

    class Dying(Component):
        @asynccontextmanager
        async def lifespan(self):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.die())
                yield

        async def die(self):
            raise ValueError("bug")

    with pytest.raises(BaseExceptionGroup):
        await Service(graph(Component("exporter", events), Dying("receiver", events)), drain_timeout=1).run(
            asyncio.Event()
        )

    assert ["exporter starts", "exporter stopped"] == events
