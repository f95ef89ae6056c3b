"""
Exporter and receiver do not trust each other: nothing is sent, and it may be put right later.
"""

from datetime import UTC, datetime, timedelta

import pytest
import trustme

from collector.errors import RetryableError
from collector.testing import make_batch
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door
from tests.exporters.servers import exporter

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TYPES = {"otlp_http": "http", "otlp_grpc": "grpc"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """
    Certificates of one authority, and what somebody has of another one.
    """
    folder, ours, theirs = tmp_path_factory.mktemp("tls"), trustme.CA(), trustme.CA()
    old = {"not_before": LONG_AGO, "not_after": LONG_AGO + timedelta(days=1)}
    identities = {
        "valid": ours.issue_cert("localhost"),
        "expired": ours.issue_cert("localhost", **old),
        "of another name": ours.issue_cert("elsewhere"),
        "of another authority": theirs.issue_cert("localhost"),
    }
    ours.cert_pem.write_to_path(folder / "authority.pem")
    for name, identity in identities.items():
        identity.private_key_and_cert_chain_pem.write_to_path(folder / name)
    return folder


async def outcome(type_, files, server, client=None):
    """
    Return what an attempt raised, and how many items arrived.
    """
    protocol, door = TYPES[type_], Door()
    asks = f"client_ca_file: {files}/authority.pem" if client else ""
    shows = f"cert_file: '{files}/{client}', key_file: '{files}/{client}'" if client and client != "none" else ""
    tls = f"{{cert_file: '{files}/{server}', key_file: '{files}/{server}', {asks}}}"
    receiver = build(f"{{{protocol}: {{endpoint: 'localhost:0', tls: {tls}}}}}", door)
    async with receiver.lifespan():
        port = getattr(receiver, protocol).endpoint.port
        config = f"{{endpoint: 'https://localhost:{port}', tls: {{ca_file: {files}/authority.pem, {shows}}}}}"
        exporting = exporter(type_, config)
        async with exporting.lifespan():
            with pytest.raises(RetryableError) as refusal:
                await exporting.export(make_batch())
    return str(refusal.value), door.items


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("expired", "expired|CERTIFICATE_VERIFY_FAILED"),
        ("of another name", "not valid for 'localhost'|Hostname Verification Check failed"),
        ("of another authority", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_a_server_that_is_not_who_it_should_be_is_not_sent_anything(type_, files, server, why):
    said, arrived = await outcome(type_, files, server)

    assert 0 == arrived
    assert any(words in said for words in why.split("|"))


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("client", ["none", "expired", "of another authority"])
async def test_a_client_that_is_not_who_it_should_be_brings_nothing_in(type_, files, client):
    _, arrived = await outcome(type_, files, "valid", client)

    assert 0 == arrived
