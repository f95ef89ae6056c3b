"""What exporters ask of the HTTP client beside sending a body."""

import pytest

from collector.net.http_client import MOST_READ, HttpClient, HttpClientConfig
from collector.testing import settings
from tests.exporters.servers import HttpBackend, respond


async def exchange(answer, ask):
    backend = HttpBackend([answer])
    async with backend.running():
        client = HttpClient(HttpClientConfig(), settings("otlp_http"))
        async with client.lifespan():
            found = await ask(client, f"http://127.0.0.1:{backend.port}/path")
    return found, backend.requests[0]


@pytest.mark.parametrize("size", [MOST_READ + 1, 300_000])
async def test_an_answer_that_is_expected_to_be_large_is_read_to_its_end(size):
    answer, _ = await exchange(respond(200, bytes(size)), lambda c, url: c.post(url, b"", "a/b", most_read=300_000))

    assert answer.is_whole
    assert size == len(answer.body)


async def test_no_more_is_read_than_was_asked_for():
    answer, _ = await exchange(respond(200, bytes(101)), lambda c, url: c.post(url, b"", "a/b", most_read=100))

    assert not answer.is_whole
    assert 100 == len(answer.body)


async def test_a_question_has_no_body_and_no_encoding():
    answer, request = await exchange(respond(200, b"{}", "application/json"), lambda c, url: c.get(url))

    assert b"{}" == answer.body
    assert ("GET", "/path", b"") == (request.method, request.path, request.body)
    assert not {"content-encoding", "content-type"} & set(request.headers)


async def test_a_body_may_be_put():
    _, request = await exchange(respond(200), lambda c, url: c.post(url, b"{}", "application/json", method="PUT"))

    assert "PUT" == request.method
