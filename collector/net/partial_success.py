"""A server may take a request and reject some of its items: the answer that says so, both ways."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from google.protobuf.message import DecodeError

from collector.batch import SHAPES, Signal
from collector.errors import PermanentError
from collector.net.otlp_status import readable


def partial_success(signal: Signal, rejected: int, message: str) -> bytes:
    """Encode the response that says how many items were rejected and why."""
    shape = SHAPES[signal]
    response: Any = shape.response()
    setattr(response.partial_success, shape.rejected, rejected)
    response.partial_success.error_message = message
    return bytes(response.SerializeToString())


class Answer(NamedTuple):
    """What a server says of a request that it took."""

    rejected: int
    """Items that it did not take, for good."""
    message: str
    """Why, or a warning where it took all, on one line and not too long; often empty."""


def read_answer(signal: Signal, body: bytes, *, json: bool = False) -> Answer:
    """Read an Export response, protobuf or JSON; no bytes at all are one, of full success.

    Raises:
        PermanentError: these bytes are no response.  Sending again would not make the server's answer clearer.
    """
    if not body:
        return Answer(0, "")
    try:
        return _from_json(signal, body) if json else _from_protobuf(signal, body)
    except (DecodeError, ValueError, TypeError, AttributeError) as error:
        raise PermanentError(f"the server's answer is not an OTLP response: {error}") from None


def _from_protobuf(signal: Signal, body: bytes) -> Answer:
    shape = SHAPES[signal]
    response: Any = shape.response.FromString(body)
    partial = response.partial_success
    return Answer(max(int(getattr(partial, shape.rejected)), 0), readable(partial.error_message))


def _from_json(signal: Signal, body: bytes) -> Answer:
    partial = orjson.loads(body).get("partialSuccess") or {}
    empty: Any = SHAPES[signal].response()
    name = empty.partial_success.DESCRIPTOR.fields_by_name[SHAPES[signal].rejected].json_name
    return Answer(max(int(partial.get(name) or 0), 0), readable(str(partial.get("errorMessage") or "")))
