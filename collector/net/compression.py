"""Compress what is sent."""

from __future__ import annotations

import zlib

_GZIP, _ZLIB = 31, 15


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
            import cramjam  # noqa: PLC0415  1.5 MiB that most never need

            return bytes(cramjam.zstd.compress(body, level=level))
    raise ValueError(f"unknown compression {encoding!r}")
