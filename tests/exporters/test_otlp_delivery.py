"""What the engine does with what OTLP exporters are answered: the same for gRPC and HTTP."""

import asyncio
import dataclasses
from email.utils import formatdate

import grpc
import pytest
import yaml
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.batch import Signal
from collector.delivery.delivery import Delivery
from collector.delivery.retry import LONGEST_PAUSE
from collector.delivery.settings import DeliveryConfig
from collector.errors import PermanentError
from collector.net.otlp_status import DETAILS
from collector.net.partial_success import partial_success
from collector.telemetry import DROPPED, SENT, Telemetry
from collector.testing import make_batch, settings
from tests.exporters.servers import GrpcBackend, HttpBackend, exporter, respond


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


def unavailable(delay=None):
    status = Status(code=14)
    if delay is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=delay)))
    return grpc.StatusCode.UNAVAILABLE, "busy", ((DETAILS, status.SerializeToString()),)


async def silent(reader, writer):
    await reader.read()


BACKENDS = {"otlp_grpc": (GrpcBackend, "127.0.0.1:{}"), "otlp_http": (HttpBackend, "http://127.0.0.1:{}")}
BUSY = {"otlp_grpc": unavailable(), "otlp_http": respond(503)}
NEVER = {"otlp_grpc": (grpc.StatusCode.INTERNAL, "no", ()), "otlp_http": respond(500)}
SOME = {type_: partial_success(Signal.TRACES, 2, "old") for type_ in BACKENDS}
both = pytest.mark.parametrize("type_", BACKENDS)


async def deliver(type_, script, telemetry, clock, **config):
    """
    Deliver one batch of five spans to a backend that answers from a script; return how often it was asked.
    """
    kind, endpoint = BACKENDS[type_]
    backend = kind(script)
    async with backend.running():
        its = {"endpoint": endpoint.format(backend.port), "tls": {"insecure": True}}
        exporting = exporter(type_, yaml.safe_dump(its))
        engine = dataclasses.replace(settings(type_), clock=clock)
        retry = {"randomization_factor": 0, "max_elapsed_time": 0}
        delivery = Delivery(
            exporting, DeliveryConfig(retry_on_failure=retry, **config), engine, telemetry.component(type_)
        )
        async with exporting.lifespan():
            await delivery.deliver(make_batch(items=5))
    return len(backend.calls if type_ == "otlp_grpc" else backend.requests)


@both
async def test_what_may_be_accepted_later_is_sent_again_later_and_later(type_):
    telemetry, clock = Telemetry(), Pauses()

    assert 4 == await deliver(type_, [BUSY[type_]] * 3, telemetry, clock)
    assert [5, 7.5, 11.25] == clock.slept
    assert 5 == telemetry.total(SENT[Signal.TRACES])


@both
async def test_what_was_refused_for_good_is_never_sent_again(type_):
    telemetry, clock = Telemetry(), Pauses()

    with pytest.raises(PermanentError):
        await deliver(type_, [NEVER[type_]], telemetry, clock)

    assert [] == clock.slept
    assert 5 == telemetry.total(DROPPED, reason="rejected_permanent")


@both
async def test_partial_success_is_counted_and_never_sent_again(type_):
    telemetry = Telemetry()
    answer = SOME[type_] if type_ == "otlp_grpc" else respond(200, SOME[type_])

    assert 1 == await deliver(type_, [answer], telemetry, Pauses())
    assert (3, 2) == (telemetry.total(SENT[Signal.TRACES]), telemetry.total(DROPPED, reason="partial_success"))


@both
async def test_a_backend_that_does_not_answer_in_time_is_asked_again(type_):
    telemetry, clock = Telemetry(), Pauses()
    silence = GrpcBackend.silence if type_ == "otlp_grpc" else silent

    assert 2 == await deliver(type_, [silence], telemetry, clock, timeout=0.3)
    assert [5] == clock.slept


@pytest.mark.parametrize(
    ("delay", "pause"), [(None, 5), (0, 5), (3, 5), (60, 60), (-60, 5), (10**9, LONGEST_PAUSE), (2**60, LONGEST_PAUSE)]
)
async def test_retry_info_is_honoured_within_reason(delay, pause):
    clock = Pauses()

    await deliver("otlp_grpc", [unavailable(delay)], Telemetry(), clock)

    assert [pause] == clock.slept


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("value", "pause"),
    [(None, 5), ("0", 5), ("3", 5), ("60", 60), ("-60", 5), ("NaN", 5), ("soon", 5), ("9" * 30, LONGEST_PAUSE)],
)
async def test_retry_after_is_honoured_within_reason(status, value, pause):
    clock = Pauses()
    headers = {} if value is None else {"Retry_After": value}

    await deliver("otlp_http", [respond(status, **headers)], Telemetry(), clock)

    assert [pause] == clock.slept


@pytest.mark.parametrize(("date", "least", "most"), [(4_102_444_800, 3600, 3600), (0, 5, 5)])
async def test_retry_after_may_be_a_date(date, least, most):
    clock = Pauses()

    await deliver("otlp_http", [respond(503, Retry_After=formatdate(date, usegmt=True))], Telemetry(), clock)

    assert least <= clock.slept[0] <= most


@both
async def test_senders_do_not_come_back_all_at_once(type_):
    """
    Each pause is spread, so that a backend that was down is not run over.
    """
    kind, endpoint = BACKENDS[type_]
    backend, clock = kind([BUSY[type_]] * 20), Pauses()
    async with backend.running():
        config = {"endpoint": endpoint.format(backend.port), "tls": {"insecure": True}}
        exporting = exporter(type_, yaml.safe_dump(config))
        engine = dataclasses.replace(settings(type_), clock=clock)
        delivery = Delivery(exporting, DeliveryConfig(), engine, Telemetry().component(type_))
        async with exporting.lifespan():
            await asyncio.gather(*(delivery.deliver(make_batch()) for _ in range(10)))

    assert len(set(clock.slept)) == len(clock.slept) >= 10
    assert all(2.5 <= pause <= 45 for pause in clock.slept)
