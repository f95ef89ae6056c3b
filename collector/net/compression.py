"""Compress, and decompress what strangers send within bounds of size and work."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cramjam

from collector.net.bad_input import BadData, TooLarge, UnsupportedEncoding

PREFIX = 1 << 20
"""Bytes of output after which the caller may look and refuse."""
MAX_MEMBERS = 100
"""Members that one gzip stream may have: ten thousand empty ones cost seconds and yield nothing."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
Probe = Callable[[bytes], None]


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
        UnsupportedEncoding: `encoding` is not identity, gzip, deflate or zstd.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            return _inflate(body, _GZIP, limit, probe)
        case "deflate":
            return _inflate(body, _ZLIB if _has_zlib_header(body) else _RAW, limit, probe)
        case "zstd":
            return _unzstd(body, limit, probe)
    raise UnsupportedEncoding(f"unsupported Content-Encoding: {encoding[:50]}")


def compress(body: bytes, encoding: str, level: int | None = None) -> bytes:
    """Compress with gzip, deflate (zlib) or zstd; `none` or empty returns `body`.

    Lets other threads run meanwhile: a large body belongs into one, so that the event loop is not held up.

    Args:
        body: what to compress.
        encoding: the value of Content-Encoding.
        level: -1 to 9 for gzip and deflate, 1 to 22 for zstd; the library's own default if it is not given.

    Raises:
        ValueError: another encoding.
    """
    match encoding:
        case "" | "none" | "identity":
            return body
        case "gzip":
            return zlib.compress(body, zlib.Z_DEFAULT_COMPRESSION if level is None else level, _GZIP)
        case "deflate" | "zlib":
            return zlib.compress(body, zlib.Z_DEFAULT_COMPRESSION if level is None else level, _ZLIB)
        case "zstd":
            return bytes(cramjam.zstd.compress(body, level=level))
    raise ValueError(f"unknown compression {encoding!r}")


def _has_zlib_header(body: bytes) -> bool:
    """RFC 1950, 2.2: the first two bytes are a multiple of 31, and the method is 8."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _inflate(body: bytes, window: int, limit: int, probe: Probe | None) -> bytes:
    output: list[bytes] = []
    rest, members = body, 0
    room = limit
    while rest or not members:
        members += 1
        if members > MAX_MEMBERS:
            raise TooLarge(f"more than {MAX_MEMBERS} gzip members")
        part, rest = _inflate_member(rest, window, room, None if output else probe)
        output.append(part)
        room -= len(part)
        if rest and window != _GZIP:
            raise BadData("bytes behind the end of the compressed stream")
    return b"".join(output) if len(output) > 1 else output[0]


def _inflate_member(body: bytes, window: int, room: int, probe: Probe | None) -> tuple[bytes, bytes]:
    """Return the output of one member and what is behind it."""
    unpacker = zlib.decompressobj(window)
    try:
        output = unpacker.decompress(body, PREFIX)
        if not unpacker.eof and len(output) == PREFIX:
            if probe:
                probe(output)
            output += unpacker.decompress(unpacker.unconsumed_tail, max(room - PREFIX, 0) + 1)
    except zlib.error as error:
        raise BadData(f"bad compressed body: {error}") from None
    if len(output) > room:
        raise TooLarge(f"more than {room} bytes after decompression")
    if not unpacker.eof:
        raise BadData("the compressed body is truncated")
    return output, unpacker.unused_data


_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def _unzstd(body: bytes, limit: int, probe: Probe | None) -> bytes:
    declared = _zstd_content_size(body)
    if declared is not None and declared > limit:
        raise TooLarge(f"declares {declared} bytes after decompression, the limit is {limit}")
    # memory that is never written to is never resident
    output = bytearray(limit + 1)
    try:
        size = cramjam.zstd.decompress_into(body, output)
    except cramjam.DecompressionError as error:
        if _is_overflow(error):
            raise TooLarge(f"more than {limit} bytes after decompression") from None
        raise BadData(f"bad compressed body: {error}") from None
    if size > limit:
        raise TooLarge(f"more than {limit} bytes after decompression")
    if probe and size > PREFIX:
        probe(bytes(memoryview(output)[:PREFIX]))
    return bytes(memoryview(output)[:size])


def _is_overflow(error: Exception) -> bool:
    return "write whole buffer" in str(error) or "failed to write" in str(error)


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
