"""A collector in a process of its own that is sent what nobody should send, and what that costs it."""

import http.client
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.prepared import Prepared

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:{grpc}"%(grpc)s}
      http: {endpoint: "127.0.0.1:{http}"%(http)s}
exporters: {debug: }
%(rest)s
service:
  telemetry: {metrics: {address: "127.0.0.1:{metrics}"}, logs: {level: %(level)s}}
  extensions: [%(extensions)s]
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
    metrics: {receivers: [otlp], exporters: [debug]}
    logs: {receivers: [otlp], exporters: [debug]}
"""
PROTOBUF, JSON = "application/x-protobuf", "application/json"
HONEST = make_batch(items=1).wire
MIB = 1 << 20

REFUSAL = 0.2
"""Seconds of the processor that a request may take which is refused."""


class Answer(NamedTuple):
    status: int
    """Of HTTP, or of gRPC."""
    headers: dict
    body: bytes


class Cost:
    """What happened to the process meanwhile."""

    cpu = 0.0
    """Seconds of CPU."""
    growth = 0
    """Bytes that its resident memory grew at the worst moment."""
    wait = 0.0
    """Seconds that an honest request took at most."""


class Victim(Prepared):
    def __init__(self, directory, *, grpc="", http="", rest="", extensions="", level="info"):
        pieces = {"grpc": grpc, "http": http, "rest": rest, "extensions": extensions, "level": level}
        super().__init__(CONFIG % pieces, directory)
        self.wait_until_ready()
        self._channel = None
        self._connection = None
        for send in (self.post, self.export):  # the first request loads what the others need
            send(HONEST)

    def post(self, body, kind=PROTOBUF, path="/v1/traces", **headers):
        """
        Send a request on a connection that is kept as long as the collector keeps it.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for attempt in (1, 2):
            connection = self._connection or http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=30)
            self._connection = connection
            try:
                connection.request("POST", path, body, {"Content-Type": kind, **named})
                answer = connection.getresponse()
                received = answer.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                # it was ended after the answer before, which is allowed
                self.disconnect()
                if attempt == 2:
                    raise
                continue
            if answer.will_close:
                self.disconnect()
            return Answer(answer.status, dict(answer.headers), received)
        raise AssertionError

    def disconnect(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def export(self, message, signal=Signal.TRACES, **options):
        """
        Call over gRPC; the status is the code, the headers are the trailers, the body is the answer or the message.
        """
        self._channel = self._channel or grpc.insecure_channel(
            f"127.0.0.1:{self.ports['grpc']}", options=[("grpc.max_send_message_length", -1)]
        )
        try:  # not a future, for each of which the library starts a thread
            result, call = self._channel.unary_unary(SHAPES[signal].rpc).with_call(message, timeout=30, **options)
        except grpc.RpcError as failed:
            result, call = failed.details().encode(), failed
        return Answer(call.code().value[0], dict(call.trailing_metadata()), result)

    def send(self, protocol, body, **options):
        return (self.post if protocol == "http" else self.export)(body, **options)

    def exchange(self, data, seconds=10.0):
        """
        Send bytes to the HTTP port and return everything that comes until the connection ends, or nothing comes.
        """
        with socket.create_connection(("127.0.0.1", self.ports["http"])) as connection:
            connection.settimeout(seconds)
            received = b""
            try:
                connection.sendall(data)
                while part := connection.recv(1 << 16):
                    received += part
            except (ConnectionError, TimeoutError):
                pass
            return received

    @contextmanager
    def watched(self):
        """
        Yield what the block will have cost.
        """
        cost = Cost()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak starts anew
        before, cpu = self.resident(), self.cpu()
        yield cost
        cost.cpu = self.cpu() - cpu
        cost.growth = self._status("VmHWM") - before

    def refused(self, ask):
        """
        Return the answer and what it cost, the most memory and the least time of up to three.

        It is asked again if it took longer than a refusal may: beside other work some do.
        """
        growth = []
        for _ in range(3):
            with self.watched() as cost:
                answer = ask()
            growth.append(cost.growth)
            if cost.cpu < REFUSAL:
                break
        cost.growth = max(growth)
        return answer, cost

    @contextmanager
    def visited(self):
        """
        As `watched`, with an honest client that sends all the time.
        """
        stop, waits = threading.Event(), [0.0]
        client = threading.Thread(target=self._visit, args=(stop, waits))
        with self.watched() as cost:
            client.start()
            try:
                yield cost
            finally:
                stop.set()
                client.join()
        cost.wait = max(waits)
        assert len(waits) > 1

    def _visit(self, stop, waits):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=30)
        while not stop.is_set():
            start = time.monotonic()
            connection.request("POST", "/v1/traces", HONEST, {"Content-Type": PROTOBUF})
            with connection.getresponse() as answer:
                answer.read()
                assert 200 == answer.status
            waits.append(time.monotonic() - start)
            stop.wait(0.005)
        connection.close()

    def resident(self):
        return self._status("VmRSS")

    def cpu(self):
        """
        Return the seconds of CPU that all threads have used.
        """
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def _status(self, key):
        line = next(line for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith(key))
        return int(line.split()[1]) << 10

    def check(self):
        """
        Say whether it is as well as before: running, honest requests answered, nothing unforeseen in the log.
        """
        assert self.is_running(), self.log
        assert "Traceback" not in self.log, self.log[-3000:]
        assert "Error" not in self.log, self.log[-3000:]
        assert 200 == self.post(HONEST).status
        assert 0 == self.export(HONEST).status

    def end(self):
        self.disconnect()
        if self._channel:
            self._channel.close()
        self.stop()
