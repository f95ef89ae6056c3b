"""What is looked at in every span of a request, read for all of them at once, when they come.

To parse one message for each span costs more than all that is then done with it.  So the spans are joined to one
message, with a mark between every two that nobody outside can have written: it shows which of what was read belongs to
which span.  And what was just received is in the processor's cache; when it is time to decide, it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import randbits, token_bytes
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from collector.wire.projection import EVERY, VALUE, Merged, project

_ALL_AT_ONCE: Any = project(
    Span,
    {
        "trace_id": EVERY,
        "trace_state": EVERY,
        "start_time_unix_nano": EVERY,
        "end_time_unix_nano": EVERY,
        "status": Merged({"code": EVERY}),
    },
)
_ONE_BY_ONE: Any = project(
    ScopeSpans,
    {
        "spans": {
            "trace_id": VALUE,
            "trace_state": VALUE,
            "start_time_unix_nano": VALUE,
            "end_time_unix_nano": VALUE,
            "status": {"code": VALUE},
        }
    },
)
_ID, _STATE = token_bytes(16), token_bytes(16).hex()
_TIME = randbits(63) | 1 << 63  # as long as every other one, and beyond the year 2262
_CODE: Any = randbits(30) | 1 << 30
_MARK = Span(
    trace_id=_ID,
    trace_state=_STATE,
    start_time_unix_nano=_TIME,
    end_time_unix_nano=_TIME,
    status=Status(code=_CODE),
).SerializeToString()


class Reading(NamedTuple):
    """Of each of some spans."""

    trace_ids: Sequence[bytes]
    """Whatever stands there, which may be no id."""
    starts: Sequence[int]
    """Nanoseconds; 0 for none."""
    ends: Sequence[int]
    codes: Mapping[int, int]
    """The status codes that are written, by the place of their span."""
    states: Mapping[int, bytes]
    """The trace states that are written, by the place of their span."""


def read(spans: Sequence[bytes], wire: bytes) -> Reading:
    """Read spans.

    Args:
        spans: each a serialised `Span`.
        wire: the same as a serialised `ScopeSpans`.
    """
    return _all_at_once(spans) or _one_by_one(wire)


def _all_at_once(spans: Sequence[bytes]) -> Reading | None:
    """Return None unless every span has one id, one start and one end, as every known encoder writes them."""
    seen = _ALL_AT_ONCE.FromString(_MARK.join(spans))
    marks = len(spans) - 1
    ids = _one_each(seen.trace_id[:], _ID, marks)
    starts = _one_each(seen.start_time_unix_nano[:], _TIME, marks)
    ends = _one_each(seen.end_time_unix_nano[:], _TIME, marks)
    codes = _by_place(seen.status.code, _CODE, marks)
    states = _by_place(seen.trace_state, _STATE.encode(), marks)
    if ids is None or starts is None or ends is None or codes is None or states is None:
        return None
    return Reading(ids, starts, ends, codes, states)


def _one_each(written: Sequence[Any], mark: object, marks: int) -> Sequence[Any] | None:
    """Return what stands between marks, if there is one each."""
    is_alternating = len(written) == 2 * marks + 1 and written[1::2].count(mark) == marks
    return written[::2] if is_alternating else None


def _by_place(written: Any, mark: object, marks: int) -> Mapping[int, Any] | None:
    """Return what stands between marks, of several the last one, which counts; None if there are other marks."""
    if len(written) == marks:
        return {}
    found, place = {}, 0
    for each in written[:]:
        if each == mark:
            place += 1
        else:
            found[place] = each
    return found if place == marks else None


def _one_by_one(wire: bytes) -> Reading:
    spans = _ONE_BY_ONE.FromString(wire).spans
    return Reading(
        [span.trace_id for span in spans],
        [span.start_time_unix_nano for span in spans],
        [span.end_time_unix_nano for span in spans],
        {place: span.status.code for place, span in enumerate(spans) if span.status.code},
        {place: span.trace_state for place, span in enumerate(spans) if span.trace_state},
    )
