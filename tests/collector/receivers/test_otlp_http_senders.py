import pytest

from collector.errors import (
    ConfigError,
    UnauthenticatedError,
)
from tests.collector.receivers.conftest import build
from tests.collector.receivers.door import Door
from tests.collector.receivers.http import HTTP, SPANS, exchange, raw, status_of


class _Gate:
    def authenticate(self, headers):
        if headers.get("authorization") != "Bearer secret":
            raise UnauthenticatedError("who are you", challenge="Bearer")


AUTH = "{http: {endpoint: 'localhost:0', auth: {authenticator: gate}}}"


async def test_who_is_not_known_is_told_how_to_be(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    refused = await otlp.post(SPANS.wire)
    let_in = await otlp.post(SPANS.wire, headers={"Authorization": "Bearer secret"})

    assert (401, "Bearer") == (refused.status, refused.headers["WWW-Authenticate"])
    assert 16 == status_of(refused).code
    assert (200, {"auth": 1}) == (let_in.status, otlp.door.refused())


async def test_who_is_not_known_is_told_before_the_body_is_sent(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})

    assert b"HTTP/1.1 401" in await exchange(otlp, raw(b"", length=1_000_000))


async def test_a_header_given_twice_is_no_way_in(start):
    otlp = await start(AUTH, extensions={"gate": _Gate()})
    request = raw(b"", b"Authorization: Bearer other\r\nAuthorization: Bearer secret\r\n")

    assert b"HTTP/1.1 401" in await exchange(otlp, request)


@pytest.mark.parametrize(
    ("extensions", "why"), [({}, "is not one of service::extensions"), ({"gate": object()}, "cannot check requests")]
)
def test_an_authenticator_has_to_be_an_extension_that_can_authenticate(extensions, why):
    with pytest.raises(ConfigError, match=f"protocols::http::auth::authenticator: gate {why}"):
        build(AUTH, Door(), extensions=extensions)


async def test_metadata_is_kept_if_asked_for(start):
    otlp = await start("{http: {endpoint: 'localhost:0', include_metadata: true}}")

    await otlp.post(SPANS.wire, headers={"X-Tenant": "one"})

    assert "one" == otlp.door.batches[0].metadata["x-tenant"]


async def test_metadata_is_not_kept_otherwise(start):
    otlp = await start(HTTP)

    await otlp.post(SPANS.wire, headers={"X-Tenant": "one"})

    assert {} == otlp.door.batches[0].metadata
