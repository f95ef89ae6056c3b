"""One client sends as much as a request may hold, to processors that take long for it; the others notice little."""

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_spans
from tests.end_to_end.backend import Backend
from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

ITEMS = 10_000
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
extensions: {health_check: {endpoint: "localhost:{health}"}}
processors:
  filter:
    trace_conditions:
CONDITIONS
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines: {traces: {receivers: [otlp], processors: [filter], exporters: [otlp_grpc]}}
"""
SHAPE = SHAPES[Signal.TRACES]
CONDITIONS = "\n".join(f"""      - 'IsMatch(span.attributes["k"], "[{n}]$")'""" for n in range(10, 20))
SMALL = make_spans({"attributes": {"k": "x"}}).wire


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


@pytest.fixture
def collector(start, backend):
    child = start(CONFIG.replace("CONDITIONS", CONDITIONS), backend=backend.port)
    yield child
    if child.is_running():
        child.stop()


@pytest.fixture(scope="module")
def large():
    """
    The same span again and again: to make as many takes seconds.
    """
    request = make_spans({"attributes": {"k": "x"}}).request
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.extend([spans[0]] * (ITEMS - 1))
    return request.SerializeToString()


@pytest.fixture
def export(collector):
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        yield channel.unary_unary(SHAPE.rpc)


def begin(collector, export, large):
    """
    Send a large request, and return its call once it is being processed.
    """
    call = export.future(large, timeout=60)
    collector.wait_for(lambda: collector.total("pyotelcol_held_items", component="filter") == ITEMS)
    return call


def test_others_are_answered_while_it_is_processed_and_what_a_client_leaves_behind_is_counted(
    collector, export, backend, large
):
    abandoned = begin(collector, export, large)
    abandoned.cancel()
    collector.wait_for(lambda: not collector.total("pyotelcol_held_items", component="filter"))
    call = begin(collector, export, large)

    export(SMALL, timeout=60)
    status, _ = collector.get("health")

    assert (200, False) == (status, call.done())
    call.result()
    collector.wait_for(lambda: backend.items(Signal.TRACES) == ITEMS + 1)
    assert [1, ITEMS] == [len(batch) for batch in backend.batches(Signal.TRACES)]
    dropped = collector.total("pyotelcol_dropped_items_total", component="filter", reason="sender_gone")
    assert (ITEMS, 0) == (dropped, collector.imbalance("traces"))


def test_told_to_stop_the_collector_answers_for_what_it_has_accepted(collector, export, backend, large):
    """
    The request is answered, and delivered if the answer is that it was taken.
    """
    call = begin(collector, export, large)

    code = collector.stop()

    taken = call.code() is grpc.StatusCode.OK
    assert (0, ITEMS if taken else 0) == (code, backend.items(Signal.TRACES))
