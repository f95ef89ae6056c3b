"""The real OpenTelemetry SDK sends to a collector in a process of its own that decides on whole traces."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_logs, make_spans
from tests.end_to_end.backend import Backend
from tests.end_to_end.child import Child
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.py"
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
processors:
  tail_sampling:
    decision_wait: WAIT
    logs: follow
    policies:
      - {name: orders, type: string_attribute, string_attribute: {key: http.route, values: [/orders]}}
  batch: {timeout: 10ms}
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
PIPELINES
"""
PIPELINES = [
    "    traces: {receivers: [otlp], processors: [tail_sampling, batch], exporters: [otlp_grpc]}",
    "    logs: {receivers: [otlp], processors: [tail_sampling, batch], exporters: [otlp_grpc]}",
]
ERRORS = CONFIG.replace(
    "{name: orders, type: string_attribute, string_attribute: {key: http.route, values: [/orders]}}",
    "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}",
)
KEPT, DROPPED, HELD = (f"{number:032x}" for number in (1, 2, 3))


def config(wait, text=CONFIG, pipelines=PIPELINES):
    return text.replace("WAIT", wait).replace("PIPELINES", "\n".join(pipelines))


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


def sell(collector, orders):
    arguments = ["--endpoint", f"localhost:{collector.ports['grpc']}", "--orders", str(orders), "--pause", "0"]
    subprocess.run([sys.executable, SHOP, *arguments], capture_output=True, timeout=60, check=True)


def send(collector, *batches):
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        for batch in batches:
            channel.unary_unary(SHAPES[batch.signal].rpc)(batch.wire, timeout=10)


def explain(collector, trace_id, *arguments):
    """
    Run the command and return its exit code and what it says.
    """
    address = f"localhost:{collector.ports['metrics']}"
    command = [sys.executable, "-m", "collector", "explain", trace_id, "--address", address, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def balanced(collector):
    return [collector.imbalance(signal) for signal in (Signal.TRACES, Signal.LOGS)]


def test_of_what_an_sdk_sends_whole_traces_are_kept_with_their_logs(start, backend):
    """
    Each order is a trace of a health check, and one of two spans and a log record.
    """
    collector = start(config("300ms"), backend=backend.port)

    sell(collector, orders=20)
    collector.wait_for(lambda: all(collector.total("pyotelcol_held_items", signal=s) == 0 for s in Signal))
    books = balanced(collector)
    dropped = collector.total("pyotelcol_dropped_items_total", signal="traces", reason="sampled_out")

    assert 0 == collector.stop()
    assert Counter({"POST /orders": 20, "charge card": 20}) == Counter(s.name for s in backend.records(Signal.TRACES))
    kept = {span.trace_id for span in backend.records(Signal.TRACES)}
    logged = [log.trace_id for log in backend.records(Signal.LOGS)]
    assert (20, [0, 0]) == (dropped, books)
    assert 20 == len(kept)
    assert kept == set(logged) - {b""}


@pytest.mark.parametrize("pipelines", [PIPELINES, PIPELINES[::-1]], ids=["traces first", "logs first"])
def test_sigterm_decides_on_everything_and_sends_it(start, backend, pipelines):
    """
    Which of the two instances ends first depends on which pipeline is written first.
    """
    collector = start(config("1h", ERRORS, pipelines), backend=backend.port)
    send(
        collector,
        make_logs({"trace_id": KEPT}, {"trace_id": DROPPED}, {"trace_id": DROPPED}),
        make_spans({"trace_id": KEPT, "status": "error"}, {"trace_id": KEPT}, {"trace_id": DROPPED}),
        make_logs({"trace_id": KEPT}),
    )
    held = [collector.total("pyotelcol_held_items", signal=signal) for signal in ("traces", "logs")]

    code = collector.stop()

    assert ([3, 4], 0) == (held, code)
    assert [KEPT] * 2 == [span.trace_id.hex() for span in backend.records(Signal.TRACES)]
    assert [KEPT] * 2 == [log.trace_id.hex() for log in backend.records(Signal.LOGS)]
    assert "traces: 3 accepted, 2 sent, 1 dropped, 0 held" in collector.log
    assert "logs: 4 accepted, 2 sent, 2 dropped, 0 held" in collector.log


def test_explain_says_what_became_of_a_trace_and_why(start, backend):
    collector = start(config("200ms", ERRORS), backend=backend.port)
    send(collector, make_spans({"trace_id": KEPT, "status": "error"}, {"trace_id": DROPPED}))
    collector.wait_for(lambda: collector.total("pyotelcol_held_items") == 0)

    kept, dropped = explain(collector, KEPT), explain(collector, DROPPED, "--json")
    unknown = explain(collector, "ab" * 16)

    assert 0 == collector.stop()
    assert (0, 1) == (kept[0], unknown[0])
    assert f"{KEPT}: sampled by tail_sampling" in kept[1]
    assert "because         decision_wait" in kept[1]
    (decision,) = json.loads(dropped[1])["decisions"]
    assert ("not_sampled", 1) == (decision["decision"], decision["spans"])
    assert [("errors", "not_sampled")] == [(vote["policy"], vote["vote"]) for vote in decision["policies"]]
    assert "nothing is known of this trace" in unknown[1]


def test_explain_says_that_a_trace_is_not_decided_on_yet(start, backend):
    collector = start(config("1h", ERRORS), backend=backend.port)
    send(collector, make_spans({"trace_id": HELD}, {"trace_id": HELD}))

    code, text = explain(collector, HELD)

    assert 0 == collector.stop()
    assert 0 == code
    assert f"{HELD}: pending by tail_sampling\n  spans           2\n" == text


def test_a_kill_loses_what_is_held_and_nothing_that_was_decided_on(start, backend):
    collector = start(config("1500ms", ERRORS), backend=backend.port)
    send(collector, make_spans({"trace_id": KEPT, "status": "error"}))
    collector.wait_for(lambda: backend.items(Signal.TRACES) == 1)
    send(collector, make_spans({"trace_id": HELD, "status": "error"}))

    collector.kill()

    assert [KEPT] == [span.trace_id.hex() for span in backend.records(Signal.TRACES)]


def test_what_was_kept_waits_for_a_backend_that_refuses_and_is_sent_once(start, backend):
    backend.failure = grpc.StatusCode.UNAVAILABLE
    fast = "retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}, tls"
    collector = start(config("100ms", ERRORS.replace("tls", fast)), backend=backend.port)
    send(collector, make_spans({"trace_id": KEPT, "status": "error"}, {"trace_id": DROPPED}))
    collector.wait_for(lambda: collector.total("pyotelcol_exporter_retries_total") > 1)
    held = collector.total("pyotelcol_held_items", signal="traces")

    backend.failure = None
    collector.wait_for(lambda: collector.total("pyotelcol_held_items") == 0)
    books = balanced(collector)

    assert 0 == collector.stop()
    assert (1, [0, 0]) == (held, books)
    assert [KEPT] == [span.trace_id.hex() for span in backend.records(Signal.TRACES)]


def test_logs_that_have_nobody_to_follow_keep_it_from_starting(tmp_path, backend):
    alone = [PIPELINES[1], PIPELINES[0].replace("tail_sampling, ", "")]
    collector = Child(config("1h", ERRORS, alone), tmp_path, backend=backend.port)

    assert 1 == collector.wait()
    assert "tail_sampling cannot start: log records cannot follow decisions that nobody makes" in collector.log
    assert "Traceback" not in collector.log
