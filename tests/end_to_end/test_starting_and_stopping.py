"""Signals, exit codes, readiness, and what becomes of what is held."""

import signal
import time

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.backend import Backend
from tests.end_to_end.child import Child

pytestmark = pytest.mark.slow

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
processors: {batch: {timeout: 1h}}
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
extensions: {health_check: {endpoint: "localhost:{health}"}}
service:
  drain_timeout: 10s
  extensions: [health_check]
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}
"""


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


def send(collector, batch):
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        return channel.unary_unary(SHAPES[batch.signal].rpc)(batch.wire, timeout=10)


def test_sigterm_delivers_what_is_held_and_exits_with_0(start, backend):
    collector = start(CONFIG, backend=backend.port)
    send(collector, make_batch(items=7))
    held = collector.total("pyotelcol_held_items", component="batch", signal="traces")

    code = collector.stop()

    assert (7, 0, 7) == (held, code, backend.items(Signal.TRACES))
    assert "traces: 7 accepted, 7 sent, 0 dropped, 0 held" in collector.log


def test_sigint_does_the_same(start, backend):
    collector = start(CONFIG, backend=backend.port)
    send(collector, make_batch(items=7))

    collector.signal(signal.SIGINT)

    assert (0, 7) == (collector.wait(), backend.items(Signal.TRACES))


def test_what_cannot_be_delivered_in_time_is_counted_and_the_exit_code_says_so(start):
    collector = start(CONFIG.replace("10s", "500ms"), backend=1)
    send(collector, make_batch(items=7))

    code = collector.stop()

    assert 3 == code
    books = "traces: 7 accepted, 0 sent, 7 dropped, 0 held (dropped: 7 shutdown_deadline by otlp_grpc)\n"
    assert books in collector.log


def test_a_second_signal_ends_the_drain_at_once(start, backend):
    backend.is_open.clear()
    collector = start(CONFIG, backend=backend.port)
    send(collector, make_batch(items=7))
    collector.signal(signal.SIGTERM)
    collector.wait_for(lambda: "draining" in collector.log)
    before = time.monotonic()

    collector.signal(signal.SIGTERM)

    assert 3 == collector.wait()
    assert time.monotonic() - before < 5
    assert "7 dropped, 0 held" in collector.log


def test_it_is_ready_while_it_runs_and_not_while_it_drains(start, backend):
    backend.is_open.clear()
    collector = start(CONFIG, backend=backend.port)
    send(collector, make_batch(items=7))

    running = collector.get("health")[0]
    collector.signal(signal.SIGTERM)
    collector.wait_for(lambda: collector.get("health")[0] == 503)
    backend.is_open.set()

    assert (200, 0) == (running, collector.wait())


def test_mistakes_in_the_configuration_are_all_told_and_nothing_starts(tmp_path):
    child = Child(CONFIG.replace("timeout: 1h", "timeot: 1h").replace("[otlp]", "[otlp, zipkin]"), tmp_path, backend=1)

    assert 2 == child.wait()
    assert [
        "3: processors::batch::timeot: unknown key; did you mean timeout?",
        '11: service::pipelines::traces::receivers: references receiver "zipkin" which is not configured',
    ] == [line.removeprefix(f"{child.config}:") for line in child.log.splitlines()]


def test_a_port_that_is_taken_is_named(start, backend, tmp_path):
    first = start(CONFIG, backend=backend.port)
    second = Child(CONFIG, tmp_path, backend=backend.port, grpc=first.ports["grpc"])

    assert 1 == second.wait()
    assert 0 == first.stop()
    assert "otlp cannot start" in second.log
    assert str(first.ports["grpc"]) in second.log
    assert "Traceback" not in second.log


def test_a_signal_that_no_pipeline_takes_is_unimplemented(start, backend):
    collector = start(CONFIG, backend=backend.port)

    with pytest.raises(grpc.RpcError) as refused:
        send(collector, make_batch(Signal.LOGS))

    assert 0 == collector.stop()
    assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()


def test_ctrl_c_while_it_loads_is_no_traceback(tmp_path, backend):
    collector = Child(CONFIG, tmp_path, backend=backend.port, environ={"PYTHONVERBOSE": "1"})
    collector.wait_for(lambda: "import 'collector.config'" in collector.log)

    collector.signal(signal.SIGINT)

    assert collector.wait() in {-signal.SIGINT, 0}
    assert "Traceback" not in collector.log


def test_a_second_signal_with_nothing_lost_is_no_failure(start, backend):
    collector = start(CONFIG, backend=backend.port)

    collector.signal(signal.SIGTERM)
    collector.signal(signal.SIGINT)

    assert 0 == collector.wait()
