import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.net.compression import compress
from collector.net.decompression import decompress

ENCODINGS = ["", "none", "identity", "gzip", "deflate", "zstd"]


@given(st.binary(), st.sampled_from([e for e in ENCODINGS if e != "none"]))
def test_decompressing_undoes_compressing(body, encoding):
    assert body == decompress(compress(body, encoding), encoding, limit=len(body) + 1)


@pytest.mark.parametrize(("encoding", "most"), [("gzip", 9), ("deflate", 9), ("zstd", 19)])
def test_the_highest_level_makes_the_fewest_bytes(encoding, most):
    numbers = random.Random(1)
    body = b"".join(b"span-%d %d " % (numbers.randrange(50), numbers.getrandbits(40)) for _ in range(5000))

    assert len(compress(body, encoding, most)) < len(compress(body, encoding, 1)) < len(body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_the_same_body_gives_the_same_bytes(encoding):
    assert compress(b"body" * 100, encoding) == compress(b"body" * 100, encoding)


def test_an_unknown_encoding_is_an_error():
    with pytest.raises(ValueError, match="unknown compression 'br'"):
        compress(b"", "br")
