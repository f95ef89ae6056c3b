"""
The exporter elasticsearch and an OpenSearch that is blocked, stopped, rolled over, or sent what no server likes: every
record is in the index or in the dead letter with its reason, and the books say which.
"""

import json
import os
import signal
import threading

import pytest

from collector.batch import Signal
from collector.testing import make_logs
from tests.integration.collectors import Books, configuration, new_name, send, settled
from tests.integration.servers import OpenSearch, until

pytestmark = pytest.mark.slow

RETRY = "retry_on_failure: {initial_interval: 20ms, max_interval: 200ms}"
OPENSEARCH = "flavor: opensearch"


@pytest.fixture
def name():
    return new_name()


@pytest.fixture
def letters(tmp_path):
    return tmp_path / "letters"


@pytest.fixture
def started(start, letters):
    """
    Starts a collector that writes logs to a server.
    """

    def with_server(server, *options):
        its = ", ".join((f'endpoint: "{server.url}"', f'dead_letter: {{file: "{letters}"}}', RETRY, *options))
        return start(configuration(f"elasticsearch: {{{its}}}", "logs"))

    return with_server


def lines(letters):
    return [json.loads(line) for line in letters.read_text().splitlines()]


def logs(count, first=0, dataset=""):
    given = {"resource": {"data_stream.dataset": dataset}} if dataset else {}
    return make_logs(*({"body": f"{first}-{n}"} for n in range(count)), **given)


def written(server, index):
    return sorted(found["body"]["text"] for found in server.search(index))


@pytest.mark.parametrize("block", ["write", "read_only", "read_only_allow_delete"])
def test_an_index_that_is_blocked_for_a_while_has_everything_afterwards(started, opensearch, name, block):
    assert 200 == opensearch.call("PUT", f"/{name}")[0]
    assert 200 == opensearch.call("PUT", f"/{name}/_settings", {f"index.blocks.{block}": True})[0]
    collector = started(opensearch, OPENSEARCH, f"logs_index: {name}")

    send(collector, logs(5))
    collector.wait_for(lambda: "will retry" in collector.log)
    held = collector.total("pyotelcol_held_items", signal="logs")
    assert 200 == opensearch.call("PUT", f"/{name}/_settings", {f"index.blocks.{block}": None})[0]
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert (5, Books(5, 5, {})) == (held, books)
    assert [f"0-{n}" for n in range(5)] == written(opensearch, name)


def test_a_cluster_that_is_read_only_gets_its_templates_and_everything_afterwards(started, serve, name):
    server = serve(OpenSearch)
    block = "cluster.blocks.read_only"
    assert 200 == server.call("PUT", "/_cluster/settings", {"persistent": {block: True}})[0]
    collector = started(server, OPENSEARCH)

    send(collector, logs(5, dataset=name))
    collector.wait_for(lambda: "will retry" in collector.log)
    assert 200 == server.call("PUT", "/_cluster/settings", {"persistent": {block: None}})[0]
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(5, 5, {}) == books
    streams = server.get(f"/_data_stream/logs-{name}.otel-default")["data_streams"]
    assert ["otel-logs"] == [stream["template"] for stream in streams]


def test_an_alias_may_be_rolled_over_while_documents_come(started, opensearch, name):
    assert 200 == opensearch.call("PUT", f"/{name}-000001", {"aliases": {name: {"is_write_index": True}}})[0]
    collector = started(opensearch, OPENSEARCH, f"logs_index: {name}")

    for n in range(12):
        send(collector, logs(20, n))
        if n % 4 == 0:
            assert opensearch.call("POST", f"/{name}/_rollover", {})[1]["rolled_over"]
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(240, 240, {}) == books
    assert sorted(f"{n}-{k}" for n in range(12) for k in range(20)) == written(opensearch, name)


