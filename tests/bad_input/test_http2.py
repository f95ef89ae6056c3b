"""Frames of HTTP/2 that no client would send, and too many of those that one would."""

import socket
import struct
import threading
from contextlib import suppress

import hpack
import pytest

from tests.bad_input.http2 import EXPORT, Http2, framed, request_headers
from tests.bad_input.messages import honest
from tests.bad_input.victim import HONEST, MIB

pytestmark = pytest.mark.slow

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SPANS = honest().wire
END_HEADERS, FLAG_ACK = 4, 1


def frame(kind, stream, payload=b"", flags=0):
    """
    RFC 9113, 4.1.
    """
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def data(stream, payload):
    return frame(0, stream, payload)


def headers(stream, block=None, flags=END_HEADERS):
    return frame(1, stream, BLOCK if block is None else block, flags)


def reset(stream, code=8):
    return frame(3, stream, struct.pack(">I", code))


def settings(payload=b"", flags=0):
    return frame(4, 0, payload, flags)


def ping(payload=b"12345678"):
    return frame(6, 0, payload)


def window_update(stream, increment):
    return frame(8, stream, struct.pack(">I", increment))


def continuation(stream, block):
    return frame(9, stream, block)


HEADERS = hpack.Encoder()
HEADERS.header_table_size = 0
BLOCK = HEADERS.encode(request_headers())
SETTINGS, ACK = settings(), settings(flags=FLAG_ACK)


_LAST = b"the last"


class Flood:
    """One connection that sends whatever it is given while it throws away what comes."""

    def __init__(self, port, start=PREFACE + SETTINGS + ACK):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(20)
        self.has_ended = threading.Event()
        """The server has read everything, or has ended the connection."""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.send(start)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def send(self, data):
        """
        Say whether the server still takes it.
        """
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def wait(self):
        """
        Return when the server has read everything, or has ended the connection.
        """
        self.send(ping(_LAST))
        assert self.has_ended.wait(20)

    def _read(self):
        tail = b""
        with suppress(OSError):
            while part := self._socket.recv(1 << 20):
                tail = tail[-20:] + part
                if _LAST in tail:
                    self.has_ended.set()
        self.has_ended.set()


def bounded(cost):
    assert 30 * MIB > cost.growth
    assert 0.5 > cost.wait


@pytest.mark.parametrize("start", [PREFACE + SETTINGS + ACK, PREFACE + SETTINGS], ids=["agreed", "never agreed"])
def test_twenty_thousand_open_calls(victim, start):
    """
    Until it has agreed to the server's settings, a client need not know how many calls it may have.
    """
    with victim.visited() as cost, Flood(victim.ports["grpc"], start) as flood:
        for number in range(20):
            flood.send(b"".join(headers(2 * (1000 * number + i) + 1) for i in range(1000)))
        assert 0 == victim.export(HONEST).status
        flood.wait()

    bounded(cost)


def test_fifty_thousand_calls_opened_and_reset_at_once(victim):
    with victim.visited() as cost, Flood(victim.ports["grpc"]) as flood:
        for number in range(50):
            streams = (2 * (1000 * number + i) + 1 for i in range(1000))
            flood.send(b"".join(headers(s) + reset(s) for s in streams))
        assert 0 == victim.export(HONEST).status
        flood.wait()

    bounded(cost)


def test_fifty_thousand_calls_with_a_message_reset_at_once(victim):
    message = framed(SPANS)

    with victim.visited() as cost, Flood(victim.ports["grpc"]) as flood:
        for number in range(50):
            streams = [2 * (1000 * number + i) + 1 for i in range(1000)]
            frames = [headers(s) + data(s, message) + reset(s) for s in streams]
            if not flood.send(b"".join(frames)):
                break
        assert 0 == victim.export(HONEST).status
        flood.wait()

    bounded(cost)


def test_headers_that_never_end(victim):
    field = HEADERS.encode([(b"x-filler", b"y" * 8000)])

    with victim.visited() as cost, Flood(victim.ports["grpc"]) as flood:
        flood.send(headers(1, flags=0))
        more = continuation(1, field * 2) * 64
        for _ in range(64):
            if not flood.send(more):
                break
        assert 0 == victim.export(HONEST).status
        flood.wait()

    bounded(cost)


