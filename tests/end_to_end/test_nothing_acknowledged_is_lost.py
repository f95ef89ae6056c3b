"""SIGTERM at some moment under load: every span that a client was told is accepted has arrived, or is counted."""

import http.client
import itertools
import random
import re
import threading
import time
from collections import Counter

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
processors: {batch: {timeout: 50ms, send_batch_size: 50, send_batch_max_size: 80}, memory_limiter: {limit_mib: 4000}}
exporters:
  otlp_grpc: &exporter
    endpoint: "localhost:{backend}"
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 20ms, max_interval: 100ms}
  otlp_grpc/direct: {<<: *exporter, sending_queue: {enabled: false}}
  otlp_grpc/answer: {<<: *exporter, sending_queue: {wait_for_result: true, queue_size: 20}}
  otlp_grpc/blocking: {<<: *exporter, sending_queue: {block_on_overflow: true, queue_size: 2, num_consumers: 1}}
  otlp_grpc/joining:
    <<: *exporter
    sending_queue: {queue_size: 100, sizer: items, batch: {min_size: 20, max_size: 30, flush_timeout: 50ms}}
  otlp_grpc/tiny: {<<: *exporter, sending_queue: {queue_size: 1, num_consumers: 1}}
service:
  drain_timeout: DRAIN
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], PIPELINE}
"""
PIPELINES = [
    "exporters: [otlp_grpc]",
    "processors: [memory_limiter, batch], exporters: [otlp_grpc]",
    "exporters: [otlp_grpc/direct]",
    "exporters: [otlp_grpc/answer]",
    "exporters: [otlp_grpc/blocking]",
    "exporters: [otlp_grpc/joining]",
    "processors: [batch], exporters: [otlp_grpc/tiny]",
]


class Clients:
    """
    Send spans that have a name each, over both protocols, and remember what they were told of them.
    """

    def __init__(self, collector, some):
        self.acknowledged, self.unsure = set(), set()
        self._collector, self._random = collector, some
        self._numbers, self._stop = itertools.count(), threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(each,)) for each in (self._export, self._post) * 3]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, deliver):
        while not self._stop.is_set():
            batch, names = make_batch(items=self._random.choice([1, 3, 10])), []
            for span in batch.records():
                span.name = f"span {next(self._numbers)}"
                names.append(span.name)
            if deliver(batch.wire):
                self.acknowledged.update(names)
            else:
                self.unsure.update(names)
                self._stop.wait(0.02)

    def _export(self, wire):
        with grpc.insecure_channel(f"localhost:{self._collector.ports['grpc']}") as channel:
            # some do not have the patience to wait for the answer
            call = channel.unary_unary(SHAPES[Signal.TRACES].rpc).future(wire, timeout=self._random.choice([10, 0.02]))
            return call.code() is grpc.StatusCode.OK

    def _post(self, wire):
        connection = http.client.HTTPConnection("localhost", self._collector.ports["http"], timeout=10)
        try:
            connection.request("POST", "/v1/traces", wire, {"Content-Type": "application/x-protobuf"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def watch(collector, seconds):
    """
    Return what the metrics page said whenever the books did not close, for some time or while it answers.
    """
    end, wrong = time.monotonic() + seconds, []
    while time.monotonic() < end and collector.is_running():
        try:
            wrong += [imbalance] if (imbalance := collector.imbalance(Signal.TRACES)) else []
        except OSError:  # it has stopped
            break
        threading.Event().wait(0.03)
    return wrong


@pytest.mark.parametrize("fault", [None, grpc.StatusCode.UNAVAILABLE])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_span_is_at_the_backend_or_counted(start, pipeline, fault):
    some = random.Random(f"{pipeline}{fault}")
    config = CONFIG.replace("PIPELINE", pipeline).replace("DRAIN", some.choice(["10s", "300ms"]) if fault else "10s")
    with Backend().serve() as backend:
        collector = start(config, backend=backend.port)
        with Clients(collector, some) as clients:
            wrong = watch(collector, some.uniform(0.1, 0.6))
            backend.failure = fault
            wrong += watch(collector, some.uniform(0.1, 0.4))
            collector.signal(15)
            wrong += watch(collector, some.uniform(0.0, 0.2))
            backend.failure = None
            wrong += watch(collector, 20)
            code = collector.wait()
        seen = Counter(span.name for span in backend.records(Signal.TRACES))

    books = re.search(r"traces: (\d+) accepted, (\d+) sent, (\d+) dropped, (\d+) held", collector.log)
    accepted, sent, dropped, held = map(int, books.groups())
    lost = len(clients.acknowledged - seen.keys())
    assert [] == wrong
    assert (accepted, 0) == (sent + dropped, held)
    assert len(clients.acknowledged) <= accepted <= len(clients.acknowledged) + len(clients.unsure)
    assert lost <= dropped
    assert fault or (0, 0) == (code, lost)
    assert [] == [name for name, times in seen.items() if times > 1]
    assert not re.search("Traceback|never retrieved|was destroyed|never awaited", collector.log), collector.log
