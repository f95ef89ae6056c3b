"""What no component changes leaves as it came."""

import urllib.request

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.backend import Backend
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}, http: {endpoint: "localhost:{http}"}}}}
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
connectors: {forward: }
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], exporters: [forward]}
    traces/out: {receivers: [forward], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp], exporters: [otlp_grpc]}
    logs: {receivers: [otlp], exporters: [otlp_grpc]}
    profiles: {receivers: [otlp], exporters: [otlp_grpc]}
"""


def over_grpc(collector, batch):
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        return channel.unary_unary(SHAPES[batch.signal].rpc)(batch.wire, timeout=10)


def over_http(collector, batch):
    url = f"http://localhost:{collector.ports['http']}{batch.shape.url_path}"
    request = urllib.request.Request(url, batch.wire, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


@pytest.mark.parametrize("send", [over_grpc, over_http])
def test_bytes_that_arrive_are_the_bytes_that_leave(start, send):
    sent = {signal: make_batch(signal, 3) for signal in Signal}
    with Backend().serve() as backend:
        collector = start(CONFIG, backend=backend.port)

        answers = [send(collector, batch) for batch in sent.values()]
        collector.wait_for(lambda: all(backend.batches(signal) for signal in Signal))
        imbalances = [collector.imbalance(signal) for signal in Signal]
        collector.stop()

    assert ([b""] * 4, [0] * 4) == (answers, imbalances)
    assert sent == {signal: backend.batches(signal)[0] for signal in Signal}
