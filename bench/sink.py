"""The backend: a process that takes OTLP over gRPC, counts it and tells how old it was.

`python -m bench.sink` listens where the system has a port to spare, and says which as its first line.  From then on a
line on its standard input asks for what arrived so far.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import RECORD_SIGNALS, SHAPES, Batch, Signal
from collector.wire.projection import VALUE, project

_LIMITS = [("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)]
_Starts: Any = project(
    ExportTraceServiceRequest, {"resource_spans": {"scope_spans": {"spans": {"start_time_unix_nano": VALUE}}}}
)


class Arrivals:
    """What arrived since the start, and how old each batch's requests were if they are stamped."""

    def __init__(self, *, stamped: bool) -> None:
        self._stamped = stamped
        self._lock = threading.Lock()
        self._items: Counter[str] = Counter()
        self._batches = 0
        self._ages: list[list[float]] = []

    def take(self, signal: Signal, wire: bytes) -> None:
        now = time.time_ns()
        items = len(Batch(signal, wire=wire))
        ages = [(now - stamp) / 1e9 for stamp in _stamps(wire)] if self._stamped else []
        with self._lock:
            self._items[signal] += items
            self._batches += 1
            if ages:
                self._ages.append(ages)

    def report(self) -> dict[str, Any]:
        """Return the items so far by signal, and the ages in seconds by batch since the last report."""
        with self._lock:
            ages, self._ages = self._ages, []
            return {"items": self._items, "batches": self._batches, "cpu_seconds": time.process_time(), "ages": ages}


def _stamps(wire: bytes) -> list[int]:
    """Return the start time of the first span of every resource: when its request was sent."""
    return [
        resource.scope_spans[0].spans[0].start_time_unix_nano for resource in _Starts.FromString(wire).resource_spans
    ]


def _method(arrivals: Arrivals, signal: Signal) -> Callable[[bytes, Any], bytes]:
    def export(wire: bytes, context: Any) -> bytes:
        arrivals.take(signal, wire)
        return b""

    return export


def serve(arrivals: Arrivals) -> tuple[grpc.Server, int]:
    """Return a server that runs, and the port that the system chose."""
    server = grpc.server(ThreadPoolExecutor(2), options=_LIMITS)
    for signal in RECORD_SIGNALS:
        service, method = SHAPES[signal].rpc[1:].split("/")
        handler = grpc.unary_unary_rpc_method_handler(_method(arrivals, signal))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = int(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    return server, port


def main() -> None:
    arrivals = Arrivals(stamped="--stamped" in sys.argv[1:])
    server, port = serve(arrivals)
    print(json.dumps({"port": port}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(arrivals.report()), flush=True)
    server.stop(grace=None).wait()


if __name__ == "__main__":
    main()
