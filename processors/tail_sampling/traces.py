"""Traces on which is decided together: what is known of all of them is asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter

from processors.tail_sampling.facts import Sought
from processors.tail_sampling.trace import Origin, Trace

_chunks = attrgetter("chunks")
_origin = attrgetter("origin")
_others = attrgetter("others")
_NOTHING: Mapping[Sought, int] = {}


class Traces:
    """Some traces, in an order."""

    def __init__(self, traces: Sequence[Trace], sought: Mapping[Sought, int] = _NOTHING) -> None:
        """Args:
        traces: one or more.
        sought: what was looked for when their spans came, each with its bit in `Trace.mentions`.
        """
        self._traces = traces
        self._sought = sought

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._traces)

    def __getitem__(self, place: int) -> Trace:
        return self._traces[place]

    def only(self, places: Iterable[int]) -> Traces:
        """Return those at some places."""
        return Traces([self._traces[place] for place in places], self._sought)

    @cached_property
    def origins(self) -> frozenset[Origin]:
        """Where their spans stood."""
        others = chain.from_iterable(filter(None, map(_others, self._traces)))
        return frozenset([*map(_origin, self._traces), *[place.origin for place in others]])

    @cached_property
    def text(self) -> bytes:
        """The bytes of all spans, to search for what must be there."""
        return b"".join(chain.from_iterable(map(_chunks, self._traces)))

    @property
    def durations(self) -> Sequence[int]:
        """`Trace.duration` of each."""
        return [trace.last - trace.first if trace.first and trace.last else 0 for trace in self._traces]

    def with_status(self, code: int) -> Sequence[int]:
        """Return the places of traces with a span of this status code: 0, 1 or 2."""
        bit = 1 << code
        return [place for place, trace in enumerate(self._traces) if trace.codes & bit]

    def mentioning(self, sought: Sought) -> Sequence[int]:
        """Return the places of traces with a text in a span's bytes, or its trace state, and maybe of others."""
        bit = self._sought.get(sought)
        if bit is not None:
            return [place for place, trace in enumerate(self._traces) if trace.mentions & bit]
        return [place for place, trace in enumerate(self._traces) if trace.wire.find(sought.text) >= 0]
