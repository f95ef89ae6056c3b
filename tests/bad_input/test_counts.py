"""Few bytes that stand for many things: refused before anything is built of them."""

import functools
import gzip
import zlib

import cramjam
import pytest

from tests.bad_input.messages import field, resource, scope, span
from tests.bad_input.victim import JSON, MIB, PROTOBUF, REFUSAL

pytestmark = pytest.mark.slow

TOO_LARGE, RESOURCE_EXHAUSTED = 413, 8
PACK = {
    "gzip": lambda data: gzip.compress(data, 6),
    "deflate": lambda data: zlib.compress(data, 6),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data, level=3)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}
# Each makes a request of about so many bytes
BOMBS = {
    "empty spans": lambda size: scope(field(2, b"") * (size // 2 - 20)),
    "empty resources": lambda size: resource(b"") * (size // 2),
    "empty scopes": lambda size: resource(field(2, b"") * (size // 2 - 10)),
    "empty attributes of a span": lambda size: span(field(9, b"") * (size // 2 - 40)),
    "empty attributes of a resource": lambda size: resource(field(1, field(1, b"") * (size // 2 - 20))),
    "empty events of a span": lambda size: span(field(11, b"") * (size // 2 - 40)),
    "unknown fields": lambda size: b"\xf8\x01\x00" * (size // 3),
    "empty spans behind forty thousand": lambda size: span() * 40_000 + scope(field(2, b"") * (size // 2 - 700_000)),
}
JSON_BOMBS = {
    "empty spans": lambda size: b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s{}]}]}]}' % (b"{}," * (size // 3 - 20)),
    "empty resources": lambda size: b'{"resourceSpans":[%s{}]}' % (b"{}," * (size // 3 - 20)),
    "unknown objects": lambda size: b'{"x":[%s{}]}' % (b'{"a":{}},' * (size // 9 - 20)),
    "lists": lambda size: b'{"x":[%s[]]}' % (b"[]," * (size // 3 - 20)),
    "keys": lambda size: b'{"x":{%s"":0}}' % (b'"key":0,' * (size // 8 - 20)),
    "keys with escaped colons": lambda size: b'{"\\u003a":{%s"":0}}' % (b'"\\u003a":0,' * (size // 11 - 20)),
    "numbers": lambda size: b'{"x":[%s0]}' % (b"0," * (size // 2 - 20)),
}


@functools.lru_cache(maxsize=1)  # as the tests come: each bomb in all encodings, then the next one
def bomb(name):
    return BOMBS[name](20 * MIB - 200)


@pytest.mark.parametrize("encoding", sorted(PACK))
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_over_http(victim, encoding, name):
    body = PACK[encoding](bomb(name))

    answer, cost = victim.refused(lambda: victim.post(body, Content_Encoding=encoding))

    assert TOO_LARGE == answer.status
    assert 30 * MIB > cost.growth
    assert REFUSAL > cost.cpu


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_over_grpc(victim, name):
    message = BOMBS[name](4 * MIB - 200)

    answer, cost = victim.refused(lambda: victim.export(message))

    assert (RESOURCE_EXHAUSTED, False) == (answer.status, b"RetryInfo" in answer.headers["grpc-status-details-bin"])
    assert 30 * MIB > cost.growth
    assert REFUSAL > cost.cpu


@pytest.mark.parametrize("name", sorted(JSON_BOMBS))
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_in_json(victim, encoding, name):
    body = PACK[encoding](JSON_BOMBS[name](20 * MIB - 200))

    answer, cost = victim.refused(lambda: victim.post(body, JSON, Content_Encoding=encoding))

    assert TOO_LARGE == answer.status
    assert 30 * MIB > cost.growth
    assert REFUSAL > cost.cpu


def test_ten_million_spans_in_twenty_kilobytes_cost_fifty_milliseconds_and_others_do_not_wait(victim):
    body = PACK["gzip"](BOMBS["empty spans"](20 * MIB - 200))
    costs = []

    for _ in range(5):
        with victim.watched() as cost:
            answer = victim.post(body, Content_Encoding="gzip")
        costs.append(cost)
    with victim.visited() as visited:
        for _ in range(5):
            victim.post(body, Content_Encoding="gzip")

    assert 25_000 > len(body)
    assert TOO_LARGE == answer.status
    assert 0.05 > min(cost.cpu for cost in costs)
    assert 30 * MIB > max(cost.growth for cost in costs)
    assert 0.5 > visited.wait


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_the_memory_of_refused_requests_is_given_back(victim, kind):
    bombs = BOMBS if kind == PROTOBUF else JSON_BOMBS
    body = PACK["gzip"](bombs["empty spans"](20 * MIB - 200))
    victim.post(body, kind, Content_Encoding="gzip")
    before = victim.resident()

    for _ in range(20):
        victim.post(body, kind, Content_Encoding="gzip")

    assert 10 * MIB > victim.resident() - before
