import gzip
import os
import random
import zlib
from functools import partial

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.net.bad_input import BadData, BadInput, TooLarge, UnsupportedEncoding
from collector.net.decompression import ENCODINGS, MAX_MEMBERS, PREFIX, decompress
from tests.timing import cpu_seconds

LIMIT = 20 << 20


def _raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "x-snappy-framed": lambda data: bytes(cramjam.snappy.compress(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
}
COMPRESSED = sorted(set(PACK) - {"", "identity"})


def test_every_encoding_is_tested():
    assert set(ENCODINGS) == set(PACK)


@given(encoding=st.sampled_from(sorted(PACK)), data=st.binary(max_size=5000), times=st.integers(1, 50))
def test_decompressing_undoes_compressing(encoding, data, times):
    assert data * times == decompress(PACK[encoding](data * times), encoding, limit=LIMIT)


def test_deflate_is_read_with_its_header_and_without():
    """
    RFC 9110, 8.4.1.2: some send the deflate stream without the zlib format around it.
    """
    assert b"data" == decompress(_raw_deflate(b"data"), "deflate", limit=LIMIT)


def test_snappy_may_be_framed():
    assert b"data" * 9 == decompress(PACK["x-snappy-framed"](b"data" * 9), "snappy", limit=LIMIT)


def test_gzip_may_have_several_members():
    assert b"onetwo" == decompress(gzip.compress(b"one") + gzip.compress(b"two"), "gzip", limit=LIMIT)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "identity, gzip", "x", "\udcff"])
def test_an_unknown_encoding_is_said_to_be_unsupported(encoding):
    with pytest.raises(UnsupportedEncoding):
        decompress(b"", encoding, limit=LIMIT)


def test_the_name_of_an_encoding_has_no_case():
    assert b"data" == decompress(gzip.compress(b"data"), " GZip ", limit=LIMIT)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_the_limit_is_exact(encoding):
    packed = PACK[encoding](b"x" * 1000)

    assert 1000 == len(decompress(packed, encoding, limit=1000))
    with pytest.raises(TooLarge):
        decompress(packed, encoding, limit=999)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_a_truncated_body_is_bad_data(encoding):
    packed = PACK[encoding](os.urandom(3000))

    with pytest.raises(BadData):
        decompress(packed[:-9], encoding, limit=LIMIT)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_bytes_behind_the_end_are_bad_data(encoding):
    with pytest.raises(BadData):
        decompress(PACK[encoding](b"data") + b"garbage", encoding, limit=LIMIT)


@pytest.mark.parametrize("encoding", COMPRESSED)
@given(body=st.binary(max_size=300))
def test_any_bytes_give_a_result_or_a_refusal(encoding, body):
    found = result(body, encoding, limit=1000)

    assert found is None or len(found) <= 1000


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_mutated_bodies_give_a_result_or_a_refusal(encoding):
    chance = random.Random(f"decompression {encoding}")
    packed = PACK[encoding](b"".join(b"span %d " % chance.randrange(99) for _ in range(500)))

    results = [result(mutated(packed, chance), encoding, limit=1 << 16) for _ in range(2000)]

    assert 0 < results.count(None) <= 2000
    assert all(found is None or len(found) <= 1 << 16 for found in results)


def mutated(body, chance):
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def result(body, encoding, limit):
    """
    Return what comes out; None for a refusal.
    """
    try:
        return decompress(body, encoding, limit=limit)
    except BadInput:
        return None


def _of_zeros(window):
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(40)), packer.flush()])


BOMBS = {
    "gzip": lambda: _of_zeros(31),
    "deflate": lambda: _of_zeros(15),
    "zstd": lambda: PACK["zstd"](bytes(40 << 20)),
    "lz4": lambda: PACK["lz4"](bytes(40 << 20)),
    "x-snappy-framed": lambda: PACK["x-snappy-framed"](bytes(40 << 20)),
    "snappy": lambda: PACK["snappy"](bytes(40 << 20)),
}


def refusal_of(bomb, encoding):
    def decompress_it():
        with pytest.raises(TooLarge):
            decompress(bomb, encoding, limit=LIMIT)

    return decompress_it


@pytest.mark.slow
@pytest.mark.parametrize("encoding", sorted(BOMBS))
def test_a_bomb_is_refused_soon(encoding):
    assert 0.1 > cpu_seconds(partial(refusal_of, BOMBS[encoding](), encoding), enough=0.1)


def test_members_that_yield_nothing_are_refused_soon():
    assert 0.05 > cpu_seconds(partial(refusal_of, gzip.compress(b"") * 60_000, "gzip"), enough=0.05)


def test_a_declared_size_is_believed_before_anything_is_allocated():
    four_gib = (4 << 30).to_bytes(8, "little")
    zstd = b"\x28\xb5\x2f\xfd" + bytes([0b11000000, 0xA8]) + four_gib + b"\x01\x00\x00"
    snappy = bytes([0xFF, 0xFF, 0xFF, 0xFF, 0x0F]) + b"\0"

    for encoding, body in (("zstd", zstd), ("snappy", snappy)):
        with pytest.raises(TooLarge, match="declares"):
            decompress(body, encoding, limit=LIMIT)


def test_a_declared_size_that_cannot_be_true_is_bad_data():
    with pytest.raises(BadData, match="cannot make"):
        decompress(bytes([0x80, 0x80, 0x40]) + b"\0a", "snappy", limit=LIMIT)


@pytest.mark.parametrize("encoding", sorted({*COMPRESSED} - {"snappy"}))
def test_the_caller_may_refuse_after_the_first_mebibyte(encoding):
    seen = []

    def refuse(prefix):
        seen.append(len(prefix))
        raise TooLarge("seen enough")

    with pytest.raises(TooLarge, match="seen enough"):
        decompress(PACK[encoding](bytes(PREFIX + 1)), encoding, limit=LIMIT, probe=refuse)

    assert [PREFIX] == seen


def test_the_number_of_members_is_bounded():
    decompress(gzip.compress(b"") * MAX_MEMBERS, "gzip", limit=LIMIT)

    with pytest.raises(TooLarge, match="members"):
        decompress(gzip.compress(b"") * (MAX_MEMBERS + 1), "gzip", limit=LIMIT)
