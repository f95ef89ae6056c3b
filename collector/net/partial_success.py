"""A server may take a request and reject some of its items: the answer that says so, both ways."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from collector.batch import SHAPES, Signal
from collector.errors import PermanentError


def partial_success(signal: Signal, rejected: int, message: str) -> bytes:
    """Encode the response that says how many items were rejected and why."""
    shape = SHAPES[signal]
    response: Any = shape.response()
    setattr(response.partial_success, shape.rejected, rejected)
    response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def rejected_items(signal: Signal, response: bytes) -> int:
    """Return how many items a server rejected.

    Raises:
        PermanentError: these bytes are no response.
    """
    if not response:
        return 0
    shape = SHAPES[signal]
    try:
        answer: Any = shape.response.FromString(response)
    except DecodeError as error:
        raise PermanentError(f"the server's answer is not an OTLP response: {error}") from None
    return max(int(getattr(answer.partial_success, shape.rejected)), 0)
