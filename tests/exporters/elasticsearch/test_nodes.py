import asyncio

import orjson
import pytest

from collector.errors import RetryableError
from collector.testing import FakeClock, settings
from exporters.elasticsearch.cluster import JSON, Cluster, nodes_in
from exporters.elasticsearch.nodes import Nodes
from tests.exporters.elasticsearch.hand_made import config_of
from tests.exporters.servers import HttpBackend, respond


def nodes(*names, clock=None):
    return Nodes(names or "abc", clock or FakeClock())


def urls(nodes):
    return "".join(node.url for node in nodes)


def fail(nodes, url):
    nodes.failed(next(node for node in nodes if node.url == url))


def test_nodes_are_used_in_turn_and_each_is_followed_by_the_others():
    found = nodes()

    assert ["abc", "bca", "cab", "abc"] == [urls(found) for _ in range(4)]


def test_a_node_named_twice_is_one():
    assert ("a", "b") == nodes("a", "b", "a").urls


async def test_a_failed_node_is_left_out_for_a_minute():
    clock = FakeClock()
    found = nodes(clock=clock)
    fail(found, "b")

    assert {"a", "c"} == {*urls(found)}
    await clock.advance(59.9)
    assert {"a", "c"} == {*urls(found)}
    await clock.advance(0.1)
    assert {"a", "b", "c"} == {*urls(found)}


async def test_each_failure_doubles_the_time_up_to_32_minutes():
    clock = FakeClock()
    found, rests = nodes("a", "b", clock=clock), []
    node = next(iter(found))
    for _ in range(8):
        found.failed(node)
        rests.append(node.due - clock.monotonic())
        await clock.advance(rests[-1])

    assert [60, 120, 240, 480, 960, 1920, 1920, 1920] == rests


async def test_requests_that_fail_together_are_one_failure():
    clock = FakeClock()
    found = nodes("a", "b", clock=clock)
    (first, _) = found
    for _ in range(10):
        found.failed(first)
    await clock.advance(60)

    assert {"a", "b"} == {*urls(found)}


def test_a_node_that_answers_is_alive_at_once():
    found = nodes()
    fail(found, "b")
    node = next(node for node in found._nodes if node.url == "b")
    found.answered(node)

    assert {"a", "b", "c"} == {*urls(found)}


async def test_when_all_are_dead_the_one_that_is_due_soonest_is_tried():
    clock = FakeClock()
    found = nodes(clock=clock)
    for name in "bca":
        fail(found, name)
        await clock.advance(1)

    assert "b" == urls(found)


def test_nodes_may_be_replaced_and_those_that_stay_are_remembered():
    found = nodes()
    fail(found, "b")
    found.replace(["b", "d"])

    assert ("b", "d") == found.urls
    assert "d" == urls(found)


async def test_given_nodes_are_gone_back_to_when_those_that_replaced_them_are_dead():
    clock = FakeClock()
    found = nodes("a", clock=clock)
    found.replace(["c", "d"])
    fail(found, "c")
    assert "d" == urls(found)
    fail(found, "d")
    assert "a" == urls(found)
    fail(found, "a")
    await clock.advance(60)

    assert {"c", "d"} == {*urls(found)}


def test_no_nodes_at_all_replace_nothing():
    found = nodes()
    found.replace([])

    assert ("a", "b", "c") == found.urls


