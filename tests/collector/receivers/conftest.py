from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple

import aiohttp
import grpc.aio
import pytest
import yaml

from collector.api import ComponentID
from collector.batch import SHAPES, Signal
from collector.clock import SystemClock
from collector.receivers.otlp import factory
from collector.testing import settings
from tests.collector.receivers.door import Door

BOTH = "{grpc: {endpoint: 'localhost:0'}, http: {endpoint: 'localhost:0'}}"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes


class Running:
    """A receiver that runs, and clients for it."""

    def __init__(self, receiver, door, session, stack):
        self.receiver = receiver
        self.door = door
        self._session = session
        self._stack = stack

    @property
    def url(self):
        return f"http://localhost:{self.receiver.http.endpoint.port}"

    async def post(self, body=b"", path="/v1/traces", kind="application/x-protobuf", method="POST", **options):
        headers = {"Content-Type": kind} if kind else {}
        options["headers"] = {**headers, **options.get("headers", {})}
        async with self._session.request(method, self.url + path, data=body, **options) as answer:
            return Answer(answer.status, answer.headers, answer.content_type, await answer.read())

    async def export(self, batch, **options):
        return await self.call(SHAPES[batch.signal].rpc, batch.wire, **options)

    async def call(self, method, message, **options):
        channel = grpc.aio.insecure_channel(str(self.receiver.grpc.endpoint))
        await self._stack.enter_async_context(channel)
        return await channel.unary_unary(method)(message, **{"timeout": 5, **options})


@pytest.fixture
async def start():
    """
    Builds receivers from YAML, as the engine does, and starts them; they stop when the test ends.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def start_one(protocols=BOTH, *, signals=tuple(Signal), extensions=None, clock=None):
            door = Door(signals)
            receiver = build(protocols, door, extensions=extensions, clock=clock)
            await stack.enter_async_context(receiver.lifespan())
            return Running(receiver, door, session, stack)

        yield start_one


def build(protocols, door, *, extensions=None, clock=None):
    config = factory.config.model_validate({"protocols": yaml.safe_load(protocols)})
    known = {ComponentID.parse(id_): extension for id_, extension in (extensions or {}).items()}
    given = replace(settings("otlp"), extensions=known, clock=clock or SystemClock())
    return factory.build(config, given, door.intake)
