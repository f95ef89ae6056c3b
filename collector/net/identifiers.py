"""Find spans whose ids are not ids, at little cost where all are.

OTLP, trace.proto: a trace_id of other than 16 bytes, a span_id of other than 8, or one that is all zero is invalid, and
both are required.  (For log records they are optional, and an invalid one means that there is none.)
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.wire.projection import VALUE, project

_HEAD = 28
_head = itemgetter(slice(0, _HEAD))
# Half of an id may well be zero: 64-bit trace ids are written with eight zeros before them
_NO_TRACE_ID, _NO_SPAN_ID = b"\n\x10" + bytes(16), b"\x12\x08" + bytes(8)
_TRACE_ID, _SPAN_ID = bytes(16), bytes(8)
# What every known encoder writes first: field 1 with 16 bytes, then field 2 with 8 bytes
_EXPECTED = ((0, b"\n"), (1, b"\x10"), (18, b"\x12"), (19, b"\x08"))
_Ids = project(Span, {"trace_id": VALUE, "span_id": VALUE})


def have_ids_first(spans: Sequence[bytes], checked: Any) -> bool:
    """Say whether each span begins with its ids, which are valid and there once; other spans may be valid too.

    Args:
        spans: all of a traces request.
        checked: the same request in the class that counts ids.
    """
    ids = checked.resource_spans.scope_spans.spans  # of all spans, merged
    return len(ids.trace_id) == len(ids.span_id) == len(spans) and _all_start_well(spans)


def has_bad_ids(spans: Sequence[bytes]) -> bool:
    """Say whether some span has no valid ids, by reading them one by one."""
    return not all(map(_is_valid, spans))


def without_bad_ids(skeleton: Any) -> tuple[Any, int]:
    """Leave out the spans without valid ids; return the skeleton and how many are left."""
    left = 0
    for resource in skeleton.resource_spans:
        for scope in resource.scope_spans:
            scope.spans[:] = [span for span in scope.spans if _is_valid(span)]
            left += len(scope.spans)
    return skeleton, left


def _all_start_well(spans: Sequence[bytes]) -> bool:
    """True only if all are valid; False may still mean that they are, written in another way."""
    count = len(spans)
    heads = b"".join(map(_head, spans))
    if len(heads) != _HEAD * count or _NO_TRACE_ID in heads or _NO_SPAN_ID in heads:
        return False
    return all(heads[offset::_HEAD] == expected * count for offset, expected in _EXPECTED)


def _is_valid(span: bytes) -> bool:
    if len(span) < _HEAD:  # too short for both
        return False
    ids: Any = _Ids.FromString(span)
    return len(ids.trace_id) == 16 and len(ids.span_id) == 8 and ids.trace_id != _TRACE_ID and ids.span_id != _SPAN_ID
