"""What is found out and written before documents are."""

import asyncio

import orjson
import pytest

from collector.errors import RetryableError
from collector.net.http_client import HttpAnswer
from collector.testing import FakeClock, settings
from exporters.elasticsearch.cluster import Cluster
from exporters.elasticsearch.document_config import Flavor
from exporters.elasticsearch.server import ASK_AGAIN, Product, Server, mistakes, product_of
from tests.exporters.elasticsearch.bulk_server import BulkServer
from tests.exporters.elasticsearch.hand_made import config_of
from tests.exporters.servers import HttpBackend, respond

OPENSEARCH = {"version": {"number": "2.11.0", "distribution": "opensearch"}}


def info(**version):
    return orjson.dumps({"version": version})


@pytest.mark.parametrize(
    ("body", "header", "product"),
    [
        (info(number="8.17.1"), "Elasticsearch", Product(Flavor.ELASTICSEARCH, "8.17.1")),
        (info(number="7.10.2"), "", Product(Flavor.ELASTICSEARCH, "7.10.2")),
        (info(number="2.11.0", distribution="opensearch"), "", Product(Flavor.OPENSEARCH, "2.11.0")),
        (info(number="8.17.1"), "", Product(None, "8.17.1")),
        (b"<html>", "", Product(None, "")),
        (b"{}", "Elasticsearch", Product(Flavor.ELASTICSEARCH, "")),
        (b'{"version":null}', "", Product(None, "")),
        (b'{"version":5}', "", Product(None, "")),
        (b"[]", "", Product(None, "")),
    ],
)
def test_a_server_says_what_it_is(body, header, product):
    headers = {"X-Elastic-Product": header} if header else {}

    assert product == product_of(HttpAnswer(200, headers, body, True))


UNMANAGED = "{flavor: opensearch, manage_templates: false}"


@pytest.mark.parametrize(
    ("product", "config", "warning"),
    [
        (Product(Flavor.ELASTICSEARCH, "8.17.1"), "{}", ""),
        (Product(Flavor.ELASTICSEARCH, "8.12.0"), "{}", ""),
        (Product(Flavor.ELASTICSEARCH, "9.0.0"), "{}", ""),
        (Product(Flavor.ELASTICSEARCH, "8.11.4"), "{}", "has no index templates for mapping mode otel"),
        (Product(Flavor.ELASTICSEARCH, "7.17.0"), "{}", "it has them from 8.12 on"),
        (Product(Flavor.ELASTICSEARCH, "7.17.0"), "mapping: {mode: ecs}", ""),
        (Product(Flavor.OPENSEARCH, "2.11.0"), "flavor: opensearch", ""),
        (Product(Flavor.OPENSEARCH, "2.11.0"), UNMANAGED, "has no index templates for mapping mode otel"),
        (Product(Flavor.OPENSEARCH, "2.11.0"), UNMANAGED, "set manage_templates: true"),
        (Product(Flavor.OPENSEARCH, "2.11.0"), "{}", "set flavor: opensearch"),
        (Product(Flavor.ELASTICSEARCH, "8.17.1"), "flavor: opensearch", "set flavor: elasticsearch"),
        (Product(None, ""), "{}", "does not say that it is Elasticsearch or OpenSearch"),
    ],
)
def test_what_does_not_fit_the_server_is_said_with_what_to_set(product, config, warning):
    found = mistakes(product, config_of(config))

    assert bool(warning) is bool(found)
    assert warning in "".join(found)


def test_of_another_kind_of_server_only_that_is_said():
    """
    What else is missing is there as soon as the kind is right, and cannot be set before.
    """
    (found,) = mistakes(Product(Flavor.OPENSEARCH, "2.11.0"), config_of())

    assert "manage_templates" not in found


class Looking:
    """
    What looks at a server, and its cluster.
    """

    def __init__(self, port, text="{}", templates=(), clock=None):
        config, engine = config_of(text, port), settings("elasticsearch", clock or FakeClock())
        self.cluster = Cluster(config, engine)
        self.server = Server(config, engine, self.cluster, dict(templates))


@pytest.mark.parametrize("number", ["9" * 5000, "8", "x\n\x1b[31m" + "y" * 5000, "²", "", ["8"], None, 8.17])
def test_a_version_that_is_none_is_told_of_in_one_short_line(number):
    answer = HttpAnswer(200, {"X-Elastic-Product": "Elasticsearch"}, info(number=number), True)

    assert all(len(said) < 1000 and said.isprintable() for said in mistakes(product_of(answer), config_of()))


async def test_what_is_wrong_is_said_once_at_the_start(caplog):
    backend = BulkServer(info=OPENSEARCH, product="")
    async with backend.running():
        looking = Looking(backend.port)
        async with looking.cluster.lifespan():
            await looking.server.look()
            await looking.server.look()

    assert 1 == caplog.text.count("set flavor: opensearch")


class Pauses(FakeClock):
    """
    A clock on which pauses take no time, but something happens in them; the last one has no end.
    """

    def __init__(self, *happens):
        super().__init__()
        self.happens = iter(happens)
        self.slept = []
        self.is_over = asyncio.Event()

    async def sleep(self, seconds):
        self.slept.append(seconds)
        if happens := next(self.happens, None):
            happens()
        else:
            self.is_over.set()
            await asyncio.Event().wait()


