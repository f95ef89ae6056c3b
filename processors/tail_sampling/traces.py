"""Traces on which is decided together: what policies look at in each of them is read for all at once.

To parse one message for each trace costs more than all that is then done with it.  So the spans of many traces are
joined to one message, with a mark between every two that nobody outside can have written: it shows which of what was
read belongs to which span.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain
from secrets import randbits
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.wire.projection import EVERY, Merged, project
from processors.tail_sampling.trace import Origin, Trace

_GLANCE: Any = project(
    Span,
    {
        "trace_state": EVERY,
        "start_time_unix_nano": EVERY,
        "end_time_unix_nano": EVERY,
        "status": Merged({"code": EVERY}),
    },
)
_TIME = randbits(63) | 1 << 63  # as long as every other one, and beyond the year 2262
_CODE: Any = randbits(29) | 1 << 29  # Python compares what has no more than 30 bits at a third of the cost
_MARK = Span(start_time_unix_nano=_TIME, end_time_unix_nano=_TIME, status=Status(code=_CODE)).SerializeToString()


class _Times(NamedTuple):
    """Of every span."""

    starts: Sequence[int]
    ends: Sequence[int]


class Traces:
    """Some traces, in an order."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self._traces = traces

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._traces)

    def __getitem__(self, place: int) -> Trace:
        return self._traces[place]

    def only(self, places: Iterable[int]) -> Traces:
        """Return those at some places."""
        return Traces([self._traces[place] for place in places])

    @cached_property
    def origins(self) -> frozenset[Origin]:
        """Where their spans stood."""
        others = [trace.others for trace in self._traces if trace.others]
        return frozenset([*[trace.origin for trace in self._traces], *[origin for _, origin in chain(*others)]])

    @cached_property
    def text(self) -> bytes:
        """The bytes of all spans, and marks between them."""
        return _MARK.join(self._spans)

    @cached_property
    def trace_states(self) -> frozenset[bytes]:
        """All trace states there are, and some that do not count: what is not here is nowhere."""
        return frozenset(self._glance.trace_state)

    @cached_property
    def durations(self) -> Sequence[int]:
        """`Trace.duration` of each."""
        times = self._times
        if times is None:
            return [trace.duration for trace in self._traces]
        starts, ends = times
        durations, begin = [], 0
        for end in self._ends:
            durations.append(max(ends[begin:end]) - min(starts[begin:end]))
            begin = end
        return durations

    def with_status(self, code: int) -> Iterable[int]:
        """Return the places of traces with a span of this status code."""
        codes = self._codes
        if codes is None or not code:
            return [place for place, trace in enumerate(self._traces) if trace.has_status(code)]
        return dict.fromkeys([bisect_right(self._ends, span) for span, found in codes.items() if found == code])

    def mentioning(self, text: bytes) -> Iterable[int]:
        """Return the places of traces with a span in whose bytes a text stands, and maybe of some others."""
        places, at = [], self.text.find(text)
        while at >= 0:
            place = bisect_right(self._offsets, at)
            if place >= len(self._traces):
                break
            places.append(place)
            at = self.text.find(text, self._offsets[place])
        return places

    @cached_property
    def _spans(self) -> Sequence[bytes]:
        return list(chain.from_iterable([trace.raws for trace in self._traces]))

    @cached_property
    def _counts(self) -> Sequence[int]:
        """Of each trace, how many spans it has."""
        return [len(trace.raws) for trace in self._traces]

    @cached_property
    def _ends(self) -> Sequence[int]:
        """Of each trace, how many spans there are up to its last one."""
        return list(accumulate(self._counts))

    @cached_property
    def _offsets(self) -> Sequence[int]:
        """Of each trace, where its bytes end in the text, and the mark behind them."""
        mark = len(_MARK)
        sizes = [trace.size for trace in self._traces]
        return list(accumulate([size + spans * mark for size, spans in zip(sizes, self._counts, strict=True)]))

    @cached_property
    def _glance(self) -> Any:
        return _GLANCE.FromString(self.text)

    @cached_property
    def _times(self) -> _Times | None:
        """None unless every span has one start and one end, as every known encoder writes them."""
        starts = self._one_of_each_span(self._glance.start_time_unix_nano[:])
        ends = self._one_of_each_span(self._glance.end_time_unix_nano[:])
        return _Times(starts, ends) if starts and ends and 0 not in self._counts else None

    def _one_of_each_span(self, times: Sequence[int]) -> Sequence[int] | None:
        """Return times without marks; None unless there is one between every two marks.  A time of 0 is none."""
        marks = len(self._spans) - 1
        if len(times) != 2 * marks + 1 or times[1::2].count(_TIME) != marks:
            return None
        return each if all(each := times[::2]) else None

    @cached_property
    def _codes(self) -> dict[int, int] | None:
        """The status code that is written in each span that has one; None if that cannot be told."""
        written = self._glance.status.code[:]
        codes = [at for at, code in enumerate(written) if code != _CODE]
        if len(written) - len(codes) != len(self._spans) - 1:
            return None
        # before a code there are the marks of all spans before its own; of several codes of a span the last one counts
        return {at - before: written[at] for before, at in enumerate(codes)}
