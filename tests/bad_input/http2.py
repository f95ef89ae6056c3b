"""A gRPC client that can be told to break the rules: raw HTTP/2 frames over a socket."""

import socket
import struct
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions

EXPORT = b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_CONFIG = h2.config.H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
)


class Http2:
    """One connection.  Nothing is validated on the way out."""

    def __init__(self, port, *, seconds=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(seconds)
        self.connection = h2.connection.H2Connection(_CONFIG)
        self.connection.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def open(self, path=EXPORT, *, headers=(), end=False, kind=b"application/grpc"):
        """
        Start a call; return its stream.
        """
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, request_headers(path, headers, kind), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, *, end=False):
        self.connection.send_data(stream, data, end_stream=end)
        self.flush()

    def call(self, message=b"", path=EXPORT, *, compressed=0, **options):
        stream = self.open(path, **options)
        self.send(stream, framed(message, compressed), end=True)
        return stream

    def answer(self, stream, seconds=5.0):
        """
        Return the gRPC status of a call as a number, or what ended the connection instead.
        """
        deadline = time.monotonic() + seconds
        status = None
        while time.monotonic() < deadline:
            data = self._receive()
            if not data:
                return status if status is not None else "closed"
            for event in self._events(data):
                headers = dict(getattr(event, "headers", None) or ())
                if getattr(event, "stream_id", None) == stream and b"grpc-status" in headers:
                    status = int(headers[b"grpc-status"])
                if isinstance(event, h2.events.StreamEnded | h2.events.StreamReset) and event.stream_id == stream:
                    return status if status is not None else f"reset {getattr(event, 'error_code', '')}"
                if isinstance(event, h2.events.ConnectionTerminated):
                    return f"goaway {event.error_code}"
            self.flush()
        return status if status is not None else "no answer"

    def _events(self, data):
        try:
            return self.connection.receive_data(data)
        except h2.exceptions.ProtocolError:  # what comes after the end
            return [h2.events.ConnectionTerminated()]

    def _receive(self):
        try:
            return self.socket.recv(1 << 16)
        except ConnectionError:
            return b""


def request_headers(path=EXPORT, headers=(), kind=b"application/grpc"):
    pseudo = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x")]
    content_type = [(b"content-type", kind)] if kind else []
    return [*pseudo, (b"te", b"trailers"), *content_type, *headers]


def framed(message, compressed=0):
    """gRPC over HTTP/2, "Length-Prefixed-Message"."""
    return struct.pack(">BI", compressed, len(message)) + message
