"""A Jaeger of each protocol that answers from a script, and the engine before it."""

import dataclasses
from typing import NamedTuple

import yaml

from collector.batch import Signal
from collector.delivery.delivery import Delivery
from collector.delivery.settings import DeliveryConfig
from collector.errors import ConsumeError, DropReason
from collector.telemetry import DROPPED, HELD, SENT, Telemetry
from collector.testing import settings
from exporters.jaeger.api_v2 import POST_SPANS
from tests.exporters.servers import GrpcBackend, HttpBackend, exporter


class PostSpans(GrpcBackend):
    methods = (*GrpcBackend.methods, POST_SPANS)


BACKENDS = {"otlp_grpc": PostSpans, "otlp_http": HttpBackend, "grpc": PostSpans, "thrift_http": HttpBackend}


class Pauses:
    """
    A clock on which pauses take no time and are written down.
    """

    def __init__(self):
        self.slept = []

    def monotonic(self):
        return sum(self.slept)

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Told(NamedTuple):
    """What is known when a batch has been delivered."""

    requests: list
    """The bodies that came, in their order."""
    pauses: list
    sent: int
    dropped: dict
    error: ConsumeError | None


def sending_to(protocol, endpoint, **config):
    return exporter("jaeger", yaml.safe_dump({"protocol": protocol, "endpoint": endpoint, **config}))


async def deliver(protocol, script, batch, retry=None, **config):
    """
    Deliver one batch through the engine to a backend that answers from a script; nothing is held in the end.
    """
    backend = BACKENDS[protocol](script)
    async with backend.running():
        told = await deliver_to(protocol, f"127.0.0.1:{backend.port}", batch, retry, **config)
    calls = backend.calls if isinstance(backend, GrpcBackend) else backend.requests
    return told._replace(requests=[call.request if hasattr(call, "request") else call.body for call in calls])


async def deliver_to(protocol, endpoint, batch, retry=None, **config):
    telemetry, clock = Telemetry(), Pauses()
    accounts = telemetry.component("jaeger")
    exporting = sending_to(protocol, endpoint, compression="none")
    retry = {"randomization_factor": 0, "max_elapsed_time": 0, **(retry or {})}
    engine = dataclasses.replace(settings("jaeger"), clock=clock)
    delivery = Delivery(exporting, DeliveryConfig(retry_on_failure=retry, **config), engine, accounts)
    items, error = len(batch), None
    accounts.held(Signal.TRACES, items)
    async with exporting.lifespan():
        try:
            await delivery.deliver(batch)
        except ConsumeError as refusal:
            error = refusal
    dropped = {reason: int(telemetry.total(DROPPED, reason=reason)) for reason in DropReason}
    told = Told(
        [], clock.slept, int(telemetry.total(SENT[Signal.TRACES])), {r: n for r, n in dropped.items() if n}, error
    )
    assert items == told.sent + sum(told.dropped.values())
    assert 0 == telemetry.total(HELD)
    return told
