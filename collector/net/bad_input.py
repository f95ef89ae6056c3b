"""What can be wrong with a request, in the terms of its answer."""

from __future__ import annotations


class BadInput(Exception):
    """A request that nobody should send again as it is."""


class BadData(BadInput):
    """It is not OTLP: HTTP 400, gRPC INVALID_ARGUMENT."""


class TooLarge(BadInput):
    """It has more bytes, records or nesting than may be looked at: HTTP 413, gRPC RESOURCE_EXHAUSTED."""


class UnsupportedEncoding(BadInput):
    """It is compressed in a way nobody here understands: HTTP 415, gRPC UNIMPLEMENTED."""
