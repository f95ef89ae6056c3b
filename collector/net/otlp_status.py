"""OTLP's answers: statuses to and from the two errors that mean something to a caller."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.errors import LONGEST_RETRY_AFTER, ConsumeError, PermanentError, RetryableError

DETAILS = "grpc-status-details-bin"
PROTOBUF, JSON = "application/x-protobuf", "application/json"

INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED = 3, 4, 8, 12
INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 13, 14, 16

# OTLP specification, "Retryable Response Codes": CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE,
# DATA_LOSS; RESOURCE_EXHAUSTED only with RetryInfo
_RETRYABLE_GRPC = frozenset({1, 4, 10, 11, 14, 15})
_RETRYABLE_HTTP = frozenset({429, 502, 503, 504})

_GRPC_OF_HTTP = {400: 3, 401: 16, 403: 7, 404: 12, 405: 12, 408: 4, 413: 8, 415: 12, 429: 8, 502: 14, 503: 14, 504: 14}
_UNKNOWN = 2
_LONGEST_MESSAGE = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def readable(message: str) -> str:
    """Shorten a message, and leave out what would break a header, a log line or an encoder."""
    return _CONTROL.sub(" ", message)[:_LONGEST_MESSAGE].encode(errors="replace").decode()


def grpc_status(code: int, message: str, retry_after: float | None = None) -> bytes:
    """Encode a `google.rpc.Status`, with RetryInfo where the sender may come back."""
    status = Status(code=code, message=readable(message))
    if retry_after is not None:
        info = RetryInfo(retry_delay=Duration(seconds=int(retry_after), nanos=int(retry_after % 1 * 1e9)))
        status.details.add().Pack(info)
    return bytes(status.SerializeToString())


def http_status_body(status: int, message: str, *, json: bool) -> bytes:
    """Encode the body of an HTTP error: OTLP specification, "Failures": a Status in the encoding of the request."""
    code = _GRPC_OF_HTTP.get(status, _UNKNOWN if status < 500 else INTERNAL)
    if json:
        return orjson.dumps({"code": code, "message": readable(message)})
    return grpc_status(code, message)


def error_from_grpc(code: int, message: str, trailers: Iterable[tuple[str, Any]] | None) -> ConsumeError:
    """Read a gRPC failure the way the OTLP specification tells clients to."""
    delay = _retry_delay(trailers or ())
    text = readable(f"gRPC status {code}: {message}")
    if code in _RETRYABLE_GRPC or (code == RESOURCE_EXHAUSTED and delay is not None):
        return RetryableError(text, retry_after=delay or 0.0)
    return PermanentError(text)


def error_from_http(status: int, headers: Mapping[str, str], body: bytes) -> ConsumeError | None:
    """Read an HTTP answer the way the OTLP specification tells clients to; None for success.

    Args:
        status: the status code.
        headers: looked up by the names of RFC 9110, so let them ignore case.
        body: as much of it as was read, not compressed.
    """
    if 200 <= status < 300:
        return None
    text = f"HTTP {status}: {_message(headers, body)}".removesuffix(": ")
    if 300 <= status < 400:
        text += f" (redirects are not followed; the server points to {headers.get('Location', 'nowhere')})"
    if status in _RETRYABLE_HTTP:
        return RetryableError(readable(text), retry_after=retry_after_seconds(headers.get("Retry-After", "")))
    return PermanentError(readable(text))


def retry_after_seconds(value: str, now: float | None = None) -> float:
    """RFC 9110, 10.2.3: seconds or a date; 0 for what is neither or in the past, and never more than a day.

    Args:
        value: the header.
        now: seconds since the Unix epoch, which a date is compared with.
    """
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    seconds = date.timestamp() - (time.time() if now is None else now)
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _retry_delay(trailers: Iterable[tuple[str, Any]]) -> float | None:
    """Return what RetryInfo asks for; None where there is none, or none that can be read."""
    info = RetryInfo()
    for key, value in trailers:
        if key != DETAILS:
            continue
        try:
            if any(detail.Unpack(info) for detail in Status.FromString(value).details):
                delay = float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
                return min(max(delay, 0.0), LONGEST_RETRY_AFTER)
        except DecodeError:
            return None
    return None


def _message(headers: Mapping[str, str], body: bytes) -> str:
    """Return what a Status says, in whichever encoding it came, or the start of a text."""
    kind = media_type(headers)
    try:
        if kind == PROTOBUF:
            return str(Status.FromString(body).message)
        if kind == JSON:
            parsed = orjson.loads(body)
            return str(parsed.get("message", "")) if isinstance(parsed, dict) else ""
    except (DecodeError, orjson.JSONDecodeError):
        return ""
    return body[:200].decode(errors="replace").strip() if kind == "text/plain" else ""


def media_type(headers: Mapping[str, str]) -> str:
    """Return the Content-Type in lower case, without parameters; empty if there is none."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
