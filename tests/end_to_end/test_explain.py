"""What a running collector says of traces that it has decided on, has forgotten, and has never seen."""

import json

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_spans
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
processors:
  tail_sampling:
    decision_wait: 1h
    num_traces: 2
    decisions: 3
    policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]
exporters: {debug: }
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}
"""


def test_it_knows_what_it_holds_and_what_it_decided_of_late_and_nothing_of_others(start):
    """
    Of two traces at most, the older one is decided on for want of room when a third one comes.
    """
    collector = start(CONFIG)
    traces = [f"{number:032x}" for number in range(1, 9)]
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        export = channel.unary_unary(SHAPES[Signal.TRACES].rpc)
        for trace in traces:
            export(make_spans({"trace_id": trace, "status": "error"}).wire, timeout=10)

    *forgotten, fourth, fifth, sixth, seventh, eighth, never_seen = [
        said_of(collector, trace) for trace in (*traces, "ab" * 16)
    ]

    assert 0 == collector.stop()
    assert [(404, None, None)] * 3 == forgotten
    assert [(200, "sampled", "overflow")] * 3 == [fourth, fifth, sixth]
    assert [(200, "pending", None)] * 2 == [seventh, eighth]
    assert (404, None, None) == never_seen


def said_of(collector, trace):
    """
    Return the status of the answer, what was decided last, and why it was decided then.
    """
    status, text = collector.get("metrics", f"/explain/{trace}")
    last = ([{}] + json.loads(text)["decisions"])[-1]
    return status, last.get("decision"), last.get("because")