async def test_a_server_that_is_down_is_asked_again_later(caplog):
    async with HttpBackend().running() as gone:
        pass
    backend = BulkServer(info=OPENSEARCH, product="")
    async with backend.running():
        clock = Pauses(lambda: None, lambda: looking.cluster.nodes.replace([f"http://127.0.0.1:{backend.port}"]))
        looking = Looking(gone.port, clock=clock)
        async with looking.cluster.lifespan():
            await looking.server.look()

    assert [ASK_AGAIN] * 2 == clock.slept
    assert "set flavor: opensearch" in caplog.text


async def test_a_server_that_does_not_tell_its_version_is_no_mistake_of_anybody(caplog):
    backend = HttpBackend([respond(403)])
    async with backend.running():
        looking = Looking(backend.port)
        async with looking.cluster.lifespan():
            await looking.server.look()

    assert "the version of the server cannot be read: HTTP 403" in caplog.text


TEMPLATES = {"logs-otel": b'{"index_patterns":["logs-*"]}', "traces-otel": b'{"index_patterns":["traces-*"]}'}


async def test_templates_are_written_once_however_many_wait_for_them():
    backend = BulkServer()
    async with backend.running():
        looking = Looking(backend.port, templates=TEMPLATES)
        async with looking.cluster.lifespan():
            await asyncio.gather(*(looking.server.prepare() for _ in range(5)))

    assert 2 == len(backend.requests)
    assert {f"/_index_template/{name}": orjson.loads(body) for name, body in TEMPLATES.items()} == backend.templates


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "{flavor: opensearch, manage_templates: true}"),
        (503, "{flavor: opensearch, manage_templates: true}"),
        (503, "flavor: opensearch"),
        (429, "flavor: opensearch"),
        (401, "flavor: opensearch"),
    ],
)
async def test_nothing_is_sent_until_templates_are_written(status, text, caplog):
    backend = HttpBackend([respond(200), respond(status)])
    async with backend.running():
        looking = Looking(backend.port, text, TEMPLATES)
        async with looking.cluster.lifespan():
            with pytest.raises(RetryableError, match=f"index template traces-otel cannot be written: HTTP {status}"):
                await looking.server.prepare()
            await looking.server.prepare()

    assert ["logs-otel", "traces-otel", "traces-otel"] == [r.path.rpartition("/")[2] for r in backend.requests]
    assert "cannot be written" in caplog.text


async def test_a_cluster_that_is_blocked_for_now_is_waited_for():
    blocked = b'{"error":{"type":"cluster_block_exception","reason":"blocked by: [FORBIDDEN/6/cluster read-only]"}}'
    backend = HttpBackend([respond(403, blocked)])
    async with backend.running():
        looking = Looking(backend.port, "flavor: opensearch", TEMPLATES)
        async with looking.cluster.lifespan():
            with pytest.raises(RetryableError, match="cluster_block_exception"):
                await looking.server.prepare()


@pytest.mark.parametrize("status", [400, 403, 404, 405])
async def test_templates_that_nobody_asked_for_and_the_server_will_not_have_hold_nothing_up(status, caplog):
    backend = HttpBackend([respond(status), respond(200)])
    async with backend.running():
        looking = Looking(backend.port, "flavor: opensearch", TEMPLATES)
        async with looking.cluster.lifespan():
            for _ in range(2):
                await looking.server.prepare()

    assert ["logs-otel", "traces-otel"] == [r.path.rpartition("/")[2] for r in backend.requests]
    assert 1 == caplog.text.count("index template logs-otel cannot be written")
    assert "documents are sent all the same" in caplog.text


@pytest.mark.parametrize(("on_start", "pauses"), [(True, [300, 300]), (False, [300, 300, 300])])
async def test_nodes_are_discovered_at_the_start_and_after_each_interval(on_start, pauses):
    backend = BulkServer()
    async with backend.running():
        backend.nodes = {"x": {"http": {"publish_address": f"localhost:{backend.port}"}}}
        clock = Pauses(*[lambda: None] * (len(pauses) - 1))
        looking = Looking(backend.port, f"discover: {{on_start: {str(on_start).lower()}, interval: 5m}}", clock=clock)
        async with looking.cluster.lifespan():
            discovering = asyncio.create_task(looking.server.discover())
            await clock.is_over.wait()
            discovering.cancel()
            await asyncio.wait([discovering])

    assert pauses == clock.slept
    assert 2 == len(backend.requests)
    assert (f"http://localhost:{backend.port}",) == looking.cluster.nodes.urls


async def test_nodes_that_cannot_be_asked_for_are_asked_for_later(caplog):
    async with HttpBackend().running() as gone:
        pass
    clock = Pauses()
    looking = Looking(gone.port, "discover: {on_start: true}", clock=clock)
    async with looking.cluster.lifespan():
        discovering = asyncio.create_task(looking.server.discover())
        await clock.is_over.wait()
        discovering.cancel()
        await asyncio.wait([discovering])

    assert [ASK_AGAIN] == clock.slept
    assert "the nodes of the cluster are not known" in caplog.text


async def test_without_an_interval_discovery_ends_when_it_was_answered(caplog):
    backend = BulkServer()
    async with backend.running():
        looking = Looking(backend.port, "discover: {on_start: true}")
        async with looking.cluster.lifespan():
            await looking.server.discover()

    assert (f"http://127.0.0.1:{backend.port}",) == looking.cluster.nodes.urls
    assert "those given are used" in caplog.text