@pytest.mark.parametrize(
    "empty",
    [
        SETTINGS,
        ping(),
        window_update(0, 1),
        frame(2, 1, bytes(5)),
        data(0, b"x"),
        reset(99),
        frame(0xEE, 0),
    ],
    ids=["settings", "pings", "window updates", "priorities", "data of no call", "resets of no call", "unknown frames"],
)
def test_twenty_thousand_frames_that_ask_for_nothing(victim, empty):
    with victim.visited() as cost, Flood(victim.ports["grpc"]) as flood:
        for _ in range(20):
            if not flood.send(empty * 1000):
                break
        assert 0 == victim.export(HONEST).status
        flood.wait()

    bounded(cost)


def test_a_client_that_leaves_no_room_for_the_answer(victim):
    with victim.visited() as cost:
        clients = []
        for _ in range(20):
            client = Http2(victim.ports["grpc"])
            client.connection.update_settings({4: 0})  # INITIAL_WINDOW_SIZE
            client.flush()
            for _ in range(50):
                client.call(HONEST)
            clients.append(client)
        assert 0 == victim.export(HONEST).status
        for client in clients:
            client.socket.close()

    bounded(cost)


BROKEN = {
    "a frame longer than allowed": b"\xff\xff\xff" + data(1, bytes(1000))[3:],
    "headers of call 0": headers(0),
    "headers of an even call": headers(2),
    "a call number used again": headers(3) + headers(1),
    "headers that cannot be decoded": headers(1, b"\xff" * 100),
    "a table update that is too large": headers(1, b"\x3f\xff\xff\xff\xff\x0f"),
    "a continuation of nothing": continuation(1, BLOCK),
    "data before headers": data(1, b"x"),
    "padding longer than the frame": headers(1, b"\xff\x00", END_HEADERS | 8),
    "settings of a wrong length": settings(b"hello"),
    "a window of 2 GiB more": window_update(0, 0x7FFFFFFF) * 2,
    "a window update of 0": window_update(0, 0),
    "a ping of a wrong length": ping(b"short"),
    "HTTP/1.1": b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n",
    "noise": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_frame_that_breaks_the_rules_harms_nobody_else(victim, name):
    with victim.watched() as cost, Flood(victim.ports["grpc"]) as flood:
        flood.send(BROKEN[name])
        assert 0 == victim.export(HONEST).status

    assert 10 * MIB > cost.growth


HEADS = {
    "no path": [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"x")],
    "two paths": [*request_headers(), (b":path", EXPORT)],
    "a path that is no text": request_headers(b"/\xff\xfe"),
    "an empty path": request_headers(b""),
    "a path of 60 KiB": request_headers(b"/" + b"x" * 60_000),
    "another method": [(b":method", b"GET"), *request_headers()[1:]],
    "no content type": request_headers(kind=None),
    "another content type": request_headers(kind=b"text/html"),
    "capitals": [*request_headers(), (b"X-Capital", b"x")],
    "a connection header": [*request_headers(), (b"connection", b"close")],
    "a line break in a value": [*request_headers(), (b"x", b"a\r\nb")],
    "a zero in a value": [*request_headers(), (b"x", b"a\0b")],
    "metadata that is no base64": [*request_headers(), (b"x-bin", b"!!!")],
    "a timeout that is none": [*request_headers(), (b"grpc-timeout", b"soon")],
    "a timeout of nothing": [*request_headers(), (b"grpc-timeout", b"0n")],
    "a thousand headers": [*request_headers(), *((b"x%d" % number, b"y") for number in range(1000))],
}


@pytest.mark.parametrize("name", sorted(HEADS))
def test_strange_headers_of_a_call_harm_nobody_else(victim, name):
    with Http2(victim.ports["grpc"], seconds=2) as client:
        stream = client.connection.get_next_available_stream_id()
        client.connection.send_headers(stream, HEADS[name])
        client.send(stream, framed(SPANS), end=True)
        answer = client.answer(stream, 2)

    assert 2 != answer, "UNKNOWN"
    assert 0 == victim.export(HONEST).status


def test_the_log_of_all_this_is_short(victim):
    with Http2(victim.ports["grpc"]) as client:
        for _ in range(200):
            stream = client.open(b"/\xff", headers=[(b"x", b"\xff")])
        client.answer(stream)

    assert 20_000 > len(victim.log)
