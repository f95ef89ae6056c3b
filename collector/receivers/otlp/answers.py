"""What an error means to the sender: the one table of OTLP's answers, for both protocols."""

from __future__ import annotations

from typing import NamedTuple

from collector.errors import DropReason, PermanentError, RefusalReason, RetryableError, UnauthenticatedError
from collector.net import otlp_status as code
from collector.net.bad_input import BadInput, TooLarge, UnsupportedEncoding

_THROTTLED = frozenset({RefusalReason.QUEUE_FULL, RefusalReason.RATE_LIMIT})


class Answer(NamedTuple):
    http: int
    grpc: int
    reason: RefusalReason
    """Under which a request is counted that the receiver refuses."""


BUG = Answer(500, code.INTERNAL, RefusalReason.INTERNAL)
_SLOW = Answer(408, code.DEADLINE_EXCEEDED, RefusalReason.BAD_DATA)
_UNAUTHENTICATED = Answer(401, code.UNAUTHENTICATED, RefusalReason.AUTH)


def answer_to(error: Exception) -> Answer:
    """Return the answer to a request that failed with `error`; to an error that nobody foresaw, `BUG`."""
    match error:
        case BadInput():
            return _to_bad_input(error)
        case TimeoutError():
            return _SLOW
        case UnauthenticatedError():
            return _UNAUTHENTICATED
        case RetryableError():
            return _to_refusal(error)
        case PermanentError() if error.reason is not DropReason.PLUGIN_ERROR:
            # OTLP specification, "Bad Data": nobody should send it again as it is
            return Answer(400, code.INVALID_ARGUMENT, RefusalReason.DOWNSTREAM)
    return BUG


def _to_bad_input(error: BadInput) -> Answer:
    match error:
        case TooLarge():
            # without RetryInfo this is not sent again
            return Answer(413, code.RESOURCE_EXHAUSTED, RefusalReason.TOO_LARGE)
        case UnsupportedEncoding():
            return Answer(415, code.UNIMPLEMENTED, RefusalReason.BAD_DATA)
    return Answer(400, code.INVALID_ARGUMENT, RefusalReason.BAD_DATA)


def _to_refusal(error: RetryableError) -> Answer:
    # OTLP specification, "OTLP/gRPC Throttling" and "OTLP/HTTP Throttling": both say when to come back
    if error.reason in _THROTTLED:
        return Answer(429, code.RESOURCE_EXHAUSTED, error.reason)
    return Answer(503, code.UNAVAILABLE, error.reason)


def shutting_down() -> RetryableError:
    """What a request meets that comes too late."""
    return RetryableError("shutting down", retry_after=1.0, reason=RefusalReason.SHUTTING_DOWN)
