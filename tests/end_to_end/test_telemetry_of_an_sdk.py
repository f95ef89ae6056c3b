"""The real OpenTelemetry SDK sends to a collector that runs in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from collector.batch import SHAPES, Signal
from tests.end_to_end.backend import Backend
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.py"
SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS]
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}, http: {endpoint: "localhost:{http}"}}}}
processors: {batch: {timeout: 10ms}}
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}, debug: }
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc, debug]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc, debug]}
    logs: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc, debug]}
"""


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


def sell(collector, protocol, orders):
    """
    Run the example's own program.
    """
    endpoint = f"localhost:{collector.ports[protocol]}"
    arguments = ["--protocol", protocol, "--endpoint", endpoint, "--orders", str(orders), "--pause", "0"]
    done = subprocess.run([sys.executable, SHOP, *arguments], capture_output=True, text=True, timeout=60, check=True)
    told = rf"{orders} orders: {3 * orders} spans sent over {protocol}\nthe last order's trace is [0-9a-f]{{32}}\n"
    assert re.fullmatch(told, done.stdout)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_every_record_reaches_every_exporter_and_the_books_close(start, backend, protocol):
    collector = start(CONFIG, backend=backend.port)

    sell(collector, protocol, orders=20)
    collector.wait_for(lambda: all(collector.total("pyotelcol_held_items", signal=s) == 0 for s in SIGNALS))
    accepted = {s: collector.total(f"otelcol_receiver_accepted_{SHAPES[s].unit}", transport=protocol) for s in SIGNALS}
    sent = {s: collector.total(f"otelcol_exporter_sent_{SHAPES[s].unit}", exporter="otlp_grpc") for s in SIGNALS}
    imbalances = [collector.imbalance(s) for s in SIGNALS]

    assert 0 == collector.stop()
    assert accepted == sent == {s: backend.items(s) for s in SIGNALS}
    assert ([0, 0, 0], 60) == (imbalances, accepted[Signal.TRACES])
    assert 60 == sum(map(int, re.findall(r"traces.*?(\d+) spans", collector.output)))


def test_what_arrives_is_what_was_recorded(start, backend):
    collector = start(CONFIG, backend=backend.port)

    sell(collector, "grpc", orders=1)
    collector.stop()
    spans = {span.name: span for span in backend.records(Signal.TRACES)}
    order, charge = spans["POST /orders"], spans["charge card"]
    log = next(record for record in backend.records(Signal.LOGS) if record.body.string_value.startswith("Order "))
    (resource,) = {
        attribute.value.string_value
        for batch in backend.batches(Signal.TRACES)
        for resource in batch.request.resource_spans
        for attribute in resource.resource.attributes
        if attribute.key == "service.name"
    }

    assert {"GET /health", "POST /orders", "charge card"} == set(spans)
    assert (order.trace_id, order.span_id) == (charge.trace_id, charge.parent_span_id)
    assert (order.trace_id, order.span_id) == (log.trace_id, log.span_id)
    assert ["4111 1111 1111 1111"] == [a.value.string_value for a in charge.attributes if a.key == "payment.card"]
    assert "shop" == resource
