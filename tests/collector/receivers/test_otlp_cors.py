import pytest

from collector.receivers.otlp.cors import Cors, CorsConfig
from collector.testing import make_batch

SPANS = make_batch()
ASK = {"Origin": "https://shop.example.org", "Access-Control-Request-Method": "POST"}


def listening(cors):
    return f"{{http: {{endpoint: 'localhost:0', cors: {cors}}}}}"


async def test_a_browser_that_asks_first_may_send(start):
    otlp = await start(listening("{allowed_origins: ['https://shop.example.org'], max_age: 600}"))
    headers = {**ASK, "Access-Control-Request-Headers": "Content-Type"}

    answer = await otlp.post(method="OPTIONS", kind=None, headers=headers)

    assert 204 == answer.status
    expected = {
        "Access-Control-Allow-Origin": "https://shop.example.org",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "600",
    }
    assert expected == {name: answer.headers[name] for name in expected}
    assert "Origin" in answer.headers["Vary"]


async def test_what_a_browser_sends_is_answered_so_that_the_page_may_read_it(start):
    otlp = await start(listening("{allowed_origins: ['https://*.example.org'], exposed_headers: [X-Trace]}"))

    answers = [await otlp.post(body, headers={"Origin": ASK["Origin"]}) for body in (SPANS.wire, b"\xff")]

    assert [200, 400] == [answer.status for answer in answers]
    for answer in answers:
        assert ASK["Origin"] == answer.headers["Access-Control-Allow-Origin"]
        assert "X-Trace" == answer.headers["Access-Control-Expose-Headers"]


async def test_another_page_is_not_given_permission_but_data_without_origin_is_taken(start):
    otlp = await start(listening("{allowed_origins: ['https://shop.example.org']}"))

    asked = await otlp.post(method="OPTIONS", kind=None, headers={**ASK, "Origin": "https://evil.example.org"})
    sent = await otlp.post(SPANS.wire)

    assert "Access-Control-Allow-Origin" not in asked.headers
    assert (200, "Origin") == (sent.status, sent.headers["Vary"])


async def test_without_cors_a_browser_is_not_given_permission(start):
    otlp = await start("{http: {endpoint: 'localhost:0', cors: {}}}")

    answer = await otlp.post(method="OPTIONS", kind=None, headers=ASK)

    assert 405 == answer.status
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_browser_may_ask_without_a_token(start):
    """
    Fetch standard, "CORS protocol and credentials": the question never has credentials.
    """

    class Gate:
        def authenticate(self, headers):
            raise AssertionError("asked for a token")

    cors = "{allowed_origins: ['*']}, auth: {authenticator: gate}"
    otlp = await start(listening(cors), extensions={"gate": Gate()})

    answer = await otlp.post(method="OPTIONS", kind=None, headers=ASK)

    assert (204, "*") == (answer.status, answer.headers["Access-Control-Allow-Origin"])


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("*", "https://any.example.org", True),
        ("https://*.example.org", "https://a.b.example.org", True),
        ("https://*.example.org", "https://example.org", False),
        ("https://*.example.org", "https://evil.org/.example.org ", False),
        ("https://shop.example.org", "HTTPS://Shop.Example.org", True),
        ("https://shop.example.org", "https://shopXexample.org", False),
        ("http://localhost:*", "http://localhost:3000", True),
        ("null", "null", True),
    ],
)
def test_a_star_stands_for_any_part_of_an_origin(allowed, origin, expected):
    answer = Cors(CorsConfig(allowed_origins=[allowed])).actual({"origin": origin})

    assert expected == ("Access-Control-Allow-Origin" in answer)


@pytest.mark.parametrize(
    ("allowed", "wanted", "expected"),
    [
        ([], "", True),
        ([], "content-type, Accept", True),
        ([], "x-token", False),
        (["X-Token"], "x-token,content-type", True),
        (["*"], "anything, at-all", True),
        (["*"], "bad name\udcff", False),
    ],
)
def test_headers_are_allowed_by_name(allowed, wanted, expected):
    cors = Cors(CorsConfig(allowed_origins=["*"], allowed_headers=allowed))
    headers = {"origin": "x", "access-control-request-method": "POST", "access-control-request-headers": wanted}

    assert expected == ("Access-Control-Allow-Methods" in cors.preflight(headers))


def test_other_methods_are_not_allowed():
    headers = {"origin": "x", "access-control-request-method": "DELETE"}

    assert "Access-Control-Allow-Methods" not in Cors(CorsConfig(allowed_origins=["*"])).preflight(headers)
