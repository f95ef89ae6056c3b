"""The little of HTTP/2 and gRPC that sending unary requests takes, so that one costs microseconds and not a library's.

One connection has one request under way, as an SDK's exporter has.  Headers are written once as literals that both
sides remember and from then on as their indices, as every client does; bodies are cut into frames within the windows
that the server grants.
"""

from __future__ import annotations

import asyncio
import enum
import struct
from collections import deque
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY = 4, 8, 32
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 4, 5
DEFAULT_WINDOW, DEFAULT_FRAME = 65_535, 16_384
OWN_WINDOW = 1 << 30
"""Answers are small: a window that never has to be opened again."""


class Kind(enum.IntEnum):
    """RFC 9113, section 6."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


class RequestHeaders:
    """The header block of every request on one connection."""

    def __init__(self, authority: str, path: str) -> None:
        fields = {
            ":path": path,
            ":authority": authority,
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": "OTel-OTLP-Exporter-Python/1.40.0",
            "grpc-timeout": "10S",
        }
        post, http = b"\x83", b"\x86"  # RFC 7541, appendix A: entries 3 and 6
        self.first = post + http + b"".join([b"\x40" + _text(name) + _text(value) for name, value in fields.items()])
        newest = 62  # RFC 7541, 2.3.3: the dynamic table starts behind the static one, the latest entry first
        self.later = post + http + bytes([0x80 | index for index in range(newest + len(fields) - 1, newest - 1, -1)])


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()  # without Huffman code; shorter than 127 bytes


class AnswerHeaders:
    """Reads of an answer's header blocks what is needed: whether `grpc-status` is 0.

    Strings are compared as they are on the wire, plain or in Huffman code.
    """

    _NAMES = (b"\x0bgrpc-status", b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f")
    _ZEROS = (b"\x010", b"\x81\x07")

    def __init__(self) -> None:
        self._table: deque[bool] = deque(maxlen=DEFAULT_FRAME // 4 // 32)  # 4,096 bytes, 32 at least for an entry

    def say_ok(self, block: bytes) -> bool:
        """Read one block; blocks have to be read in the order in which they came."""
        position, ok = 0, False
        while position < len(block):
            position, says_ok = self._field(block, position)
            ok = ok or says_ok
        return ok

    def _field(self, block: bytes, position: int) -> tuple[int, bool]:
        first = block[position]
        if first & 0x80:
            index, position = _integer(block, position, 7)
            return position, index >= 62 and self._table[index - 62]
        if first & 0xE0 == 0x20:  # a new size of the table, which empties at most what will not be used
            return _integer(block, position, 5)[1], False
        remembered = bool(first & 0x40)
        index, position = _integer(block, position, 6 if remembered else 4)
        named = False
        if not index:
            end = _end_of_string(block, position)
            named, position = block[position:end] in self._NAMES, end
        end = _end_of_string(block, position)
        says_ok = named and block[position:end] in self._ZEROS
        if remembered:
            self._table.appendleft(says_ok)
        return end, says_ok


def _integer(block: bytes, position: int, bits: int) -> tuple[int, int]:
    """RFC 7541, 5.1."""
    limit = (1 << bits) - 1
    value = block[position] & limit
    position += 1
    if value < limit:
        return value, position
    shift = 0
    while True:
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _end_of_string(block: bytes, position: int) -> int:
    length, start = _integer(block, position, 7)
    return start + length


Answered = Callable[[bool], None]
"""Called with whether the server took the request."""


class GrpcConnection(asyncio.Protocol):
    """One connection to a gRPC server, with one request under way."""

    def __init__(self, authority: str, path: str, answered: Answered) -> None:
        self._headers = RequestHeaders(authority, path)
        self._block = self._headers.first
        self._answers = AnswerHeaders()
        self._answered = answered
        self._transport: asyncio.WriteTransport
        self._received = b""
        self._stream = -1
        self._unsent = memoryview(b"")
        self._ok = False
        self._window = self._stream_window = self._initial_window = DEFAULT_WINDOW
        self._frame_size = DEFAULT_FRAME
        self.ready = asyncio.get_running_loop().create_future()
        """Done when the server has said its settings."""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        window = struct.pack(">HI", INITIAL_WINDOW_SIZE, OWN_WINDOW)
        credit = struct.pack(">I", OWN_WINDOW - DEFAULT_WINDOW)
        self._transport.write(PREFACE + frame(Kind.SETTINGS, 0, 0, window) + frame(Kind.WINDOW_UPDATE, 0, 0, credit))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed by the server"))

    def close(self) -> None:
        self._transport.abort()  # whatever is not written yet, nobody waits for it

    def send(self, body: bytes) -> None:
        """Send one request; `answered` is called when its answer has come, and never if the connection is lost."""
        if self.closed:
            return
        self._stream += 2
        self._stream_window = self._initial_window
        self._unsent = memoryview(b"\0" + struct.pack(">I", len(body)) + body)  # gRPC: not compressed, length, message
        self._ok = False
        head, self._block = frame(Kind.HEADERS, END_HEADERS, self._stream, self._block), self._headers.later
        self._transport.writelines([head, *self._frames()])

    def _frames(self) -> list[bytes | memoryview]:
        parts: list[bytes | memoryview] = []
        while self._unsent and (room := min(self._window, self._stream_window, self._frame_size)) > 0:
            piece, self._unsent = self._unsent[:room], self._unsent[room:]
            self._window -= len(piece)
            self._stream_window -= len(piece)
            flags = 0 if self._unsent else END_STREAM
            parts += [struct.pack(">IBI", len(piece) << 8 | Kind.DATA, flags, self._stream), piece]
        return parts

    def data_received(self, data: bytes) -> None:
        self._received += data
        start = 0
        while len(self._received) >= start + 9:
            length_and_kind, flags, stream = struct.unpack_from(">IBI", self._received, start)
            end = start + 9 + (length_and_kind >> 8)
            if end > len(self._received):
                break
            self._take(length_and_kind & 0xFF, flags, stream, self._received[start + 9 : end])
            start = end
        self._received = self._received[start:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case Kind.HEADERS:
                self._ok = self._answers.say_ok(_fragment(payload, flags))
            case Kind.SETTINGS if not flags & ACK:
                self._configure(payload)
            case Kind.PING if not flags & ACK:
                self._transport.write(frame(Kind.PING, ACK, 0, payload))
            case Kind.WINDOW_UPDATE:
                self._widen(stream, *struct.unpack(">I", payload))
        if stream == self._stream and _ends(kind, flags):
            self._ok = self._ok and kind != Kind.RST_STREAM
            self._unsent = memoryview(b"")
            self._answered(self._ok)

    def _configure(self, payload: bytes) -> None:
        settings = dict(struct.iter_unpack(">HI", payload))
        if settings.get(HEADER_TABLE_SIZE, 4096) < 4096:
            raise ConnectionError("a server that remembers fewer headers than RFC 7541's default is not supported")
        self._frame_size = settings.get(MAX_FRAME_SIZE, self._frame_size)
        initial = settings.get(INITIAL_WINDOW_SIZE, self._initial_window)
        self._stream_window += initial - self._initial_window
        self._initial_window = initial
        self._transport.writelines([frame(Kind.SETTINGS, ACK, 0), *self._frames()])
        if not self.ready.done():
            self.ready.set_result(None)

    def _widen(self, stream: int, credit: int) -> None:
        if stream == 0:
            self._window += credit
        elif stream == self._stream:
            self._stream_window += credit
        if self._unsent:
            self._transport.writelines(self._frames())


def _ends(kind: int, flags: int) -> bool:
    return kind == Kind.RST_STREAM or (kind in {Kind.HEADERS, Kind.DATA} and bool(flags & END_STREAM))


def _fragment(payload: bytes, flags: int) -> bytes:
    """Take a HEADERS frame's block out of its optional padding and priority (RFC 9113, 6.2)."""
    start = end = 0
    if flags & PADDED:
        start, end = 1, payload[0]
    if flags & PRIORITY:
        start += 5
    return payload[start : len(payload) - end]
