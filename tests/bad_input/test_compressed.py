"""Bodies that are not what their encoding says, or become more than anyone should hold."""

import gzip
import os
import zlib

import cramjam
import grpc
import pytest

from tests.bad_input.http2 import EXPORT, Http2
from tests.bad_input.messages import honest
from tests.bad_input.victim import JSON, MIB, PROTOBUF, REFUSAL

BAD_DATA, TOO_LARGE, UNSUPPORTED = 400, 413, 415
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 8, 12, 13
SPANS = honest().wire


def gzipped_zeros(mebibytes):
    """
    Zeros in gzip; each mebibyte is the same bytes again.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + again * (mebibytes - 1) + packer.flush()


def zstd_of_zeros(mebibytes):
    frame = bytes(cramjam.zstd.compress(bytes(MIB)))
    return frame * mebibytes


def zstd_declaring(size, window=0x50):
    return b"\x28\xb5\x2f\xfd" + bytes([0b11000000, window]) + size.to_bytes(8, "little") + b"\x01\x00\x00"


BOMBS = {
    "100 MiB": ("gzip", lambda: gzipped_zeros(100)),
    "1 GiB": ("gzip", lambda: gzipped_zeros(1024)),
    "1 GiB twice": ("gzip", lambda: gzip.compress(gzipped_zeros(1024))),
    "60 000 empty members": ("gzip", lambda: gzip.compress(b"") * 60_000),
    "1 GiB in deflate": ("deflate", lambda: gzipped_zeros(1024)[10:]),
    "4 GiB declared": ("zstd", lambda: zstd_declaring(4 << 30)),
    "4 GiB window": ("zstd", lambda: zstd_declaring(1000, 0xB0)),
    "1 GiB in zstd": ("zstd", lambda: zstd_of_zeros(1024)),
    "4 GiB declared in snappy": ("snappy", lambda: b"\xff\xff\xff\xff\x0f" + b"\0a"),
    "19 MiB declared of nothing": ("snappy", lambda: b"\x80\x80\xc0\x09" + b"\0a"),
    "100 MiB in lz4": ("lz4", lambda: bytes(cramjam.lz4.compress(bytes(100 * MIB)))),
    "100 MiB in snappy": ("x-snappy-framed", lambda: bytes(cramjam.snappy.compress(bytes(MIB))) * 100),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_refused_soon_and_takes_no_more_than_the_limit(victim, name, kind):
    encoding, make = BOMBS[name]
    body = make()

    answer, cost = victim.refused(lambda: victim.post(body, kind, Content_Encoding=encoding))

    assert answer.status in {BAD_DATA, TOO_LARGE}
    assert 30 * MIB > cost.growth - len(body)
    assert REFUSAL > cost.cpu


@pytest.mark.slow
def test_a_bomb_over_grpc_is_refused_by_its_size(victim):
    answer, cost = victim.refused(lambda: victim.export(bytes(100 * MIB), compression=grpc.Compression.Gzip))

    assert RESOURCE_EXHAUSTED == answer.status
    assert b"" == answer.headers.get("grpc-status-details-bin", b"")
    assert 30 * MIB > cost.growth
    assert REFUSAL > cost.cpu


def test_a_body_over_the_limit_as_it_is_is_refused_unread(victim):
    with victim.watched() as cost:
        answer = victim.exchange(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 2000000000\r\n\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Connection: close" in answer
    assert 5 * MIB > cost.growth


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", lambda data: bytes(cramjam.zstd.compress(data)))],
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed[:-3],
        lambda packed: packed[:1],
        lambda packed: packed + b"garbage",
        lambda packed: packed[:20] + bytes([packed[20] ^ 255]) + packed[21:],
        lambda packed: os.urandom(100),
        lambda packed: b"",
    ],
    ids=["truncated", "one byte", "more behind", "changed", "noise", "nothing"],
)
def test_a_spoilt_body_is_bad_data(victim, encoding, pack, spoil):
    answer = victim.post(spoil(pack(SPANS)), Content_Encoding=encoding)

    assert BAD_DATA == answer.status


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip,identity", "x-gzip", "\xff", "*"])
def test_an_unknown_encoding_is_unsupported(victim, encoding):
    assert UNSUPPORTED == victim.post(SPANS, Content_Encoding=encoding).status


@pytest.mark.parametrize(
    ("message", "compressed", "encoding", "expected"),
    [
        (b"no gzip", 1, b"gzip", {INTERNAL, INVALID_ARGUMENT}),
        (gzip.compress(SPANS)[:-9], 1, b"gzip", {INTERNAL, INVALID_ARGUMENT}),
        (SPANS, 1, None, {INTERNAL, INVALID_ARGUMENT}),
        (SPANS, 1, b"zstd", {UNIMPLEMENTED, INTERNAL}),
        (SPANS, 1, b"nonsense", {UNIMPLEMENTED, INTERNAL}),
        (SPANS, 7, b"gzip", {INTERNAL, INVALID_ARGUMENT, 0, "reset 1", "closed", "goaway 2", "goaway None"}),
    ],
)
def test_over_grpc_the_library_says_what_is_wrong_and_never_unknown(victim, message, compressed, encoding, expected):
    headers = [(b"grpc-encoding", encoding)] if encoding else []
    with Http2(victim.ports["grpc"]) as client:
        answer = client.answer(client.call(message, EXPORT, compressed=compressed, headers=headers))

    assert answer in expected
