"""A backend that is down or slow: the sender is told, nothing vanishes, and other branches are not touched."""

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.backend import Backend
from tests.end_to_end.child import free_port
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
exporters:
  otlp_grpc/slow:
    endpoint: "localhost:{slow}"
    tls: {insecure: true}
    sending_queue: {queue_size: 4, num_consumers: 1}
    retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}
  otlp_grpc/fine: {endpoint: "localhost:{fine}", tls: {insecure: true}}
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_grpc/slow, otlp_grpc/fine]}
"""


def offer(collector, batch):
    """
    Return whether the collector took it.
    """
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        call = channel.unary_unary(SHAPES[batch.signal].rpc).future(batch.wire, timeout=10)
        code, trailers = call.code(), dict(call.trailing_metadata())
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert code is grpc.StatusCode.OK or "grpc-status-details-bin" in trailers
    return code is grpc.StatusCode.OK


def settled(collector):
    return collector.total("pyotelcol_held_items", signal="traces") == 0


def test_a_full_queue_refuses_for_every_branch_and_each_gets_what_was_accepted_once(start):
    with Backend().serve() as slow, Backend().serve() as fine:
        slow.is_open.clear()
        collector = start(CONFIG, slow=slow.port, fine=fine.port)

        accepted = [offer(collector, make_batch(items=3)) for _ in range(10)]
        slow.is_open.set()
        collector.wait_for(lambda: settled(collector))
        imbalance = collector.imbalance(Signal.TRACES)
        refused = collector.total("pyotelcol_refused_requests_total", receiver="otlp", reason="queue_full")
        collector.stop()

    assert False in accepted
    assert 3 * accepted.count(True) == slow.items(Signal.TRACES) == fine.items(Signal.TRACES)
    assert (0, accepted.count(False)) == (imbalance, refused)


def test_what_was_accepted_while_a_backend_was_down_arrives_when_it_is_back(start):
    port = free_port()
    with Backend().serve() as fine:
        collector = start(CONFIG, slow=port, fine=fine.port)
        offer(collector, make_batch(items=3))
        collector.wait_for(lambda: collector.total("pyotelcol_exporter_retries_total") > 1)
        with Backend().serve(port) as back:
            collector.wait_for(lambda: settled(collector))
            imbalance = collector.imbalance(Signal.TRACES)
            collector.stop()

    assert (3, 3, 0) == (back.items(Signal.TRACES), fine.items(Signal.TRACES), imbalance)


def test_a_permanent_refusal_is_dropped_with_its_reason_and_not_repeated(start):
    with Backend().serve() as slow, Backend().serve() as fine:
        slow.failure = grpc.StatusCode.INVALID_ARGUMENT
        collector = start(CONFIG, slow=slow.port, fine=fine.port)
        offer(collector, make_batch(items=3))
        collector.wait_for(lambda: settled(collector))
        dropped = collector.total("pyotelcol_dropped_items_total", reason="rejected_permanent", signal="traces")
        imbalance = collector.imbalance(Signal.TRACES)
        collector.stop()

    assert (3, 0, 3) == (dropped, imbalance, fine.items(Signal.TRACES))
