"""The servers that SDKs ask, and what happens when the file changes."""

import asyncio
import contextlib
import dataclasses

import aiohttp
import grpc
import grpc.aio
import orjson
import pytest
import trustme
import yaml
from pydantic import ValidationError

from collector.errors import ConfigError
from collector.extensions.jaeger_remote_sampling import factory
from collector.extensions.jaeger_remote_sampling.answers import GET_SAMPLING_STRATEGY, MESSAGES
from collector.registry import Kind, load_factory
from collector.testing import FakeClock, FakeHost, settings
from tests.collector.extensions.sampling_files import FIRST, TOLD, text

HTTP, GRPC = "remote sampling over HTTP", "remote sampling over gRPC"
ANYWHERE = {"http": {"endpoint": "localhost:0"}, "grpc": {"endpoint": "localhost:0"}}
SOME = {"source": {"contents": text(FIRST)}}


def build(clock=None, **config):
    its = settings("jaeger_remote_sampling")
    if clock:
        its = dataclasses.replace(its, clock=clock)
    config = yaml.safe_load(yaml.safe_dump({**ANYWHERE, **config}))
    return factory.build(factory.config.model_validate(config), its, FakeHost())


async def ask(sampling, query, path=None, method="GET"):
    url = sampling.endpoints()[HTTP]
    if path is not None:
        url = url.removesuffix("/sampling") + path
    async with aiohttp.ClientSession() as session, session.request(method, url + query) as answer:
        return answer.status, answer.headers.get("Content-Type"), await answer.read()


async def call(sampling, message, method=GET_SAMPLING_STRATEGY, **options):
    target = sampling.endpoints()[GRPC].removeprefix("http://")
    async with grpc.aio.insecure_channel(target) as channel:
        return await channel.unary_unary(method)(message, **options)


async def rate_of(sampling, service="any"):
    _, _, body = await ask(sampling, f"?service={service}")
    return orjson.loads(body)["probabilisticSampling"]["samplingRate"]


@pytest.mark.parametrize(("content", "service", "told"), TOLD)
async def test_both_servers_tell_a_service_its_strategy(content, service, told):
    sampling = build(source={"contents": text(content)})
    name = MESSAGES["SamplingStrategyParameters"](serviceName=service).SerializeToString()

    async with sampling.lifespan():
        status, kind, body = await ask(sampling, f"?service={service}")
        answer = MESSAGES["SamplingStrategyResponse"].FromString(await call(sampling, name))

    assert (200, "application/json", told) == (status, kind, orjson.loads(body))
    assert told["strategyType"] == ("PROBABILISTIC", "RATE_LIMITING")[answer.strategyType]
    listed = told.get("operationSampling", {}).get("perOperationStrategies", [])
    assert [each["operation"] for each in listed] == [
        each.operation for each in answer.operationSampling.perOperationStrategies
    ]


@pytest.mark.parametrize("path", ["", "/", "/sampling", "/api/sampling", "/any/other"])
async def test_any_path_answers(path):
    sampling = build(**SOME)

    async with sampling.lifespan():
        status, _, _ = await ask(sampling, "?service=foo", path)

    assert 200 == status


@pytest.mark.parametrize("query", ["", "?", "?services=foo", "?service=foo&service=bar", "?service=foo&service=foo"])
async def test_a_service_that_is_missing_or_repeated_is_a_bad_request(query):
    sampling = build(**SOME)

    async with sampling.lifespan():
        status, kind, body = await ask(sampling, query)

    assert (400, b"'service' parameter must be provided once") == (status, body)
    assert kind.startswith("text/plain")


@pytest.mark.parametrize("service", ["", "%00", "%ff%fe", "%", "%zz", "a" * 5000, "%F0%9F%A6%8A", "..%2F..%2Fetc"])
async def test_a_service_that_nobody_has_heard_of_is_told_the_default(service):
    sampling = build(**SOME)

    async with sampling.lifespan():
        assert 0.5 == await rate_of(sampling, service)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_questions_are_answered(method):
    sampling = build(**SOME)

    async with sampling.lifespan():
        assert 405 == (await ask(sampling, "?service=foo", method=method))[0]
        assert 200 == (await ask(sampling, "?service=foo", method="HEAD"))[0]


