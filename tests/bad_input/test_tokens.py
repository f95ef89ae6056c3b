"""Who has no token, or a strange one."""

import pytest

from tests.bad_input.http2 import EXPORT, Http2
from tests.bad_input.messages import honest
from tests.bad_input.victim import JSON, PROTOBUF, Victim

pytestmark = pytest.mark.slow

UNAUTHENTICATED = 16
SPANS = honest().wire
AUTH = ", auth: {authenticator: bearertokenauth}"


class Guarded(Victim):
    """Its own requests have the token."""

    def post(self, body, kind=PROTOBUF, path="/v1/traces", **headers):
        return super().post(body, kind, path, **{"Authorization": "Bearer plain", **headers})

    def export(self, message, **options):
        return super().export(message, **{"metadata": [("authorization", "Bearer plain")], **options})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    rest = "extensions: {bearertokenauth: {tokens: [plain, s\u00e9cret]}}"
    directory = tmp_path_factory.mktemp("guarded")
    victim = Guarded(directory, grpc=AUTH, http=AUTH, rest=rest, extensions="bearertokenauth", level="debug")
    yield victim
    try:
        victim.check()
        assert "s\u00e9cret" not in victim.log
        assert "canary" not in victim.log
    finally:
        victim.end()


STRANGE = {
    "nothing": b"",
    "no scheme": "s\u00e9cret".encode(),
    "no token": b"Bearer",
    "another": b"Bearer canary",
    "a part": "Bearer s\u00e9cre".encode(),
    "more": "Bearer s\u00e9crets".encode(),
    "another scheme": "Basic s\u00e9cret".encode(),
    "latin 1": "Bearer s\u00e9cret".encode("latin-1"),
    "no text": b"Bearer canary\xff\xfe\x80",
    "a line break in disguise": b"Bearer canary\xe2\x80\xa8",
    "7 KiB": b"Bearer canary" + b"x" * 7000,
}


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("name", sorted(STRANGE))
def test_over_http_a_strange_token_is_unauthenticated(guarded, name, kind):
    answer = guarded.post(SPANS, kind, Authorization=STRANGE[name])

    assert (401, "Bearer", kind) == (
        answer.status,
        answer.headers["WWW-Authenticate"],
        answer.headers["Content-Type"],
    )


# grpcio reads what is not UTF-8 as Latin 1, so there the token in Latin 1 is the token
@pytest.mark.parametrize("name", sorted(set(STRANGE) - {"latin 1"}))
def test_over_grpc_a_strange_token_is_unauthenticated_before_the_message_is_sent(guarded, name):
    with Http2(guarded.ports["grpc"]) as client:
        stream = client.open(EXPORT, headers=[(b"authorization", STRANGE[name])])

        assert UNAUTHENTICATED == client.answer(stream)


@pytest.mark.parametrize("token", ["plain", "s\u00e9cret"])
def test_every_known_token_comes_in(guarded, token):
    value = f"Bearer {token}".encode()

    assert 200 == guarded.post(SPANS, Authorization=value).status
    with Http2(guarded.ports["grpc"]) as client:
        assert 0 == client.answer(client.call(SPANS, headers=[(b"authorization", value)]))


def test_no_token_is_unauthenticated(guarded):
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    answer = guarded.exchange(head + b"Connection: close\r\nContent-Length: 1000000\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 401")
    with Http2(guarded.ports["grpc"]) as client:
        assert UNAUTHENTICATED == client.answer(client.open(EXPORT))


def test_a_token_of_a_mebibyte_is_refused(guarded):
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * (1 << 20) + b"\r\n\r\n"

    assert guarded.exchange(head)[9:12] in {b"400", b"401", b"431", b""}
    with Http2(guarded.ports["grpc"]) as client:
        stream = client.open(EXPORT, headers=[(b"authorization", b"Bearer " + b"x" * 60_000)])
        assert client.answer(stream) in {UNAUTHENTICATED, 8}


@pytest.mark.parametrize("body", [b"\xff", b"", bytes(1 << 20)])
def test_what_a_stranger_sends_is_not_looked_at(guarded, body):
    assert 401 == guarded.post(body, Authorization=b"Bearer canary").status


def test_every_refusal_is_counted(guarded):
    before = guarded.total("pyotelcol_refused_requests_total", reason="auth")

    guarded.post(SPANS, Authorization=b"Bearer canary")

    assert 1 == guarded.total("pyotelcol_refused_requests_total", reason="auth") - before
