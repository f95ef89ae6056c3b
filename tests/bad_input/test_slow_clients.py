"""Clients that take their time, many of them: each is cut off, and the others do not notice."""

import selectors
import socket
import time

import pytest

from tests.bad_input.http2 import Http2, framed
from tests.bad_input.messages import honest
from tests.bad_input.victim import HONEST, MIB, Victim

pytestmark = pytest.mark.slow

DEADLINE_EXCEEDED = 4
SPANS = honest().wire
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
SLOW = {
    "no bytes": b"",
    "one byte": b"P",
    "half a head": HEAD,
    "empty lines": b"\r\n" * 100,
    "no body": HEAD + b"Content-Length: 1000\r\n\r\n",
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n" + bytes(500),
    "no chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nhalf",
    "a chunk without an end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "no second request": HEAD + b"Content-Length: %d\r\n\r\n" % len(HONEST) + HONEST,
}


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    http = ", read_header_timeout: 400ms, read_timeout: 400ms, write_timeout: 400ms, idle_timeout: 400ms"
    victim = Victim(tmp_path_factory.mktemp("impatient"), http=http, grpc=", read_timeout: 400ms")
    yield victim
    try:
        victim.check()
    finally:
        victim.end()


def connected(port, count):
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        yield connection


def until_ended(connections, seconds):
    """
    Read until every connection has ended; return how many bytes came, by connection.
    """
    received = dict.fromkeys(connections, 0)
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map():
            assert time.monotonic() < deadline, f"{len(selector.get_map())} are still open"
            for key, _ in selector.select(0.1):
                if not (size := _read(key.fileobj)):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                received[key.fileobj] += size
    return received


def _read(connection):
    try:
        return len(connection.recv(1 << 16))
    except ConnectionError:
        return 0


def test_a_thousand_slow_clients_are_cut_off_and_an_honest_one_does_not_notice(impatient):
    with impatient.visited() as cost:
        connections = list(connected(impatient.ports["http"], 1000))
        for connection, sent in zip(connections, list(SLOW.values()) * 100, strict=True):
            connection.send(sent)
        until_ended(connections, 5)

    assert 0.5 > cost.wait
    assert 30 * MIB > cost.growth


@pytest.mark.parametrize("name", ["half a head", "half a body", "no chunk"])
def test_a_slow_client_is_told_so(impatient, name):
    answer = impatient.exchange(SLOW[name], seconds=5)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("beginning", [HEAD[:10], HEAD + b"X: ", HEAD + b"Content-Length: 1000000\r\n\r\n"])
def test_a_byte_now_and_then_does_not_help(impatient, beginning):
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", impatient.ports["http"])) as connection:
        connection.settimeout(0.05)
        connection.sendall(beginning)
        while time.monotonic() < start + 5:
            try:
                connection.sendall(b"x")
                if not connection.recv(1000):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break

    assert 0.3 < time.monotonic() - start < 1.5


def test_calls_that_never_have_a_message_are_answered_and_an_honest_client_does_not_notice(impatient):
    with impatient.visited() as cost:
        clients = [Http2(impatient.ports["grpc"]) for _ in range(50)]
        calls = [(client, client.open()) for client in clients for _ in range(20)]
        for client, stream in calls[::2]:
            client.send(stream, framed(SPANS)[:20])
        honest_answer = impatient.export(HONEST)
        answers = {client.answer(stream) for client, stream in calls[-1::-20]}
        for client in clients:
            client.socket.close()

    assert 0 == honest_answer.status
    assert {DEADLINE_EXCEEDED} == answers
    assert 0.5 > cost.wait
    assert 30 * MIB > cost.growth


def test_connections_that_speak_no_http2_do_not_hinder_others(impatient):
    with impatient.watched() as cost:
        connections = list(connected(impatient.ports["grpc"], 500))
        for connection in connections[::2]:
            connection.send(b"PRI * HTTP/2.0\r\n")
        answer = impatient.export(HONEST)
        for connection in connections:
            connection.close()

    assert 0 == answer.status
    assert 30 * MIB > cost.growth
