"""Our exporters against our receiver: whatever one says, the other understands."""

import dataclasses
from contextlib import asynccontextmanager

import pytest
import trustme
import yaml

from collector.api import ComponentID
from collector.batch import Batch, Signal
from collector.errors import PermanentError, RefusalReason, RetryableError, UnauthenticatedError
from collector.registry import Kind, load_factory
from collector.testing import FakeIntake, make_batch, make_spans, settings
from tests.exporters.servers import exporter

WAYS = {
    "grpc": ("otlp_grpc", {}),
    "grpc, none": ("otlp_grpc", {"compression": "none"}),
    "http": ("otlp_http", {}),
    "http, zstd": ("otlp_http", {"compression": "zstd"}),
    "http, deflate": ("otlp_http", {"compression": "deflate"}),
    "http, none": ("otlp_http", {"compression": "none"}),
    "http, json": ("otlp_http", {"encoding": "json"}),
}
every_way = pytest.mark.parametrize(("type_", "config"), WAYS.values(), ids=WAYS)


@asynccontextmanager
async def pair(type_, config, intake, *, tls=None, extensions=None, **limits):
    """
    Yield an exporter whose backend is a receiver that hands what it takes to `intake`.
    """
    protocol = "grpc" if type_ == "otlp_grpc" else "http"
    server, client = tls or (None, {"insecure": True})
    listening = {"endpoint": "127.0.0.1:0", **limits, **({"tls": server} if server else {})}
    factory = load_factory(Kind.RECEIVER, "otlp")
    its = dataclasses.replace(settings("otlp"), extensions=extensions or {})
    receiver = factory.build(factory.config(protocols={protocol: listening}), its, intake)
    async with receiver.lifespan():
        (url,) = receiver.endpoints().values()
        exporting = exporter(type_, yaml.safe_dump({"endpoint": url, "tls": client, **config}))
        async with exporting.lifespan():
            yield exporting


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """
    What a server and a client with certificates of one authority have to be told.
    """
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("certificates")
    authority.cert_pem.write_to_path(str(folder / "ca"))
    given = {}
    for name in ("127.0.0.1", "client"):
        certificate = authority.issue_cert(name)
        certificate.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        certificate.cert_chain_pems[0].write_to_path(str(folder / name))
        given[name] = {"cert_file": str(folder / name), "key_file": str(folder / f"{name}.key")}
    ca = str(folder / "ca")
    return {**given["127.0.0.1"], "client_ca_file": ca}, {**given["client"], "ca_file": ca}


@every_way
@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("items", [1, 500])
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
async def test_every_signal_arrives(type_, config, signal, items, secured, certificates):
    intake, batch = FakeIntake(), make_batch(signal, items=items, key="välue")

    async with pair(type_, config, intake, tls=certificates if secured else None) as exporting:
        assert 0 == await exporting.export(batch)

    assert [(signal, batch.wire)] == [(b.signal, b.wire) for b in intake.batches]


@every_way
@pytest.mark.parametrize("after", [0.5, 1, 7, 3600])
@pytest.mark.parametrize("reason", [RefusalReason.QUEUE_FULL, RefusalReason.MEMORY, RefusalReason.SHUTTING_DOWN])
async def test_a_refusal_is_retryable_and_says_when_to_come_back(type_, config, after, reason):
    """
    HTTP has whole seconds only.
    """
    intake = FakeIntake(refusal=RetryableError("full", retry_after=after, reason=reason))

    async with pair(type_, config, intake) as exporting:
        with pytest.raises(RetryableError, match="full") as refusal:
            await exporting.export(make_batch())

    assert after <= refusal.value.retry_after <= after + 0.5


@every_way
async def test_a_backend_that_refused_for_good_is_not_asked_again(type_, config):
    class Never(FakeIntake):
        async def consume(self, batch, *, transport=""):
            raise PermanentError("never")

    async with pair(type_, config, Never()) as exporting:
        with pytest.raises(PermanentError, match="never"):
            await exporting.export(make_batch())


@every_way
async def test_a_request_that_is_too_large_is_permanent(type_, config):
    intake = FakeIntake()

    async with pair(type_, config, intake, max_items=2) as exporting:
        with pytest.raises(PermanentError):
            await exporting.export(make_batch(items=3))

    assert [RefusalReason.TOO_LARGE] == intake.refusals


@every_way
async def test_what_is_not_otlp_is_permanent(type_, config):
    if "encoding" in config:  # the exporter cannot read it either
        return
    async with pair(type_, config, FakeIntake()) as exporting:
        with pytest.raises(PermanentError):
            await exporting.export(Batch(Signal.TRACES, wire=b"\xff\xff", items=1))


@every_way
async def test_a_signal_that_nobody_takes_is_permanent(type_, config):
    async with pair(type_, config, FakeIntake([Signal.LOGS])) as exporting:
        with pytest.raises(PermanentError):
            await exporting.export(make_batch(Signal.TRACES))


@every_way
async def test_a_sender_that_is_not_known_is_permanent(type_, config):
    class Doorman:
        def authenticate(self, headers):
            if headers.get("authorization") != "Bearer secret":
                raise UnauthenticatedError("who are you?")

    intake = FakeIntake()
    auth = {"auth": {"authenticator": "doorman"}, "extensions": {ComponentID("doorman"): Doorman()}}
    async with pair(type_, config, intake, **auth) as exporting:
        with pytest.raises(PermanentError):
            await exporting.export(make_batch())
    async with pair(type_, {**config, "headers": {"Authorization": "Bearer secret"}}, intake, **auth) as exporting:
        assert 0 == await exporting.export(make_batch())

    assert [RefusalReason.AUTH] == intake.refusals
    assert 1 == len(intake.batches)


@every_way
async def test_spans_without_ids_are_rejected_and_the_others_arrive(type_, config, caplog):
    intake = FakeIntake()
    batch = make_spans({"name": "good"}, {"name": "bad"}, {"name": "worse"})
    for span in list(batch.records())[1:]:
        span.trace_id = b""

    async with pair(type_, config, intake) as exporting:
        assert 2 == await exporting.export(batch)

    assert ["good"] == [span.name for taken in intake.batches for span in taken.records()]
    assert "2 spans rejected" in caplog.text


@every_way
async def test_nothing_at_all_is_taken_too(type_, config):
    async with pair(type_, config, FakeIntake()) as exporting:
        assert 0 == await exporting.export(Batch(Signal.LOGS, wire=b""))
