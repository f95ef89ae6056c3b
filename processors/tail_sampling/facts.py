"""What is known of the spans of a trace without a second look at them: read when they come, and added up.

Policies ask for it when it is time to decide.  By then the spans have left the processor's cache, and to look at them
costs more than all else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from collector.wire.projection import EVERY, VALUE, Merged, project
from processors.tail_sampling.reading import Reading

Facts: TypeAlias = tuple[int, int, int, int]
"""Of some spans of one trace: the first start and the last end, in nanoseconds, 0 for none; which status codes there
are, each as the bit of its number; and what is mentioned, each as the bit of its place among all that is sought."""
NO_FACTS: Facts = (0, 0, 0, 0)

# OTLP, Status.StatusCode
UNSET = 0
_MOST_CODE = 2
_FLAGS = 6
"""Bytes of the only field that known encoders write behind the status, whose code they write last."""
_ENOUGH = 16
"""Bytes of the end of a text by which it is searched for: longer ones are slower to find."""
_CODES: Any = project(ScopeSpans, {"spans": {"status": {"code": VALUE}}})
_STATES: Any = project(ScopeSpans, {"spans": Merged({"trace_state": EVERY})})


class Stretches(NamedTuple):
    """Records of a request, each stretch of one trace and one place."""

    first_records: Sequence[int]
    """The number of the first record of each."""
    begins: Sequence[int]
    """Where each begins in the request."""
    records: Sequence[bytes]
    """The bytes of each."""
    record_ends: Sequence[int]
    """Where each record ends in the request."""


class Sought(NamedTuple):
    """A text that is looked for in every span that comes."""

    text: bytes
    in_state: bool = False
    """Whether only in its trace state, and not in all of its bytes."""


def facts_of(wire: bytes, reading: Reading, stretches: Stretches, sought: Sequence[Sought]) -> Iterable[Facts]:
    """Return the facts on each stretch of the spans of a request.

    Args:
        wire: the request.
        reading: of all spans.
        stretches: where they stand.
        sought: what to look for.
    """
    begins, ends = stretches.first_records, [*stretches.first_records[1:], len(reading.starts)]
    return zip(
        _all(min, reading.starts, begins, ends),
        _all(max, reading.ends, begins, ends),
        _codes(wire, reading.codes, stretches),
        _mentions(wire, reading.states, stretches, sought),
        strict=True,
    )


def _all(
    of: Callable[[Iterable[int]], int], times: Sequence[int], begins: Sequence[int], ends: Sequence[int]
) -> Sequence[int]:
    """Return the first or the last time of each stretch; a time of 0 is none."""
    if 0 in times:
        return [of([*filter(None, times[begin:end])] or [0]) for begin, end in zip(begins, ends, strict=True)]
    return [of(times[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def _codes(wire: bytes, written: Sequence[int], stretches: Stretches) -> Sequence[int]:
    """Return which status codes the spans of each stretch have, given all that are written in any of them."""
    codes = [1 << UNSET] * len(stretches.records)
    there_are = [code for code in written if code != UNSET]
    if not there_are:
        return codes
    known: dict[int, tuple[int, int]] = {}
    for behind in (1, 1 + _FLAGS):
        for place in _with_code(wire, set(there_are), behind, stretches):
            known[place] = _codes_in(stretches.records[place])
        if sum([number for _, number in known.values()]) == len(there_are):
            break
    else:  # some are written in another way, or twice
        return [_codes_in(spans)[0] for spans in stretches.records]
    for place, (mask, _) in known.items():
        codes[place] = mask
    return codes


def _with_code(wire: bytes, codes: Iterable[int], behind: int, stretches: Stretches) -> Iterable[int]:
    """Return the stretches with spans that have one of these codes so many bytes before their end, or seem to."""
    bytes_there = bytes([wire[end - behind] for end in stretches.record_ends])
    spans: list[int] = []
    for code in codes:
        if UNSET < code <= _MOST_CODE:
            spans += [match.start() for match in re.finditer(b"%c" % code, bytes_there)]
    return {bisect_right(stretches.first_records, span) - 1 for span in spans}


def _codes_in(spans: bytes) -> tuple[int, int]:
    """Return which codes there are, each as the bit of its number, and how many spans have one."""
    codes = [span.status.code for span in _CODES.FromString(spans).spans]
    mask = sum([1 << code for code in set(codes) if UNSET <= code <= _MOST_CODE])
    return mask, len(codes) - codes.count(UNSET)


def _mentions(wire: bytes, states: Sequence[bytes], stretches: Stretches, sought: Sequence[Sought]) -> Sequence[int]:
    mentions = [0] * len(stretches.records)
    for place, (text, in_state) in enumerate(sought):
        if in_state and not any(text in state for state in states):
            continue
        for stretch in _with_text(wire, text, stretches):
            if not in_state or _has_state(stretches.records[stretch], text):
                mentions[stretch] |= 1 << place
    return mentions


def _with_text(wire: bytes, text: bytes, stretches: Stretches) -> Iterator[int]:
    """Yield the stretches in whose bytes a text stands, and maybe some others."""
    begins, last = stretches.begins, len(stretches.begins) - 1
    ending = text[-_ENOUGH:]
    before = len(text) - len(ending)
    at = wire.find(ending, begins[0])
    while at >= 0:
        if before and not wire.startswith(text, max(at - before, 0)):
            at = wire.find(ending, at + 1)
            continue
        stretch = bisect_right(begins, at) - 1
        yield stretch
        if stretch == last:
            break
        at = wire.find(ending, begins[stretch + 1])


def _has_state(spans: bytes, text: bytes) -> bool:
    return any(text in state for state in _STATES.FromString(spans).spans.trace_state)