@pytest.mark.parametrize("message", [b"\xff\xff", b"\x0a\x05x", b"\x0a\x02\xff\xfe"])
async def test_a_message_that_cannot_be_read_is_an_invalid_argument_and_the_next_one_is_answered(message):
    sampling = build(**SOME)

    async with sampling.lifespan():
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(sampling, message)
        assert await call(sampling, b"")

    assert grpc.StatusCode.INVALID_ARGUMENT is error.value.code()


@pytest.mark.parametrize(
    ("method", "message", "code"),
    [
        (GET_SAMPLING_STRATEGY, b"\x0a\xc0\x84\x3d" + b"x" * 1_000_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("/jaeger.api_v2.CollectorService/PostSpans", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_what_nobody_needs_is_refused_and_the_next_one_is_answered(method, message, code):
    sampling = build(**SOME)

    async with sampling.lifespan():
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(sampling, message, method)
        assert await call(sampling, b"")

    assert code is error.value.code()


async def test_bytes_that_are_no_http_are_refused_and_the_next_one_is_answered(caplog):
    sampling = build(**SOME)

    async with sampling.lifespan():
        host, port = sampling.endpoints()[HTTP].removeprefix("http://").removesuffix("/sampling").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")
        assert b" 400 " in await reader.read(64)
        writer.close()
        assert 0.5 == await rate_of(sampling)

    assert "Traceback" not in caplog.text


async def test_stopping_does_not_wait_for_those_who_only_connect():
    sampling = build(**SOME)

    async with asyncio.timeout(5):
        async with sampling.lifespan():
            host, port = sampling.endpoints()[HTTP].removeprefix("http://").removesuffix("/sampling").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /sampling?service=foo HTTP/1.1\r\n")
        assert b"200 OK" not in await reader.read()
    writer.close()


async def test_a_server_may_be_left_out():
    sampling = build(http={"enabled": False})
    async with sampling.lifespan():
        assert {GRPC} == set(sampling.endpoints())

    sampling = build(grpc={"enabled": False})
    async with sampling.lifespan():
        assert {HTTP} == set(sampling.endpoints())


async def test_both_servers_may_have_certificates(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    pem = tmp_path / "pem"
    for part in (certificate.private_key_pem, *certificate.cert_chain_pems):
        part.write_to_path(pem, append=True)
    tls = {"cert_file": str(pem), "key_file": str(pem)}
    sampling = build(http={"endpoint": "localhost:0", "tls": tls}, grpc={"endpoint": "localhost:0", "tls": tls}, **SOME)

    async with sampling.lifespan():
        places = sampling.endpoints()
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        target = places[GRPC].removeprefix("https://")
        async with grpc.aio.secure_channel(target, credentials) as channel:
            assert await channel.unary_unary(GET_SAMPLING_STRATEGY)(b"")

    assert all(place.startswith("https://localhost:") for place in places.values())


def rate_file(path, rate):
    path.write_text(text({"default_strategy": {"type": "probabilistic", "param": rate}}))


class Looking:
    """
    An extension that looks at a file every ten seconds, on a clock that is told to go on.
    """

    def __init__(self, path, **source):
        self.clock = FakeClock()
        self.sampling = build(
            self.clock,
            source={"file": str(path), "reload_interval": "10s", **source},
            grpc={"enabled": False},
        )

    @contextlib.asynccontextmanager
    async def running(self):
        async with self.sampling.lifespan():
            yield self

    async def rate_after(self, seconds):
        """
        Let time pass, and the thread that reads have its turn.
        """
        await self.clock.advance(seconds)
        await self.sampling._source._thread.run(lambda: None)
        await self.sampling._source._thread.run(lambda: None)
        await self.clock.advance(0)
        return await rate_of(self.sampling)


async def test_a_changed_file_is_used_after_the_interval(tmp_path):
    path = tmp_path / "strategies.json"
    rate_file(path, 0.1)

    async with Looking(path).running() as looking:
        rate_file(path, 0.2)
        rates = [await looking.rate_after(seconds) for seconds in (9, 1)]

    assert [0.1, 0.2] == rates


@pytest.mark.parametrize("broken", ["{", '{"default_strategy": 5}', None])
async def test_a_file_that_is_no_good_changes_nothing_and_is_logged_once(tmp_path, caplog, broken):
    path = tmp_path / "strategies.json"
    rate_file(path, 0.1)

    async with Looking(path).running() as looking:
        path.unlink() if broken is None else path.write_text(broken)
        rates = [await looking.rate_after(10) for _ in range(3)]
        rate_file(path, 0.3)
        rates.append(await looking.rate_after(10))

    assert [0.1, 0.1, 0.1, 0.3] == rates
    assert 1 == caplog.text.count("the former strategies stay")


async def test_without_an_interval_nobody_looks(tmp_path):
    path = tmp_path / "strategies.json"
    rate_file(path, 0.1)

    async with Looking(path, reload_interval=0).running() as looking:
        rate_file(path, 0.2)
        await looking.clock.advance(1000)
        assert 0.1 == await rate_of(looking.sampling)


async def test_no_interval_makes_it_spin(tmp_path):
    path = tmp_path / "strategies.json"
    rate_file(path, 0.1)

    async with Looking(path, reload_interval="1ns").running() as looking:
        rate_file(path, 0.2)
        assert [0.1, 0.2] == [await looking.rate_after(seconds) for seconds in (0.09, 0.02)]


def test_warnings_are_logged_at_start(caplog):
    build(source={"contents": '{"default_strategy": {"type": "adaptive"}}'})

    assert "default_strategy: unknown type 'adaptive'; probabilistic with 0.001 is used" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ('{"default_strategy": {"param": "a"}}', "default_strategy.param: must be a valid number"),
    ],
)
def test_a_file_that_is_no_good_from_the_start_is_a_mistake_of_the_configuration(tmp_path, content, message):
    path = tmp_path / "strategies.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError, match=r"source::file: .*strategies.json: ") as error:
        build(source={"file": str(path)})

    assert message in str(error.value)


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match="has more than 16 MiB"):
        build(source={"file": "/dev/zero"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"source": {"remote": {"endpoint": "jaeger:14250"}}}, "remote is not supported: give file or contents"),
        ({"source": {"remote": None}}, "remote is not supported"),
        ({"source": {"file": "https://example.com/strategies.json"}}, "a URL is not supported"),
        ({"source": {"file": "a", "contents": "{}"}}, "give file or contents, not both"),
        ({"source": {"contents": "{"}}, "contents: not JSON"),
        ({"source": {"contents": '{"service_strategies": 5}'}}, "contents: service_strategies: must be a valid list"),
        ({"default_sampling_probability": 2}, "less than or equal to 1"),
        ({"default_sampling_probability": float("nan")}, "Input should be"),
        ({"http": {"enabled": False}, "grpc": {"enabled": False}}, "nobody can ask"),
        ({"http": {"endpoint": "nowhere"}}, "is not an address"),
        ({"grpc": {"tls": {}}}, "a server needs cert_file and key_file"),
    ],
)
def test_a_mistake_says_what_is_wrong(config, message):
    with pytest.raises(ValidationError) as error:
        factory.config.model_validate(config)

    assert message in str(error.value)


def test_it_listens_where_the_collector_does_under_the_name_that_it_has_there():
    config = load_factory(Kind.EXTENSION, "jaegerremotesampling").config.model_validate({"http": None, "grpc": None})

    assert ("localhost:5778", "localhost:14250") == (config.http.endpoint, config.grpc.endpoint)


async def test_a_port_that_is_taken_is_named():
    first = build(grpc={"enabled": False})
    async with first.lifespan():
        taken = first.endpoints()[HTTP].removeprefix("http://").removesuffix("/sampling")
        second = build(http={"endpoint": taken})
        with pytest.raises(OSError, match=taken):
            async with second.lifespan():
                pass
