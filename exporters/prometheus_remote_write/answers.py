"""What a receiver's answer to one request means.  No sockets here.

Remote-Write specification 1.0 and 2.0, "Response", "Retries & Backoff".  429 is retried, which both leave to the
sender; so is 408, by which a proxy says that it has lost patience.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from collector.errors import DropReason
from collector.net.http_client import HttpAnswer
from collector.net.otlp_status import media_type, readable, retry_after_seconds
from exporters.prometheus_remote_write.series import Request

_SOUNDS_OUT_OF_ORDER = re.compile(
    r"out[ -]of[ -](?:order|bounds)|duplicate[ -](?:sample|timestamp)|too[ -]old", re.IGNORECASE
)
_SOUNDS_LIKE_SOME = re.compile(r"series|sample|label|metric|histogram|exemplar|limit", re.IGNORECASE)
_NOT_NATIVE = re.compile(r"native histograms are disabled", re.IGNORECASE)
"""Prometheus up to 3.7 says so with a 500, and means it until it is started anew with another flag."""
_TO_SOME_OF_IT = frozenset({400, 409, 413, 422})
"""What receivers answer when they do not want some of a request: Thanos says 409, where Prometheus says 400."""
_CONFLICT, _TOO_LARGE, _UNSUPPORTED = 409, 413, 415
_LONGEST_TEXT = 512
_HINTS = {
    401: "the receiver does not know who sends: see `auth` and `headers`",
    403: "the receiver does not let this sender write: see `auth` and `headers`",
    404: "is `endpoint` right, and does the receiver take remote writes?",
    405: "is `endpoint` right, and does the receiver take remote writes?",
}


class Meaning(enum.Enum):
    WRITTEN = enum.auto()
    """What was sent is there, but for what `Verdict.lost` says."""
    LATER = enum.auto()
    """The same request may be taken later."""
    OTHER_VERSION = enum.auto()
    """The receiver does not understand this version of the protocol, and has written nothing."""
    SOME_OF_IT = enum.auto()
    """Something in it is not wanted, and that may have cost all of it."""
    NOT_NATIVE = enum.auto()
    """The receiver takes no native histograms, and has written nothing."""
    NEVER = enum.auto()
    """It is not about what is in it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    meaning: Meaning
    message: str = ""
    """For the log."""
    reason: DropReason = DropReason.REJECTED_PERMANENT
    """Why what is lost is lost."""
    lost: int = 0
    """Items that were not written, of a request that was written otherwise."""
    retry_after: float = 0.0
    """Seconds."""
    is_about_data: bool = False
    """Whether the receiver names series, samples or the like: it is worth looking for those that it means."""

    @property
    def is_too_large(self) -> bool:
        return self.reason is DropReason.LIMIT_ITEM


class Written(NamedTuple):
    """The headers X-Prometheus-Remote-Write-*-Written."""

    samples: int
    histograms: int

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Written | None:
        """Return what was written; None where nothing says so.

        Remote-Write 2.0, "Required Written Response Headers": of what is not mentioned, nothing was written.
        """
        counts = [_count(headers.get(f"X-Prometheus-Remote-Write-{what}-Written", "")) for what in _COUNTED]
        if all(count is None for count in counts):
            return None
        samples, histograms, _ = (count or 0 for count in counts)
        return cls(samples, histograms)

    def lost(self, request: Request) -> int:
        """Return how many items of `request` are not there, and never too few.

        Receivers say how many samples they wrote, not which.  A data point is lost when any of its samples is, and a
        histogram has many: each sample that is missing is taken for one of another data point, as long as there are
        any.  That is exact where a data point is one sample.
        """
        missing = max(request.samples - self.samples, 0) + max(request.histograms - self.histograms, 0)
        return min(missing, request.items)


_COUNTED = ("Samples", "Histograms", "Exemplars")


def _count(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def read(answer: HttpAnswer, request: Request, *, is_v2: bool, now: float) -> Verdict:
    """Say what `answer` means for `request`.

    Args:
        answer: what came back.
        request: what was sent.
        is_v2: whether it was sent in protocol 2.0.
        now: seconds since the Unix epoch, which a date in Retry-After is compared with.
    """
    status, headers = answer.status, answer.headers
    message = _message(answer)
    written = Written.of(headers) if is_v2 else None
    if 200 <= status < 300:
        return _success(request, written, message, is_v2=is_v2)
    if status in {408, 429} or status >= 500:
        return _failure(answer, request, message, now)
    if is_v2 and status == _UNSUPPORTED:
        return Verdict(Meaning.OTHER_VERSION, message)
    if written and status in _TO_SOME_OF_IT and status != _TOO_LARGE:
        return Verdict(Meaning.WRITTEN, message, _reason(status, answer.body), written.lost(request))
    if status in _TO_SOME_OF_IT and media_type(headers) != "text/html":
        about_data = status in {_CONFLICT, _TOO_LARGE} or bool(_SOUNDS_LIKE_SOME.search(_text(answer.body)))
        return Verdict(Meaning.SOME_OF_IT, message, _reason(status, answer.body, whole=True), is_about_data=about_data)
    return Verdict(Meaning.NEVER, message)


def _failure(answer: HttpAnswer, request: Request, message: str, now: float) -> Verdict:
    """Read an answer that says that the receiver is not able to."""
    if answer.status >= 500 and _NOT_NATIVE.search(_text(answer.body)) and request.histograms:
        text = f"{message}; Prometheus has them if it is started with --enable-feature=native-histograms"
        return Verdict(Meaning.NOT_NATIVE, text, DropReason.UNSUPPORTED)
    return Verdict(Meaning.LATER, message, retry_after=retry_after_seconds(answer.headers.get("Retry-After", ""), now))


def _success(request: Request, written: Written | None, message: str, *, is_v2: bool) -> Verdict:
    """Read the headers of an answer that says that all is well."""
    if not is_v2:
        return Verdict(Meaning.WRITTEN, message)
    if written is None:
        # Remote-Write 2.0, "Required Written Response Headers": as if it were 415
        return Verdict(Meaning.OTHER_VERSION, "the receiver does not say what it has written")
    text = f"{message}, but less was written than was sent"
    return Verdict(Meaning.WRITTEN, text, DropReason.PARTIAL_SUCCESS, written.lost(request))


def _reason(status: int, body: bytes, *, whole: bool = False) -> DropReason:
    """Say why something is lost.

    Remote-Write 2.0 asks senders not to act on what an error says.  It is only told apart here, for those who have to
    find out what to do about it.
    """
    if status == _TOO_LARGE:
        return DropReason.LIMIT_ITEM
    if status == _CONFLICT or _SOUNDS_OUT_OF_ORDER.search(_text(body)):
        return DropReason.OUT_OF_ORDER
    return DropReason.REJECTED_PERMANENT if whole else DropReason.PARTIAL_SUCCESS


def _message(answer: HttpAnswer) -> str:
    if 200 <= answer.status < 300:
        return f"HTTP {answer.status}"
    parts = [f"HTTP {answer.status}", _shown(answer)]
    if 300 <= answer.status < 400:
        parts.append(f"redirects are not followed; the receiver points to {answer.headers.get('Location', 'nowhere')}")
    parts.append(_HINTS.get(answer.status, ""))
    return readable(": ".join(part for part in parts if part))


def _shown(answer: HttpAnswer) -> str:
    if media_type(answer.headers) == "text/html":
        return "a page in HTML"
    return _text(answer.body[: 4 * _LONGEST_TEXT]).strip()[:_LONGEST_TEXT]


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
