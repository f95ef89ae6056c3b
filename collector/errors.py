"""The words components use to say what went wrong.

There are two questions a caller can act on: is the configuration wrong, and would sending the same data again help?
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Self


class DropReason(enum.StrEnum):
    """Why items that were accepted will never be sent.  A closed list: dashboards and alerts depend on it."""

    FILTERED = "filtered"
    """A processor was configured to leave them out."""
    SAMPLED_OUT = "sampled_out"
    QUEUE_FULL = "queue_full"
    """There was no room, and the sender had already been told that they were accepted."""
    RETRY_EXHAUSTED = "retry_exhausted"
    """The backend refused for longer than `retry_on_failure.max_elapsed_time`."""
    REJECTED_PERMANENT = "rejected_permanent"
    """The backend said that it will never take them."""
    PARTIAL_SUCCESS = "partial_success"
    """The backend took the request and rejected these of its items."""
    PLUGIN_ERROR = "plugin_error"
    """A component raised something that it should not have."""
    LIMIT_ITEM = "limit_item"
    """One item was larger than anything downstream can carry."""
    SHUTDOWN_DEADLINE = "shutdown_deadline"
    """Still held when the drain timeout ended."""
    DEAD_LETTER = "dead_letter"
    """The backend rejected them for good; they were put where rejected ones go, with the reason."""
    UNSUPPORTED = "unsupported"
    """The backend's format cannot hold them."""
    OUT_OF_ORDER = "out_of_order"
    """The backend already has something newer, or something else of the same time."""
    SENDER_GONE = "sender_gone"
    """Their sender, who had to wait for the backend or for room in its queue, hung up before."""


class RefusalReason(enum.StrEnum):
    """Why a request was not accepted.  A closed list."""

    MEMORY = "memory"
    QUEUE_FULL = "queue_full"
    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    TOO_LARGE = "too_large"
    BAD_DATA = "bad_data"
    SHUTTING_DOWN = "shutting_down"
    DOWNSTREAM = "downstream"
    """Without a sending queue the backend's own refusal is the answer."""
    INTERNAL = "internal"
    """A bug of the receiver; the log has its traceback."""


class ConfigError(Exception):
    """The configuration cannot be run.  Raised before anything starts.

    `str()` is one line per mistake, each with the file, the line and the full path where they are known.
    """

    @classmethod
    def of(cls, mistakes: Iterable[object]) -> Self:
        """Make one error of many, in the order of their places."""
        return cls("\n".join(sorted({line for mistake in mistakes for line in str(mistake).splitlines()}, key=_place)))


_PLACE = re.compile(r"(.*?):(\d+): ")


def _place(mistake: str) -> tuple[str, int, str]:
    place = _PLACE.match(mistake)
    return (place[1], int(place[2]), mistake) if place else ("\x7f", 0, mistake)


class StartError(Exception):
    """A component could not start: its port is taken, its file cannot be opened.  `str()` says which and why."""


LONGEST_RETRY_AFTER = 86_400.0
"""Seconds; whoever asks for more than a day is not believed."""


class ConsumeError(Exception):
    """A batch was not accepted."""


class PermanentError(ConsumeError):
    """Sending the same data again will fail the same way."""

    def __init__(self, message: str, *, reason: DropReason = DropReason.REJECTED_PERMANENT) -> None:
        super().__init__(message)
        self.reason = reason


class RetryableError(ConsumeError):
    """The same data may be accepted later, not before `retry_after` seconds.

    Whatever a component was told to wait becomes a number that can be waited for: 0 for None, for what is negative and
    for NaN, and never more than a day.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = 0.0,
        reason: RefusalReason = RefusalReason.DOWNSTREAM,
    ) -> None:
        super().__init__(message)
        self.retry_after = min(max(0.0, float(retry_after or 0.0)), LONGEST_RETRY_AFTER)
        self.reason = reason


class UnauthenticatedError(PermanentError):
    """The sender did not say who it is in a way that is believed: HTTP 401, gRPC UNAUTHENTICATED."""

    def __init__(self, message: str, *, challenge: str = "Bearer") -> None:
        super().__init__(message)
        self.challenge = challenge
        """What HTTP says in WWW-Authenticate."""
