"""An OTLP/gRPC server in the test's own process that keeps what it is sent and fails when told to."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from collector.batch import SHAPES, Batch, Signal


class Backend:
    def __init__(self):
        self._requests = []
        self._lock = threading.Lock()
        self.failure = None
        """A gRPC status that every request is answered with."""
        self.is_open = threading.Event()
        """While it is not set, requests wait for their answer."""
        self.is_open.set()
        self.port = 0

    def batches(self, signal):
        with self._lock:
            return [batch for batch in self._requests if batch.signal is signal]

    def items(self, signal):
        return sum(len(batch) for batch in self.batches(signal))

    def records(self, signal):
        return [record for batch in self.batches(signal) for record in batch.copy().records()]

    @contextmanager
    def serve(self, port=0):
        server = grpc.server(ThreadPoolExecutor(8))
        server.add_generic_rpc_handlers([self._service(signal) for signal in Signal])
        self.port = server.add_insecure_port(f"localhost:{port}")
        server.start()
        try:
            yield self
        finally:
            self.is_open.set()
            server.stop(grace=5).wait()

    def _service(self, signal):
        service, method = SHAPES[signal].rpc[1:].split("/")

        def export(wire, context):
            self.is_open.wait(30)
            if self.failure:
                context.abort(self.failure, "told to fail")
            with self._lock:
                self._requests.append(Batch(signal, wire=wire))
            return b""

        return grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(export)})
