"""How much of a batch is there several times once it is documents: each has what its resource and its scope say.

Without a bound, a request of four megabytes, one of which is an attribute of its resource, becomes gigabytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.batch import Signal
from exporters.elasticsearch.mapping.points import series
from exporters.elasticsearch.projections import Run

MOST_COPIED = 256 << 20
"""Bytes that resources and scopes may come to in the documents of one batch: 8192 records of 32 KiB each, where a large
resource has 2 KiB."""
_LARGE = 16 << 10
"""Bytes of a resource and a scope from which it is looked how many events, which are documents too, a span has."""


class Copies:
    """Counts the copies of one batch."""

    def __init__(self, signal: Signal, most: int = MOST_COPIED, large: int = _LARGE) -> None:
        self._signal = signal
        self._left = most
        self._large = large

    def bounded(self, run: Run) -> tuple[Run, int]:
        """Return a run with as many of its records as there is room for, and how many items that leaves out.

        Of spans and log records it costs nothing for each unless their resource is large, or there is no room.  Each
        data point may be a document of its own, with the name of its metric; of a run of metrics, all or none are left
        out.
        """
        each = sum(map(len, run.source))
        if self._signal is Signal.METRICS:
            return self._bounded_metrics(run, each)
        copies: Sequence[int] = range(1, len(run.records) + 1)
        if each >= self._large and self._signal is Signal.TRACES:
            copies = list(accumulate(1 + len(Span.FromString(record).events) for record in run.records))
        if not copies or copies[-1] * each <= self._left:
            self._left -= each * copies[-1] if copies else 0
            return run, 0
        room = bisect_right(copies, self._left // each)
        self._left -= each * copies[room - 1] if room else 0
        return run._replace(records=run.records[:room]), len(run.records) - room

    def _bounded_metrics(self, run: Run, each: int) -> tuple[Run, int]:
        """Costs 1 us for each metric."""
        found = [(metric, len(its.points)) for metric in run.records if (its := series(metric))]
        needed = sum([(each + len(metric.name)) * points for metric, points in found])
        if needed <= self._left:
            self._left -= needed
            return run, 0
        return run._replace(records=()), sum([points for _, points in found])
