"""Decompress what strangers send, within bounds of size and work."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

from collector.net.bad_input import BadData, TooLarge, UnsupportedEncoding

PREFIX = 1 << 20
"""Bytes of output after which the caller may look and refuse."""
MAX_MEMBERS = 100
"""Members that one gzip stream may have: ten thousand empty ones cost seconds and yield nothing."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
Probe = Callable[[bytes], None]
_Codec = Callable[[bytes, int, Probe | None], bytes]


def decompress(body: bytes, encoding: str, *, limit: int, probe: Probe | None = None) -> bytes:
    """Return what `body` was before it was compressed.

    Args:
        body: all of it, as sent.
        encoding: the value of Content-Encoding; empty or `identity` for none.
        limit: bytes of output.
        probe: called with the first MiB of larger outputs; what it raises ends the work.

    Raises:
        BadData: it is not what `encoding` says.
        TooLarge: there is more output than `limit`, or too many gzip members.
        UnsupportedEncoding: `encoding` is not one of `ENCODINGS`.
    """
    codec = _CODECS.get(encoding.strip().lower())
    if codec is None:
        raise UnsupportedEncoding(f"unsupported Content-Encoding: {encoding[:50]}")
    return codec(body, limit, probe)


def _identity(body: bytes, limit: int, probe: Probe | None) -> bytes:
    return body


def _gzip(body: bytes, limit: int, probe: Probe | None) -> bytes:
    output = BytesIO()  # grows in place, so that a large output is not held twice
    members = 0
    while body or not members:
        members += 1
        if members > MAX_MEMBERS:
            raise TooLarge(f"more than {MAX_MEMBERS} gzip members")
        body = _inflate(body, _GZIP, limit, probe, output)
    return output.getvalue()


def _deflate(body: bytes, limit: int, probe: Probe | None) -> bytes:
    output = BytesIO()
    if _inflate(body, _ZLIB if _has_zlib_header(body) else _RAW, limit, probe, output):
        raise BadData("bytes behind the end of the compressed stream")
    return output.getvalue()


def _has_zlib_header(body: bytes) -> bool:
    """RFC 1950, 2.2: the first two bytes are a multiple of 31, and the method is 8."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _inflate(body: bytes, window: int, limit: int, probe: Probe | None, output: BytesIO) -> bytes:
    """Append the output of one stream; return what is behind it."""
    unpacker = zlib.decompressobj(window)
    while True:
        try:
            part = unpacker.decompress(body, PREFIX)
        except zlib.error as error:
            raise BadData(f"bad compressed body: {error}") from None
        if probe and not output.tell() and len(part) == PREFIX:
            probe(part)
        output.write(part)
        if output.tell() > limit:
            raise TooLarge(f"more than {limit} bytes after decompression")
        if unpacker.eof:
            return unpacker.unused_data
        body = unpacker.unconsumed_tail
        if not body and len(part) < PREFIX:
            raise BadData("the compressed body is truncated")


_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def _zstd(body: bytes, limit: int, probe: Probe | None) -> bytes:
    declared = _zstd_content_size(body)
    if declared is not None and declared > limit:
        raise TooLarge(f"declares {declared} bytes after decompression, the limit is {limit}")
    import cramjam  # noqa: PLC0415  1.5 MiB that most never need

    return _looking_first(limit, cramjam.zstd.decompress_into, body, probe)


def _zstd_content_size(body: bytes) -> int | None:
    """RFC 8878, 3.1.1.1: the size a frame declares, None where it declares none.

    Raises:
        BadData: it does not start like a frame.
    """
    if body[:4] != _ZSTD_MAGIC or len(body) < 6:
        raise BadData("not a zstd frame")
    descriptor = body[4]
    single, flag = descriptor >> 5 & 1, descriptor >> 6
    width = (single, 2, 4, 8)[flag]
    start = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    if not width:
        return None
    return int.from_bytes(body[start : start + width], "little") + (256 if flag == 1 else 0)


_SNAPPY_STREAM = b"\xff\x06\x00\x00sNaPpY"
_SNAPPY_RATIO = 22
"""Snappy format description, 2.2: three bytes make sixty-four at most."""


def _snappy(body: bytes, limit: int, probe: Probe | None) -> bytes:
    """The Collector takes both formats under this name."""
    if body.startswith(_SNAPPY_STREAM):
        return _snappy_framed(body, limit, probe)
    import cramjam  # noqa: PLC0415  as above

    try:
        declared = cramjam.snappy.decompress_raw_len(body)
    except Exception as error:
        raise BadData(f"bad compressed body: {error}") from None
    if declared > limit:
        raise TooLarge(f"declares {declared} bytes after decompression, the limit is {limit}")
    if declared > len(body) * _SNAPPY_RATIO:
        raise BadData(f"declares {declared} bytes, which {len(body)} bytes of snappy cannot make")
    return _into_room_for(declared, cramjam.snappy.decompress_raw_into, body)


def _snappy_framed(body: bytes, limit: int, probe: Probe | None) -> bytes:
    import cramjam  # noqa: PLC0415  as above

    return _looking_first(limit, cramjam.snappy.decompress_into, body, probe)


def _lz4(body: bytes, limit: int, probe: Probe | None) -> bytes:
    import cramjam  # noqa: PLC0415  as above

    return _looking_first(limit, cramjam.lz4.decompress_into, body, probe)


def _looking_first(limit: int, decompress_into: Any, body: bytes, probe: Probe | None) -> bytes:
    """Most bodies are small, and of the others a small part tells whether it is worth going on."""
    if limit > PREFIX:
        with mmap.mmap(-1, PREFIX) as room:
            try:
                return room[: _fill(room, decompress_into, body, PREFIX)]
            except TooLarge:
                if probe:
                    probe(room[:])
    return _into_room_for(limit, decompress_into, body)


def _into_room_for(limit: int, decompress_into: Any, body: bytes) -> bytes:
    """Decompress into memory that is mapped and not cleared: what is never written to is never resident."""
    with mmap.mmap(-1, limit + 1) as room:
        size = _fill(room, decompress_into, body, limit)
        if size > limit:
            raise TooLarge(f"more than {limit} bytes after decompression")
        return _moved(room, size)


def _fill(room: mmap.mmap, decompress_into: Any, body: bytes, limit: int) -> int:
    try:
        return int(decompress_into(body, room))
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the codec is no Exception
        if "failed to write" in str(error):
            raise TooLarge(f"more than {limit} bytes after decompression") from None
        raise BadData(f"bad compressed body: {error}") from None


def _moved(room: mmap.mmap, size: int) -> bytes:
    """Copy what was written, and give it back piece by piece, so that a large body is not held twice."""
    if size <= PREFIX or not hasattr(mmap, "MADV_DONTNEED"):
        return room[:size]
    output = BytesIO()
    for start in range(0, size, PREFIX):
        output.write(room[start : min(start + PREFIX, size)])
        room.madvise(mmap.MADV_DONTNEED, start, min(PREFIX, len(room) - start))
    return output.getvalue()


# OpenTelemetry Collector, confighttp: the names, and that deflate is zlib
_CODECS: dict[str, _Codec] = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "deflate": _deflate,
    "zlib": _deflate,
    "zstd": _zstd,
    "snappy": _snappy,
    "x-snappy-framed": _snappy_framed,
    "lz4": _lz4,
}
ENCODINGS = tuple(_CODECS)
"""What Content-Encoding may say."""
