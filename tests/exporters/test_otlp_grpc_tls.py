import asyncio

import pytest
import trustme

from collector.errors import RetryableError
from collector.net.tls import ServerTLS
from collector.testing import make_batch
from tests.exporters.servers import GrpcBackend, exporter

LARGE = {"items": 300, "key": "value" * 100}


class Hands:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority, tmp_path):
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    server = ServerTLS(
        cert_pem=certificate.cert_chain_pems[0].bytes().decode(),
        key_pem=certificate.private_key_pem.bytes().decode(),
    )
    return ca, server.credentials(Hands())


@pytest.mark.parametrize("size", [{}, LARGE], ids=["small", "large"])
async def test_the_connection_is_secured_by_default(tls, size):
    ca, credentials = tls
    backend = GrpcBackend()

    async with backend.running(credentials=credentials):
        exporting = exporter("otlp_grpc", f"{{endpoint: '127.0.0.1:{backend.port}', tls: {{ca_file: '{ca}'}}}}")
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch(**size))


async def test_https_before_the_endpoint_means_tls_even_if_insecure(tls):
    ca, credentials = tls
    backend = GrpcBackend()

    async with backend.running(credentials=credentials):
        endpoint = f"https://127.0.0.1:{backend.port}"
        exporting = exporter("otlp_grpc", f"{{endpoint: '{endpoint}', tls: {{ca_file: '{ca}', insecure: true}}}}")
        async with exporting.lifespan():
            assert 0 == await exporting.export(make_batch())


async def test_a_backend_of_another_authority_is_not_sent_anything(tls):
    _, credentials = tls
    backend = GrpcBackend()

    async with backend.running(credentials=credentials):
        exporting = exporter("otlp_grpc", f"endpoint: 127.0.0.1:{backend.port}")
        async with exporting.lifespan():
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())

    assert [] == backend.calls


async def test_a_changed_authority_is_used_for_new_calls_while_old_ones_end_in_peace(authority, tls, tmp_path):
    ca, credentials = tls
    backend, clock = GrpcBackend([GrpcBackend.silence]), Hands()

    async with backend.running(credentials=credentials):
        config = f"{{endpoint: '127.0.0.1:{backend.port}', tls: {{ca_file: '{ca}', reload_interval: 1}}}}"
        exporting = exporter("otlp_grpc", config, clock=clock)
        async with exporting.lifespan():
            old = asyncio.create_task(exporting.export(make_batch()))
            await backend.asked.wait()
            write_other_authority(ca, authority)
            clock.now = 1
            new = await exporting.export(make_batch())
            was_going_on = not old.done() and not backend.cancelled.is_set()
            old.cancel()
            await asyncio.wait([old])

    assert (0, True) == (new, was_going_on)


def write_other_authority(path, authority):
    path.write_bytes(trustme.CA().cert_pem.bytes() + authority.cert_pem.bytes())
