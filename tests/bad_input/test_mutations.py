"""Requests that were right before a few bytes of them changed: the answer is always one of the table.

Most are given to the functions that the listeners call, and compared with the official parser; the others go to a real
process over HTTP and gRPC.  MUTATIONS multiplies their number.
"""

import os
import random
import re
import socket

import pytest
from google.protobuf.message import DecodeError

from collector.batch import SHAPES, Signal
from collector.net.bad_input import BadData, BadInput, TooLarge
from collector.net.otlp_json import decode, encode
from collector.net.validation import validate
from tests.bad_input.messages import honest
from tests.bad_input.victim import JSON, MIB, PROTOBUF

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("MUTATIONS", "1"))
SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS, Signal.PROFILES]
STEP = 20
"""Requests sent before their answers are read."""
_TOKENS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"NaN", b"1e999", b"-", b"\\u", b"\\", b"\xff", b"true"]


def mutate(chance, body):
    """
    Return `body` with one to four changes: bytes set, cut out, doubled, moved or put in.
    """
    body = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at, size = chance.randrange(len(body) + 1), chance.choice((1, 1, 2, 8, 40))
        match chance.randrange(6):
            case 0:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del body[at : at + size]
            case 2:
                body[at:at] = body[at : at + size]
            case 3:
                body[at:at] = chance.choice(_TOKENS)
            case 4:
                other = chance.randrange(len(body) + 1)
                body[at : at + size] = body[other : other + size]
            case 5:
                body[at:at] = b"\x80" * chance.randrange(12)
    return bytes(body)


def accepted(signal, wire):
    """
    Say whether the official parser takes it.
    """
    try:
        SHAPES[signal].request.FromString(wire)
    except DecodeError:
        return False
    return True


@pytest.mark.parametrize("signal", SIGNALS)
def test_mutated_protobuf_is_taken_exactly_if_the_official_parser_takes_it(signal):
    seed = f"protobuf {signal}"
    chance, body = random.Random(seed), honest(signal).wire
    taken = 0

    for number in range(10_000 * TIMES):
        wire = mutate(chance, body)
        try:
            batch = validate(signal, wire, max_items=1000, max_record_size=1 << 20).batch
        except BadData:
            assert not accepted(signal, wire), f"seed {seed!r}, mutation {number}"
        except BaseException as error:
            raise AssertionError(f"seed {seed!r}, mutation {number}") from error
        else:
            assert accepted(signal, wire), f"seed {seed!r}, mutation {number}"
            assert len(batch) == batch.count_in(SHAPES[signal].request.FromString(batch.wire))
            taken += 1

    assert taken > 10


@pytest.mark.parametrize("signal", SIGNALS)
def test_mutated_json_is_protobuf_or_bad_data(signal):
    seed = f"json {signal}"
    chance, body = random.Random(seed), encode(honest(signal, items=2))
    taken = 0

    for number in range(5_000 * TIMES):
        mutated = mutate(chance, body)
        try:
            assert accepted(signal, decode(signal, mutated)), f"seed {seed!r}, mutation {number}"
            taken += 1
        except BadInput:
            continue
        except BaseException as error:
            raise AssertionError(f"seed {seed!r}, mutation {number}") from error

    assert taken > 10


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_mutated_requests_over_http_are_taken_or_bad_data(victim, kind):
    seed = f"http {kind}"
    chance = random.Random(seed)
    bodies = {signal: honest(signal) for signal in SIGNALS[:3]}
    texts = {signal: batch.wire if kind == PROTOBUF else encode(batch) for signal, batch in bodies.items()}
    statuses = set()
    before = victim.resident()

    with Pipeline(victim.ports["http"]) as pipeline:
        for start in range(0, 5_000 * TIMES, STEP):
            requests = [(signal, mutate(chance, texts[signal])) for signal in chance.choices(SIGNALS[:3], k=STEP)]
            found = pipeline.send(requests, kind)
            assert STEP == len(found), f"seed {seed!r}, between {start} and {start + STEP}: {found}"
            statuses.update(found)
            assert statuses <= {200, 400}, f"seed {seed!r}, between {start} and {start + STEP}: {found}"

    assert {200, 400} == statuses
    assert 30 * MIB > victim.resident() - before


def test_mutated_messages_over_grpc_are_taken_or_invalid(victim):
    seed = "grpc"
    chance = random.Random(seed)
    bodies = {signal: honest(signal).wire for signal in SIGNALS[:3]}
    codes = set()

    for number in range(1_500 * TIMES):
        signal = chance.choice(SIGNALS[:3])
        codes.add(victim.export(mutate(chance, bodies[signal]), signal=signal).status)
        assert codes <= {0, 3}, f"seed {seed!r}, mutation {number}: {codes}"

    assert {0, 3} == codes


def test_mutated_heads_over_http_are_answered_or_cut_off(victim):
    """
    Here the answer may be anything that HTTP has for a client's mistake; a mutated length makes the server wait.
    """
    seed = "heads"
    chance, body = random.Random(seed), honest().wire
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: identity\r\n"
        b"X-Tenant: one\r\nConnection: close\r\n"
    )

    for number in range(300 * TIMES):
        request = mutate(chance, head) + b"Content-Length: %d\r\n\r\n" % len(body) + body
        answer = victim.exchange(request, seconds=0.05)
        assert answer[9:12] in {b"", b"200", b"400", b"404", b"405", b"408", b"413", b"415"}, f"{seed!r}, {number}"


class Pipeline:
    """Several requests at once on one connection that is kept."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, requests, kind):
        """
        Return the statuses of the answers to [(signal, body)].
        """
        head = "POST /v1/{} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
        heads = [head.format(signal, kind, len(body)).encode() for signal, body in requests]
        self._socket.sendall(b"".join(head + body for head, (_, body) in zip(heads, requests, strict=True)))
        received, statuses = b"", []
        while len(statuses) < len(requests) and (part := self._socket.recv(1 << 16)):
            received += part
            while answer := _ANSWER.match(received):
                end = answer.end() + int(answer[2])
                if len(received) < end:
                    break
                statuses.append(int(answer[1]))
                received = received[end:]
        return statuses


_ANSWER = re.compile(rb"HTTP/1\.1 (\d+) (?:[^\r]*\r\n)+?Content-Length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n")


def test_a_request_over_its_limit_is_never_taken():
    """
    The limits hold whatever the shape: the same data in one resource, or in many.
    """
    chance = random.Random("limits")
    for _ in range(200):
        pieces = [honest(items=chance.randrange(1, 6)) for _ in range(chance.randrange(1, 6))]
        wire, items = b"".join(piece.wire for piece in pieces), sum(map(len, pieces))

        assert items == len(validate(Signal.TRACES, wire, max_items=items, max_record_size=1000).batch)
        with pytest.raises(TooLarge):
            validate(Signal.TRACES, wire, max_items=items - 1, max_record_size=1000)
