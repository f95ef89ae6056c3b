"""What is looked at in every span of a request, read for all of them at once, when they come.

To parse one message for each span costs more than all that is then done with it, and what was just received is in the
processor's cache; when it is time to decide, it is not.  So all spans are read as if they were one, of which every
field is a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.wire.projection import EVERY, REQUIRED, VALUE, Merged, project


def _of_spans(spec: Any) -> Any:
    return project(ExportTraceServiceRequest, {"resource_spans": {"scope_spans": {"spans": spec}}})


_ALL_AS_ONE: Any = project(
    ExportTraceServiceRequest,
    {
        "resource_spans": Merged(
            {
                "scope_spans": Merged(
                    {
                        "spans": Merged(
                            {
                                "trace_id": EVERY,
                                "trace_state": EVERY,
                                "start_time_unix_nano": EVERY,
                                "end_time_unix_nano": EVERY,
                                "status": Merged({"code": EVERY}),
                            }
                        )
                    }
                )
            }
        )
    },
)
_EXPECTED = ("trace_id", "start_time_unix_nano", "end_time_unix_nano")
_COMPLETE = _of_spans(dict.fromkeys(_EXPECTED, REQUIRED))
_ONE_BY_ONE = _of_spans(dict.fromkeys(_EXPECTED, VALUE))


class Reading(NamedTuple):
    """Of all spans of a request."""

    trace_ids: Sequence[bytes]
    """Of each, whatever stands there, which may be no id."""
    starts: Sequence[int]
    """Of each, nanoseconds; 0 for none."""
    ends: Sequence[int]
    codes: Sequence[int]
    """The status codes that stand anywhere: more than there are if a span has two, of which the last one counts."""
    states: Sequence[bytes]
    """The trace states."""


def read(wire: bytes, spans: int) -> Reading:
    """Read a request of so many spans.

    Raises:
        google.protobuf.message.DecodeError: it is not OTLP.
    """
    seen = _ALL_AS_ONE.FromString(wire).resource_spans.scope_spans.spans
    ids, starts, ends = seen.trace_id[:], seen.start_time_unix_nano[:], seen.end_time_unix_nano[:]
    # if each of n spans has one, and there are n, then each has its own
    if not (len(ids) == len(starts) == len(ends) == spans and _COMPLETE.FromString(wire).IsInitialized()):
        each = [
            span
            for resource in _ONE_BY_ONE.FromString(wire).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        ids = [span.trace_id for span in each]
        starts = [span.start_time_unix_nano for span in each]
        ends = [span.end_time_unix_nano for span in each]
    return Reading(ids, starts, ends, seen.status.code[:], seen.trace_state[:])
