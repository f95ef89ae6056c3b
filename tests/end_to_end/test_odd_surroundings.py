"""Where a supervisor closes what programs take for granted, or Python is told to be strict or sparing."""

import urllib.request

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.backend import Backend
from tests.end_to_end.child import Child

pytestmark = pytest.mark.slow

CONFIG = """
# größe ☃
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}, http: {endpoint: "localhost:{http}"}}}}
processors: {memory_limiter: {limit_mib: 4000}, batch: {timeout: 10ms}}
exporters: {otlp_grpc/größe☃: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_grpc/größe☃]}
"""
SURROUNDINGS = {
    "no standard input": {"shell": 'exec "$@" <&-'},
    "no standard output": {"shell": 'exec "$@" >&-'},
    "no standard error": {"shell": 'exec "$@" 2>&-'},
    "no standard stream": {"shell": 'exec "$@" <&- >&- 2>&-'},
    "no environment": {"shell": 'exec env -i "$@"'},
    "few files": {"shell": 'ulimit -n 40; exec "$@"'},
    "ASCII": {"environ": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}},
    "neither assertions nor docstrings": {"environ": {"PYTHONOPTIMIZE": "2"}},
    "warnings are errors": {"environ": {"PYTHONWARNINGS": "error", "PYTHONWARNDEFAULTENCODING": "1"}},
    "development": {"environ": {"PYTHONDEVMODE": "1", "PYTHONWARNDEFAULTENCODING": "1"}},
}


def answers(collector):
    try:
        return collector.get("metrics", "/metrics")[0] == 200
    except OSError:
        return False


def send(collector, batch):
    url = f"http://localhost:{collector.ports['http']}{batch.shape.url_path}"
    request = urllib.request.Request(url, batch.wire, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        channel.unary_unary(SHAPES[batch.signal].rpc)(batch.wire, timeout=10)


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_it_runs_and_delivers(tmp_path, surroundings):
    with Backend().serve() as backend:
        collector = Child(CONFIG, tmp_path, backend=backend.port, **surroundings)
        collector.wait_for(lambda: answers(collector))
        for _ in range(3):
            send(collector, make_batch(items=7))
        code = collector.stop()

    assert (0, 42) == (code, backend.items(Signal.TRACES))
    assert "Traceback" not in collector.log
    assert "Warning" not in collector.log
