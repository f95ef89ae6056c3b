"""A collector that decides on whole traces, in a process of its own, when it is stopped, full, or not listened to."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_spans
from tests.end_to_end.backend import Backend

pytestmark = pytest.mark.slow

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}}
processors:
  tail_sampling:
    OPTIONS
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: slow, type: latency, latency: {threshold_ms: 500}}
exporters:
  otlp_grpc:
    endpoint: "localhost:{backend}"
    tls: {insecure: true}
    sending_queue: {queue_size: 3, num_consumers: 1}
    retry_on_failure: {initial_interval: 20ms, max_interval: 50ms}
service:
  drain_timeout: DRAIN
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [otlp_grpc]}
"""
SPANS = 2
"""Of each trace; of those with odd numbers one has an error."""
_BOOKS = re.compile(r"traces: (\d+) accepted, (\d+) sent, (\d+) dropped, (\d+) held")


def config(options, drain="30s"):
    return CONFIG.replace("OPTIONS", options).replace("DRAIN", drain)


def request(traces):
    return make_spans(
        *(
            {"trace_id": f"{trace:032x}", "status": "error" if trace % 2 and not span else "unset"}
            for trace in traces
            for span in range(SPANS)
        )
    ).wire


_TAKEN, _LATER = grpc.StatusCode.OK, {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


def send(collector, requests, *, until=frozenset(), seconds=60.0):
    """
    Send each request until it is taken, or all until the answer is one of some; return how many refusals there were.
    """
    refusals, deadline = 0, time.monotonic() + seconds
    target, own_connection = f"localhost:{collector.ports['grpc']}", [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options=own_connection) as channel:
        call = channel.unary_unary(SHAPES[Signal.TRACES].rpc)
        for wire in requests:
            while (code := call.future(wire, timeout=20).code()) is not _TAKEN:
                if code in until:
                    return refusals
                assert code in _LATER
                assert time.monotonic() < deadline, "refused for ever"
                refusals += 1
                threading.Event().wait(0.02)
    return refusals


def books(collector):
    """
    Return what the last words of a collector say was accepted, sent, dropped and held.
    """
    (found,) = _BOOKS.findall(collector.log)
    return [int(number) for number in found]


def traces_at(backend):
    """
    Return the number of every trace that came, once for each of its spans.
    """
    return sorted(int(span.trace_id.hex(), 16) for span in backend.records(Signal.TRACES))


def whole(traces):
    return sorted(SPANS * [trace for trace in traces if trace % 2])


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


def storm(collector, traces, senders=6, each=40):
    """
    Have several senders offer traces at the same time until all are taken, and return the number of refusals.
    """
    requests = [request(range(start, start + each)) for start in range(1, traces + 1, each)]
    with ThreadPoolExecutor(senders) as pool:
        futures = [pool.submit(send, collector, requests[sender::senders]) for sender in range(senders)]
        return sum(future.result() for future in futures)


@pytest.mark.parametrize("bound", ["num_traces: 100", "maximum_held_bytes: 10000"])
def test_many_senders_who_are_refused_get_everything_through_in_the_end(start, backend, bound):
    options = f"decision_wait: 200ms\n    block_on_overflow: true\n    {bound}"
    collector = start(config(options), backend=backend.port)

    refusals = storm(collector, 2000)
    collector.wait_for(lambda: collector.total("pyotelcol_held_items") == 0)
    imbalance = collector.imbalance(Signal.TRACES)

    assert 0 == collector.stop()
    assert refusals > 0
    assert (0, whole(range(1, 2001))) == (imbalance, traces_at(backend))


def test_a_backend_that_refuses_and_takes_by_turns_costs_nothing_but_time(start, backend):
    collector = start(config("decision_wait: 100ms\n    num_traces: 50"), backend=backend.port)
    is_over, turns = threading.Event(), count()

    def change_its_mind():
        while not is_over.wait(0.1):
            backend.failure = [None, grpc.StatusCode.UNAVAILABLE][next(turns) % 2]
        backend.failure = None

    changing = threading.Thread(target=change_its_mind)
    changing.start()
    try:
        storm(collector, 4000)
    finally:
        is_over.set()
        changing.join()
    collector.wait_for(lambda: collector.total("pyotelcol_held_items") == 0)
    imbalance = collector.imbalance(Signal.TRACES)
    early = collector.total("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early")

    assert 0 == collector.stop()
    assert early > 0
    assert (0, whole(range(1, 4001))) == (imbalance, traces_at(backend))


@pytest.mark.parametrize("options", ["decision_wait: 300ms", "decision_wait: 1h\n    num_traces: 200"])
def test_sigterm_while_it_decides_loses_nothing(start, backend, options):
    """
    In a round of decisions, or while senders bring more than there is room for.
    """
    collector = start(config(options), backend=backend.port)
    gone = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    requests = (request(range(start, start + 500)) for start in count(1, 500))
    sending = threading.Thread(target=send, args=(collector, requests), kwargs={"until": gone})
    sending.start()
    decided = "otelcol_processor_tail_sampling_global_count_traces_sampled"
    collector.wait_for(lambda: collector.total(decided) > 500)

    code = collector.stop()
    sending.join()

    accepted, sent, dropped, held = books(collector)
    assert (0, 0, accepted) == (code, held, sent + dropped)
    arrived = traces_at(backend)
    assert len(arrived) == sent
    assert whole(set(arrived)) == arrived


def test_what_the_drain_timeout_cuts_off_is_counted(start, backend):
    backend.failure = grpc.StatusCode.UNAVAILABLE
    collector = start(config("decision_wait: 200ms", drain="300ms"), backend=backend.port)
    send(collector, [request(range(start, start + 1000)) for start in range(1, 20_001, 1000)])
    collector.wait_for(lambda: collector.total("pyotelcol_exporter_retries_total") > 1)

    code = collector.stop()

    accepted, sent, dropped, held = books(collector)
    assert (3, 20_000 * SPANS, 0, 0) == (code, accepted, sent, held)
    assert accepted == dropped
    assert "Traceback" not in collector.log
