"""
Laws of all components, tested on some that break them.
"""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel, Field

from collector.api import (
    ComponentConfig,
    ConnectorFactory,
    ExtensionFactory,
    span_processor,
)
from collector.batch import Signal
from collector.errors import ConfigError
from collector.testing import check, laws_of
from processors import batch as batch_processor
from tests.collector.testing.lawless import breaks, lawful


@pytest.mark.parametrize("component", [lawful, batch_processor.factory])
def test_what_obeys_passes_all_laws(component):
    check(component)


def test_a_law_has_its_sentence_as_its_name():
    assert "every_setting_is_described" in map(str, laws_of(lawful))


def test_laws_are_about_components():
    with pytest.raises(TypeError, match="a str is not a component"):
        laws_of("batch")


def test_an_example_can_be_given():
    @span_processor
    def tag(span, *, team: str):
        span["team"] = team
        return span

    without, given = ({str(law): law for law in laws_of(tag, example=text)} for text in ("{}", "team: a"))

    with pytest.raises(ConfigError, match="team: is required"):
        without["the_example_is_accepted"].check()
    given["the_example_is_accepted"].check()


def test_a_config_that_takes_unknown_keys_is_found():
    class Loose(BaseModel):
        pass

    factory = ExtensionFactory(config=Loose, build=lambda *_: None)

    assert "an unknown key is accepted" == breaks(factory, "unknown_keys_are_refused")


def test_a_nested_config_that_takes_unknown_keys_is_found():
    class Inner(BaseModel):
        x: int = Field(default=1, description="X.")

    class Outer(ComponentConfig):
        inners: list[Inner] = Field(default=[], description="Inner ones.")

    factory = ExtensionFactory(config=Outer, build=lambda *_: None)

    assert "inners takes unknown keys: set extra='forbid'" == breaks(factory, "unknown_keys_are_refused")


def test_a_setting_without_description_is_found_however_deep_it_is():
    class Inner(ComponentConfig):
        secret: int = 1

    class Outer(ComponentConfig):
        inner: dict[str, Inner | None] = Field(default={}, description="Inner.")
        plain: int = 2

    factory = ExtensionFactory(config=Outer, build=lambda *_: None)

    assert "without a description: plain, inner.secret" == breaks(factory, "every_setting_is_described")


def test_a_task_that_is_left_running_is_found():
    class Leaking:
        def __init__(self, *_):
            pass

        @asynccontextmanager
        async def lifespan(self):
            self.task = asyncio.create_task(asyncio.Event().wait())
            yield

    factory = ExtensionFactory(config=ComponentConfig, build=Leaking)

    assert "left running" in breaks(factory, "a_lifespan_can_be_entered_again_and_leaves_no_task")


def test_a_lifespan_that_works_only_once_is_found():
    class Once:
        def __init__(self, *_):
            self.used = False

        @asynccontextmanager
        async def lifespan(self):
            assert not self.used, "used up"
            self.used = True
            yield

    factory = ExtensionFactory(config=ComponentConfig, build=Once)

    assert "used up" in breaks(factory, "a_lifespan_can_be_entered_again_and_leaves_no_task")


def test_two_that_get_in_each_others_way_are_found():
    class Alone:
        running = False

        def __init__(self, *_):
            pass

        @asynccontextmanager
        async def lifespan(self):
            assert not Alone.running, "there is one already"
            Alone.running = True
            yield
            Alone.running = False

    factory = ExtensionFactory(config=ComponentConfig, build=Alone)

    assert "there is one already" in breaks(factory, "two_of_a_kind_run_side_by_side")


def test_a_port_that_stays_open_is_found():
    class Listening:
        def __init__(self, *_):
            self.sockets = []

        def endpoints(self):
            return {"nothing": f"http://localhost:{self.sockets[-1].getsockname()[1]}"}

        @asynccontextmanager
        async def lifespan(self):
            self.sockets.append(socket.create_server(("localhost", 0)))
            listening.append(self.sockets[-1])
            yield

    listening = []
    complaint = breaks(ExtensionFactory(config=ComponentConfig, build=Listening), "who_listens_stops_listening")
    for each in listening:
        each.close()

    assert "somebody still listens on" in complaint


def test_a_connector_that_makes_something_else_is_found():
    class Confused:
        def __init__(self, config, settings, next_):
            self.next = next_

        async def consume(self, batch):
            await self.next[Signal.METRICS].consume(batch)

    signals = {Signal.TRACES: frozenset({Signal.METRICS})}
    factory = ConnectorFactory(config=ComponentConfig, build=Confused, signals=signals)

    assert "made of traces: [(<Signal.METRICS" in breaks(factory, "a_connector_makes_what_it_says")
