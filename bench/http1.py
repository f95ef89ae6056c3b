"""The little of HTTP/1.1 that posting prepared bodies takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class HttpConnection(asyncio.Protocol):
    """One kept-open connection to an HTTP server, with one request under way."""

    def __init__(self, authority: str, path: str, answered: Callable[[bool], None]) -> None:
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: OTel-OTLP-Exporter-Python/1.40.0\r\n"
            "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
            "Content-Type: application/x-protobuf\r\nContent-Length: "
        ).encode()
        self._answered = answered
        self._transport: asyncio.WriteTransport
        self._received = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def close(self) -> None:
        self._transport.abort()  # whatever is not written yet, nobody waits for it

    def send(self, body: bytes) -> None:
        """Send one request; `answered` is called when its answer has come, and never if the connection is lost."""
        if self.closed:
            return
        self._transport.writelines([self._head, b"%d\r\n\r\n" % len(body), body])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank or len(rest) < _content_length(head):
            return
        self._received = b""
        self._answered(head[9:12] == b"200")


def _content_length(head: bytes) -> int:
    """Return 0 where the head does not say: an answer to a post that has no body."""
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    return int(after.partition(b"\r\n")[0] or 0)
