"""The example's shop, one collector, and three servers behind it: each order is found in all of them."""

import json
import os
import subprocess
import sys
import time

import pytest

from collector.batch import Signal
from tests.end_to_end.child import free_port
from tests.integration.collectors import Books, new_name, settled
from tests.integration.servers import ROOT, Prometheus

pytestmark = pytest.mark.slow

ORDERS = 25
SECRETS = ("ada@", "grace@", "linus@", "4111 1", "1 1111")  # four digits alone are in times and ids too
PORTS = (
    "receivers.otlp.protocols.grpc.endpoint=localhost:{grpc}",
    "receivers.otlp.protocols.http.endpoint=localhost:{http}",
    "service.telemetry.metrics.address=localhost:{metrics}",
)


def root_configuration(start, jaeger, prometheus, opensearch):
    """
    Start what a user starts, on other ports: the back ends are switched on by the environment alone.
    """
    ports = {name: free_port() for name in ("grpc", "http", "metrics")}
    arguments = [argument for port in PORTS for argument in ("--set", port.format_map(ports))]
    environ = {
        "JAEGER_ENDPOINT": f"127.0.0.1:{jaeger.grpc}",
        "PROMETHEUS_ENDPOINT": f"http://127.0.0.1:{prometheus.port}/api/v1/write",
        "ELASTICSEARCH_ENDPOINT": f"http://127.0.0.1:{opensearch.port}",
        "ELASTICSEARCH_FLAVOR": "opensearch",
        "TRACES_EXPORTERS": "[jaeger, elasticsearch]",
        "METRICS_EXPORTERS": "[prometheus_remote_write]",
        "LOGS_EXPORTERS": "[elasticsearch]",
    }
    return start((ROOT / "config.yaml").read_text(), arguments=arguments, environ=environ, **ports)


def sell(collector, orders, dataset):
    shop = ROOT / "examples" / "shop" / "shop.py"
    arguments = ["--endpoint", f"localhost:{collector.ports['grpc']}", "--orders", str(orders), "--pause", "0"]
    environ = {**os.environ, "OTEL_RESOURCE_ATTRIBUTES": f"data_stream.dataset={dataset},deployment={dataset}"}
    subprocess.run([sys.executable, shop, *arguments], env=environ, capture_output=True, timeout=60, check=True)


def test_an_order_is_a_trace_a_metric_and_a_log_and_all_counts_agree(start, serve, jaeger, opensearch):
    prometheus, dataset = serve(Prometheus), new_name()
    collector = root_configuration(start, jaeger, prometheus, opensearch)

    sell(collector, ORDERS, dataset)
    books = {signal: settled(collector, signal) for signal in (Signal.TRACES, Signal.METRICS, Signal.LOGS)}
    collector.stop()

    tags = {"key": "deployment", "type": "string", "value": dataset}
    spans = [span for span in jaeger.received() if tags in span["process"]["tags"]]
    documents = opensearch.search(f"traces-{dataset}.otel-default")
    logs = opensearch.search(f"logs-{dataset}.otel-default")
    points = books[Signal.METRICS].accepted
    # no health check; of all others one to each of both
    assert Books(3 * ORDERS, 2 * 2 * ORDERS, {"filtered": ORDERS}) == books[Signal.TRACES]
    assert Books(points, points, {}) == books[Signal.METRICS]
    assert Books(len(logs), len(logs), {}) == books[Signal.LOGS]
    assert ids(spans, "traceID", "spanID") == ids(documents, "trace_id", "span_id")
    assert 2 * ORDERS == len(ids(documents, "trace_id", "span_id"))
    for found in (spans, documents, logs):
        assert not {secret for secret in SECRETS if secret in json.dumps(found)}
        assert "***@***.***" in json.dumps(found)

    now = time.time() + 1
    ((_, sold),) = prometheus.query("sum(shop_orders_total)", at=now)
    ((_, valued),) = prometheus.query("sum(shop_order_value_EUR_count)", at=now)
    orders = {span["traceID"] for span in spans if span["operationName"] == "POST /orders"}
    taken = [log["trace_id"] for log in logs if log["body"]["text"].startswith("Order ")]
    exemplars = prometheus.exemplars("shop_orders_total", now - 3600, now)
    linked = {found["labels"]["trace_id"] for series in exemplars for found in series["exemplars"]}
    assert (ORDERS, ORDERS) == (sold, valued)
    assert sorted(orders) == sorted(taken)
    assert linked
    assert linked <= orders


def ids(found, *fields):
    return {tuple(each[field] for field in fields) for each in found}