NO_ADDRESSES = [
    *("", "/", ":", ":9200", "10.0.0.1", "es1/", "10.0.0.1:0", "10.0.0.1:99999", "10.0.0.1:x"),
    *("[::", "[::]", "[]:1", "[::::]:1", "inet[/10.0.0.1:9200]", "fe80::1%eth0:9200"),
    *(".:1", "a..b:1", f"{'a' * 64}:1", "é:1", "a b:1", "a\r\nb: c:1", "a\0:1"),
    *("user:password@a:1", "a:1/path", "a:1?query", "a:1#b", "a/b/c@d:1"),
]


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ({"roles": ["data"], "http": {"publish_address": "10.0.0.1:9200"}}, ["http://10.0.0.1:9200"]),
        ({"roles": ["master", "data"], "http": {"publish_address": "es1/10.0.0.1:9200"}}, ["http://es1:9200"]),
        ({"roles": ["data"], "http": {"publish_address": "[::1]:9200"}}, ["http://[::1]:9200"]),
        ({"roles": ["data"], "http": {"publish_address": "es1/[::1]:9200"}}, ["http://es1:9200"]),
        ({"http": {"publish_address": "/10.0.0.1:9200"}}, ["http://10.0.0.1:9200"]),
        ({"roles": ["master"], "http": {"publish_address": "10.0.0.1:9200"}}, []),
        ({"roles": ["cluster_manager"], "http": {"publish_address": "10.0.0.1:9200"}}, []),
        ({"roles": ["master", "voting_only"], "http": {"publish_address": "10.0.0.1:9200"}}, []),
        ({"roles": [], "http": {"publish_address": "10.0.0.1:9200"}}, ["http://10.0.0.1:9200"]),
        ({"roles": [{}], "http": {"publish_address": "10.0.0.1:9200"}}, ["http://10.0.0.1:9200"]),
        ({"roles": ["data"], "http": {}}, []),
        ({"roles": ["data"]}, []),
        ({"http": {"publish_address": 5}}, []),
        ({"http": None}, []),
        *(({"http": {"publish_address": wrong}}, []) for wrong in NO_ADDRESSES),
        (None, []),
    ],
)
def test_nodes_that_take_documents_are_discovered(node, address):
    assert address == nodes_in(orjson.dumps({"nodes": {"x": node}}), "http")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"nodes":[]}', b'{"nodes":null}'])
def test_what_is_no_list_of_nodes_discovers_none(body):
    assert [] == nodes_in(body, "http")


def cluster(*ports, clock=None, **its):
    endpoints = [f"http://127.0.0.1:{port}" for port in ports]
    return Cluster(config_of(endpoint="", endpoints=endpoints, **its), settings("elasticsearch", clock or FakeClock()))


async def test_a_request_falls_back_to_the_next_node_within_the_same_attempt():
    async with HttpBackend().running() as gone:
        pass
    backend = HttpBackend([respond(200, b"{}", JSON)])
    async with backend.running():
        found = cluster(gone.port, backend.port)
        async with found.lifespan():
            answer = await found.post("/_bulk", b"", JSON)
            await found.post("/_bulk", b"", JSON)

    assert 200 == answer.status
    assert 2 == len(backend.requests)
    assert [1, 0] == [node.failures for node in found.nodes._nodes]


async def test_each_node_is_tried_once_in_an_attempt():
    async with HttpBackend().running() as gone, HttpBackend().running() as gone_too:
        pass
    found = cluster(gone.port, gone_too.port)
    async with found.lifespan():
        with pytest.raises(RetryableError, match=f"127.0.0.1:{gone_too.port}"):
            await found.post("/_bulk", b"", JSON)

    assert [1, 1] == [node.failures for node in found.nodes._nodes]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_node_that_refuses_is_alive(status):
    backend, other = HttpBackend([respond(status)]), HttpBackend()
    async with backend.running(), other.running():
        found = cluster(backend.port, other.port)
        async with found.lifespan():
            assert status == (await found.post("/_bulk", b"", JSON)).status

    assert [] == other.requests


async def silent(reader, writer):
    await reader.read()


async def test_a_node_that_an_attempt_waited_for_in_vain_is_not_the_next_one():
    backend, other = HttpBackend([silent]), HttpBackend()
    async with backend.running(), other.running():
        found = cluster(backend.port, other.port)
        async with found.lifespan():
            attempt = asyncio.create_task(found.post("/_bulk", b"", JSON))
            await backend.asked.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
            for _ in range(2):
                await found.post("/_bulk", b"", JSON)

    assert [1, 2] == [len(backend.requests), len(other.requests)]


async def test_nodes_are_asked_for_and_used():
    backend = HttpBackend()
    async with backend.running():
        listing = {"nodes": {"x": {"roles": ["data"], "http": {"publish_address": f"localhost:{backend.port}"}}}}
        backend.script = iter([respond(200, orjson.dumps(listing), JSON), respond(401)])
        found = cluster(backend.port)
        async with found.lifespan():
            assert await found.discover()
            assert not await found.discover()

    assert (f"http://localhost:{backend.port}",) == found.nodes.urls
    assert "/_nodes/http" == backend.requests[0].path