def test_what_an_alias_without_a_write_index_cannot_take_is_in_the_dead_letter(started, opensearch, name, letters):
    for letter in "ab":
        assert 200 == opensearch.call("PUT", f"/{name}-{letter}", {"aliases": {name: {}}})[0]
    collector = started(opensearch, OPENSEARCH, f"logs_index: {name}")

    send(collector, logs(5))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(5, 0, {"dead_letter": 5}) == books
    assert all("no write index is defined for alias" in letter["error"]["reason"] for letter in lines(letters))


def test_a_server_that_stands_still_has_each_document_once_when_it_goes_on(started, serve, name):
    server = serve(OpenSearch)
    collector = started(server, OPENSEARCH, "timeout: 2s")
    send(collector, logs(20, 99, name))
    settled(collector, Signal.LOGS)

    os.killpg(server._process.pid, signal.SIGSTOP)
    try:
        for n in range(20):
            send(collector, logs(20, n, name))
        collector.wait_for(lambda: "will retry" in collector.log)
        threading.Event().wait(3)
    finally:
        os.killpg(server._process.pid, signal.SIGCONT)
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(420, 420, {}) == books
    expected = sorted(f"{n}-{k}" for n in (*range(20), 99) for k in range(20))
    assert expected == until(lambda: written(server, f"logs-{name}.otel-default"))


def test_an_opensearch_that_is_taken_for_an_elasticsearch_costs_one_request(started, opensearch, name, letters):
    collector = started(opensearch)

    send(collector, logs(1000, dataset=name))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(1000, 0, {"dead_letter": 1000}) == books
    assert {"unknown parameter"} == {
        letter["error"]["reason"].partition("contains an ")[2].partition(" [")[0] for letter in lines(letters)
    }
    assert "set flavor: opensearch" in collector.log
    assert "will retry" not in collector.log


ODD = [
    [{"attributes": {"a": 1, "a.b": 2, "a.b.c": 3}}],
    [{"attributes": {".a": 1, "a.": 2, "b..c": 3, ".": 4, "..": 5, "": 6, " ": 7}}],
    [{"attributes": {"_id": "x", "_source": 1, "_index.a": 2, "@timestamp": "y", "@timestamp.x": 1, "trace_id": "t"}}],
    [{"attributes": {"k": "x" * 40_000}, "body": "y" * 40_000}],
    [{"attributes": {f"f{n}": n for n in range(900)}}],
    [{"attributes": {"n": 2**63 - 1, "m": -(2**63), "x": float("nan"), "y": float("-inf")}}],
    [{"attributes": {"a\x00b": "\x00\x01\x1b\x7f\u2028\ufeff", "\u2028": 2}}],
    [{"time_unix_nano": 0}, {"time_unix_nano": 1}, {"time_unix_nano": 0, "observed_time_unix_nano": 0}],
    [{"attributes": {"n": 1}}, {"attributes": {"n": "text"}}, {"attributes": {"n.a": 1}}],
]
"""
Batches of log records; those of one are written to an index of their own.
"""


@pytest.mark.parametrize("mode", ["otel", "ecs", "none", "raw"])
def test_odd_records_are_in_the_index_and_conflicting_ones_in_the_dead_letter(started, opensearch, letters, mode):
    collector = started(opensearch, OPENSEARCH, f"mapping: {{mode: {mode}}}")
    names = [new_name() for _ in ODD]

    for name, records in zip(names, ODD, strict=True):
        send(collector, make_logs(*records, resource={"data_stream.dataset": name}))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    *plain, conflicting = [opensearch.count(f"logs-{name}*") for name in names]
    assert [len(records) for records in ODD[:-1]] == plain
    refused = lines(letters)
    assert all(names[-1] in letter["document"]["index"] and letter["error"]["reason"] for letter in refused)
    assert len(ODD[-1]) == conflicting + len(refused)
    total = sum(map(len, ODD))
    assert Books(total, total - len(refused), {"dead_letter": len(refused)}) == books
