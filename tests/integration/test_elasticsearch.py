"""
The exporter elasticsearch, and what is found in a server of OpenSearch, and in Noida where that has what it takes.

OpenSearch proves data streams, templates and what survives a crash; Noida that nothing leans on one server's answers.
"""

import json
import re

import pytest

from collector.batch import Signal
from collector.testing import make_logs, make_metrics, make_spans
from tests.integration.collectors import Books, configuration, new_id, new_name, send, settled
from tests.integration.servers import Noida, OpenSearch, until

pytestmark = pytest.mark.slow

SIGNALS = ["traces", "metrics", "logs"]
DAY = "2023-11-14"
T0 = 1_700_000_000 * 10**9


@pytest.fixture(params=["opensearch", "noida"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def started(start):
    """
    Starts a collector that writes to a server.
    """

    def with_server(server, options="", *, templates="true"):
        its = f"flavor: opensearch, manage_templates: {templates}," if isinstance(server, OpenSearch) else ""
        exporter = f'elasticsearch: {{endpoint: "{server.url}", {its} {options}}}'
        return start(configuration(exporter, *SIGNALS))

    return with_server


@pytest.fixture
def name():
    return new_name()


def resource(dataset):
    return {"service.name": "shop", "data_stream.dataset": dataset}


def test_logs_spans_and_events_of_a_trace_are_found_by_its_id(started, server, name):
    collector, trace = started(server), new_id()
    event = {"name": "retry", "time_unix_nano": T0 + 5, "attributes": {"attempt": 2}}
    span = {"name": "POST /orders", "trace_id": trace, "span_id": "00f067aa0ba902b7", "events": [event]}
    log = {"body": "no stock", "trace_id": trace, "span_id": "00f067aa0ba902b7", "attributes": {"order": 7}}

    send(collector, make_spans(span, {"name": "other"}, resource=resource(name)))
    send(collector, make_logs(log, {"body": "other"}, resource=resource(name)))
    books = settled(collector, Signal.TRACES), settled(collector, Signal.LOGS)
    collector.stop()

    assert (Books(2, 2, {}), Books(2, 2, {})) == books
    (found,) = server.search(f"traces-{name}.otel-default", trace_id=trace)
    assert ("POST /orders", "00f067aa0ba902b7") == (found["name"], found["span_id"])
    logs = server.search(f"logs-{name}.otel-default", trace_id=trace)
    (record,) = [found for found in logs if "body" in found]
    assert ("no stock", {"order": 7}) == (record["body"]["text"], record["attributes"])
    assert ["retry"] == [found.get("event_name") for found in logs if "body" not in found]


@pytest.mark.parametrize("whose", ["the exporter's templates", "a template of the user's"])
def test_all_signals_go_to_data_streams(started, opensearch, name, whose):
    if whose == "the exporter's templates":
        collector = started(opensearch)
    else:
        patterns = [f"{signal}-{name}.otel-*" for signal in SIGNALS]
        template = {"index_patterns": patterns, "data_stream": {}, "priority": 500}
        assert 200 == opensearch.call("PUT", f"/_index_template/{name}", template)[0]
        collector = started(opensearch, templates="false")

    send(collector, make_spans({}, resource=resource(name)), make_logs({}, resource=resource(name)))
    point = {"value": 1.5, "attributes": {"disk": "sda"}}
    send(collector, make_metrics({"name": "level", "points": [point]}, resource=resource(name)))
    books = [settled(collector, signal) for signal in (Signal.TRACES, Signal.LOGS, Signal.METRICS)]
    collector.stop()

    assert [Books(1, 1, {})] * 3 == books
    streams = opensearch.get(f"/_data_stream/*-{name}.otel-default")["data_streams"]
    names = sorted(stream["name"] for stream in streams)
    assert [f"{signal}-{name}.otel-default" for signal in ("logs", "metrics", "traces")] == names
    (document,) = opensearch.search(f"metrics-{name}.otel-default")
    assert ({"level": 1.5}, {"disk": "sda"}) == (document["metrics"], document["attributes"])


def test_metrics_of_all_kinds_fit_the_templates(started, server, name):
    """
    Histograms of cumulative temporality have no place in a document, and are counted.
    """
    if isinstance(server, Noida):  # which has not the templates that Elasticsearch has built in
        types = {"gauge_double": "double", "counter_long": "long", "histogram": "histogram", "summary": "object"}
        named = [{template: {"mapping": {"type": kind}}} for template, kind in types.items()]
        its = {"index_patterns": [f"metrics-{name}.otel-*"], "template": {"mappings": {"dynamic_templates": named}}}
        assert 200 == server.call("PUT", f"/_index_template/{name}", its)[0]
    collector = started(server)
    buckets = {"explicit_bounds": [0.5, 1], "bucket_counts": [1, 2, 3], "count": 6, "sum": 5}
    exponential = {
        "scale": 0,
        "count": 5,
        "sum": 9,
        "zero_count": 1,
        "positive": {"offset": 0, "bucket_counts": [2, 2]},
    }
    quantiles = {"sum": 100, "count": 50, "quantile_values": [{"quantile": 0.9, "value": 40}]}

    send(
        collector,
        make_metrics(
            {"name": "level", "points": [{"value": 1.5}]},
            {"name": "orders", "kind": "sum", "points": [{"value": 7}]},
            {"name": "time", "kind": "histogram", "temporality": "delta", "points": [buckets]},
            {"name": "old time", "kind": "histogram", "points": [buckets]},
            {"name": "size", "kind": "exponential_histogram", "temporality": "delta", "points": [exponential]},
            {"name": "old size", "kind": "exponential_histogram", "points": [exponential]},
            {"name": "wait", "kind": "summary", "points": [quantiles]},
            resource=resource(name),
        ),
    )
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert Books(accepted=7, sent=5, dropped={"unsupported": 2}) == books
    found = {}
    for document in server.search(f"metrics-{name}.otel-default"):
        found |= document["metrics"]
    assert {"level", "orders", "time", "size", "wait"} == set(found)
    assert (1.5, 7) == (found["level"], found["orders"])
    assert {"counts": [1, 2, 3], "values": [0.25, 0.75, 1.0]} == found["time"]
    assert {"sum": 100, "value_count": 50} == found["wait"]
    assert 5 == sum(found["size"]["counts"])


def test_what_a_client_sends_again_is_there_once(started, server, name):
    collector = started(server)
    logs = make_logs(*({"body": str(n)} for n in range(30)), resource=resource(name))
    spans = make_spans(*({"trace_id": new_id()} for _ in range(30)), resource=resource(name))

    for _ in range(2):
        send(collector, logs, spans)
        books = settled(collector, Signal.LOGS), settled(collector, Signal.TRACES)
    collector.stop()

    assert (Books(60, 60, {}), Books(60, 60, {})) == books
    assert [30, 30] == [server.count(f"{signal}-{name}.otel-default") for signal in ("logs", "traces")]


def test_an_index_may_have_the_date_in_its_name_and_a_pipeline(started, opensearch, name):
    by = {"processors": [{"set": {"field": "by", "value": name}}]}
    assert 200 == opensearch.call("PUT", f"/_ingest/pipeline/{name}", by)[0]
    collector = started(opensearch, f"logs_index: {name}, logstash_format: {{enabled: true}}, pipeline: {name}")

    send(collector, make_logs({"body": "hello"}))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(1, 1, {}) == books
    (index,) = opensearch.get(f"/{name}-*")
    assert re.fullmatch(rf"{name}-\d{{4}}\.\d\d\.\d\d", index)
    assert [name] == [found["by"] for found in opensearch.search(index)]


def test_a_document_that_does_not_fit_goes_to_the_dead_letter_with_its_reason(started, server, name, tmp_path):
    opinion = {"mappings": {"properties": {"attributes": {"properties": {"n": {"type": "long"}}}}}}
    assert 200 == server.call("PUT", f"/{name}", opinion)[0]
    letters = tmp_path / "letters"
    collector = started(server, f'logs_index: {name}, dead_letter: {{file: "{letters}"}}')

    send(collector, make_logs(*({"attributes": {"n": n}} for n in (1, "no number", 3))))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(accepted=3, sent=2, dropped={"dead_letter": 1}) == books
    assert [1, 3] == sorted(found["attributes"]["n"] for found in server.search(name))
    (letter,) = [json.loads(line) for line in letters.read_text().splitlines()]
    assert "no number" in json.dumps(letter)
    assert "failed to parse field [attributes.n] of type [long]" in json.dumps(letter)


def test_the_dead_letter_may_be_an_index_of_the_same_server(started, opensearch, name):
    opinion = {"mappings": {"properties": {"attributes": {"properties": {"n": {"type": "long"}}}}}}
    assert 200 == opensearch.call("PUT", f"/{name}", opinion)[0]
    collector = started(opensearch, f"logs_index: {name}, dead_letter: {{index: {name}-dead}}")

    send(collector, make_logs(*({"attributes": {"n": n}} for n in (1, "no number", 3))))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(accepted=3, sent=2, dropped={"dead_letter": 1}) == books
    (letter,) = opensearch.search(f"{name}-dead")
    assert "mapper_parsing_exception" in json.dumps(letter)
    assert "no number" in json.dumps(letter)


@pytest.mark.parametrize("mode", ["ecs", "none", "raw"])
def test_the_other_shapes_are_found_by_trace_id_too(started, server, name, mode):
    collector, trace = started(server, f"mapping: {{mode: {mode}}}, logs_index: {name}"), new_id()

    send(
        collector, make_logs({"body": "no stock", "trace_id": trace, "span_id": "00f067aa0ba902b7"}, {"body": "other"})
    )
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(2, 2, {}) == books
    field, body = {"ecs": ("trace.id", "message")}.get(mode, ("TraceId", "Body"))
    found = server.search(name, **({field: trace} if mode == "ecs" else {}))
    assert ["no stock"] == [document[body] for document in found if trace in json.dumps(document)]


def test_a_map_may_be_the_document(started, server, name):
    collector = started(server, f"mapping: {{mode: bodymap}}, logs_index: {name}")

    send(collector, make_logs({"body": {"order": 7, "state": "paid"}}))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(1, 1, {}) == books
    (document,) = server.search(name)
    assert {"order": 7, "state": "paid"} == {key: document[key] for key in ("order", "state")}


def test_jaegers_own_documents_are_found_as_jaeger_looks_for_them(started, opensearch, name):
    """
    Terms of keywords and of nested tags, so the templates must have been there before the first document.
    """
    collector, trace = started(opensearch, f"mapping: {{mode: jaeger}}, jaeger: {{index_prefix: {name}}}"), new_id()
    span = {"name": "POST /orders", "trace_id": trace, "attributes": {"disk": "sda"}, "start_time_unix_nano": T0}

    send(
        collector, make_spans(span, {"name": "other", "start_time_unix_nano": T0}, resource={"service.name": "Shop A"})
    )
    books = settled(collector, Signal.TRACES)
    collector.stop()

    assert Books(2, 2, {}) == books
    spans, services = f"{name}-jaeger-span-{DAY}", f"{name}-jaeger-service-{DAY}"
    assert ["POST /orders"] == [found["operationName"] for found in opensearch.search(spans, traceID=trace)]
    assert 2 == len(opensearch.search(spans, **{"process.serviceName": "Shop A"}))
    tag = {"bool": {"must": [{"term": {"tags.key": "disk"}}, {"term": {"tags.value": "sda"}}]}}
    query = {"query": {"nested": {"path": "tags", "query": tag}}}
    assert 1 == opensearch.call("POST", f"/{spans}/_search", query)[1]["hits"]["total"]["value"]
    operations = [found["operationName"] for found in opensearch.search(services, serviceName="Shop A")]
    assert ["POST /orders", "other"] == sorted(operations)


def test_a_bulk_of_many_sizes_is_counted_to_the_item(started, server, name):
    collector = started(server, "flush: {bytes: 20000}")

    for n in range(20):
        bodies = [f"{n}-{k} " + "x" * (k * 10) for k in range(50)]
        send(collector, make_logs(*({"body": body} for body in bodies), resource=resource(name)))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert Books(accepted=1000, sent=1000, dropped={}) == books
    assert 1000 == server.count(f"logs-{name}.otel-default")


def test_nothing_is_lost_and_nothing_is_there_twice_when_opensearch_is_killed_and_comes_back(started, serve, name):
    server = serve(OpenSearch)
    collector = started(server, "retry_on_failure: {initial_interval: 20ms, max_interval: 200ms}, timeout: 10s")

    for n in range(60):
        if n == 20:
            server.kill()
        if n == 40:
            server.start()
        send(collector, make_logs(*({"body": f"{n}-{k}"} for k in range(50)), resource=resource(name)))
    books = settled(collector, Signal.LOGS)
    collector.stop()

    assert "will retry" in collector.log
    assert Books(accepted=3000, sent=3000, dropped={}) == books
    found = until(lambda: server.search(f"logs-{name}.otel-default"))
    assert sorted(f"{n}-{k}" for n in range(60) for k in range(50)) == sorted(d["body"]["text"] for d in found)
