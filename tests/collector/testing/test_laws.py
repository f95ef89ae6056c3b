"""
Laws are tested on components that break them.
"""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from google.protobuf.message import DecodeError
from pydantic import BaseModel, Field

from collector.api import (
    BufferingProcessorFactory,
    ComponentConfig,
    ConnectorFactory,
    ExporterFactory,
    ExtensionFactory,
    ProcessorFactory,
    map_records,
    span_processor,
)
from collector.batch import RECORD_SIGNALS, Batch, Signal
from collector.errors import ConfigError, PermanentError, RetryableError
from collector.testing import check, laws_of
from processors import batch as batch_processor


@span_processor
def lawful(span):
    span["seen"] = True
    return span


def breaks(component, law):
    """
    Whether this law, and the words of its complaint.
    """
    (broken,) = [each for each in laws_of(component) if str(each) == law]
    try:
        broken.check()
    except AssertionError as complaint:
        return str(complaint)
    return None


def processor(process, **options):
    class Doing:
        def __init__(self, config, settings):
            self.settings = settings

        def process(self, batch):
            return process(batch)

    return ProcessorFactory(config=ComponentConfig, build=Doing, **options)


def exporter(export, example="endpoint: localhost:4317"):
    class Config(ComponentConfig):
        endpoint: str = Field(default="", description="Where.")

    class Doing:
        def __init__(self, config, settings):
            self.endpoint = config.endpoint

        async def export(self, batch):
            return await export(self, batch)

    return ExporterFactory(config=Config, build=Doing, example=example)


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


class Holding:
    """
    A buffering processor whose books do not close.
    """

    def __init__(self, config, settings, next):
        self.settings = settings
        self.next = next
        self.batches = []

    def admits(self, items, size):
        return None

    async def consume(self, batch):
        self.batches.append(batch)

    @asynccontextmanager
    async def lifespan(self):
        yield


def test_a_processor_that_lets_items_vanish_is_found():
    factory = BufferingProcessorFactory(config=ComponentConfig, build=Holding)

    assert "vanished without a name" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_still_holds_something_after_draining_is_found():
    class Hoarding(Holding):
        async def consume(self, batch):
            self.settings.telemetry.held(batch.signal, len(batch))

    factory = BufferingProcessorFactory(config=ComponentConfig, build=Hoarding)

    assert "still held after draining" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_drops_by_accident_is_found():
    factory = processor(lambda batch: 1 / 0)

    assert "dropped for plugin_error" in breaks(factory, "what_is_accepted_comes_out_or_is_dropped_on_purpose")


def test_a_processor_that_may_drop_on_purpose_is_lawful():
    check(processor(lambda batch: None))


def test_a_processor_that_makes_something_of_nothing_is_found():
    def invent(batch):
        if len(batch) == 0 and batch.signal is Signal.LOGS:
            batch.request.resource_logs.add().scope_logs.add().log_records.add()
        return batch

    assert "something came out of nothing" in breaks(processor(invent), "an_empty_batch_is_tolerated")


def test_a_processor_that_passes_on_what_is_not_otlp_is_found():
    factory = processor(lambda batch: batch.replace(b"\x0a\x05", 3))

    with pytest.raises(DecodeError):
        breaks(factory, "the_signal_is_preserved_and_what_comes_out_is_otlp")


def test_a_processor_that_rebuilds_messages_from_what_it_knows_is_found():
    def rebuild(batch):
        known = type(batch.request)()
        known.CopyFrom(batch.request)
        known.DiscardUnknownFields()
        return Batch(batch.signal, request=known)

    assert "an unknown field was lost" in breaks(processor(rebuild), "fields_it_does_not_know_survive")


def test_a_processor_that_writes_with_views_is_lawful():
    def tag(record):
        record.resource["x"] = 1
        return record

    check(processor(lambda batch: map_records(batch, tag), signals=RECORD_SIGNALS))


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


async def connect(self):
    host, port = self.endpoint.split(":")
    try:
        return await asyncio.open_connection(host, int(port))
    except OSError as error:
        raise RetryableError(str(error)) from error


async def send_and_close(self, batch):
    reader, writer = await connect(self)
    try:
        writer.write(b"hello")
        await reader.read()
    finally:
        writer.close()


def test_an_exporter_that_closes_what_it_opened_is_lawful():
    check(exporter(send_and_close))


def test_an_exporter_that_keeps_a_socket_open_when_cancelled_is_found(monkeypatch):
    monkeypatch.setattr("collector.testing.laws.subject.PATIENCE", 0.2)
    kept = []

    async def send_and_forget(self, batch):
        host, port = self.endpoint.split(":")
        kept.append(socket.create_connection((host, int(port))))
        kept[0].sendall(b"hello")
        await asyncio.Event().wait()

    complaint = breaks(exporter(send_and_forget), "an_attempt_that_is_cancelled_leaves_no_open_socket")
    kept[0].close()

    assert "nothing happened for" in complaint


def test_an_exporter_that_cannot_be_cancelled_is_found():
    async def stubborn(self, batch):
        reader, writer = await connect(self)
        writer.write(b"hello")
        try:
            await reader.read()
        except asyncio.CancelledError:
            writer.close()

    complaint = breaks(exporter(stubborn), "an_attempt_that_is_cancelled_leaves_no_open_socket")

    assert "it went on although it was cancelled" == complaint


async def never(self, batch):
    raise PermanentError("no")


async def lie(self, batch):
    return None


@pytest.mark.parametrize(
    ("export", "complaint"), [(never, "it was said to be for good: no"), (lie, "it was said to be delivered")]
)
def test_an_exporter_that_gives_up_on_a_backend_that_is_not_there_is_found(export, complaint):
    assert complaint in breaks(exporter(export), "a_backend_that_is_not_there_may_be_there_later")


def test_an_exporter_without_network_takes_what_it_is_given():
    async def reject(self, batch):
        return len(batch)

    complaint = breaks(exporter(reject, example="{}"), "an_exporter_takes_every_signal_it_names")

    assert "rejected what nobody has seen" in complaint
