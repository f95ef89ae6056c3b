"""A trace as policies see it: the bytes of its spans, of which each policy decodes what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1 import trace_pb2

from collector.api import Resource, Scope, Span
from collector.records.views import RESOURCE, SCOPE
from collector.wire.projection import VALUE, project
from processors.tail_sampling.facts import Facts
from processors.tail_sampling.framing import records_in

_HEAD: Any = project(trace_pb2.ScopeSpans, {"spans": {"parent_span_id": VALUE, "trace_state": VALUE, "flags": VALUE}})
_RESOURCE: Any = project(trace_pb2.ResourceSpans, {"resource": RESOURCE})
_SCOPE: Any = project(trace_pb2.ScopeSpans, {"scope": SCOPE})


class Origin:
    """Where spans stood in their request.  Equal ones are one object, which goes when the last trace lets go of it."""

    __slots__ = ("__weakref__", "metadata", "request", "resource", "scope")

    def __init__(self, metadata: Mapping[str, str], resource: bytes, scope: bytes, request: bytes = b"") -> None:
        self.metadata = metadata
        """That of the request."""
        self.resource = resource
        """A serialised `ResourceSpans` without its `scope_spans`: resource and schema URL."""
        self.scope = scope
        """A serialised `ScopeSpans` without its `spans`."""
        self.request = request
        """What the request has besides resources: nothing, in OTLP as it is known."""


class Part(NamedTuple):
    """Spans of one trace that came from one place."""

    origin: Origin
    wire: bytes
    """As they stand in a `ScopeSpans`."""
    items: int
    """How many there are."""

    @property
    def spans(self) -> Sequence[bytes]:
        """Each a serialised `Span`."""
        return records_in(self.wire)


class _Place(NamedTuple):
    """Where spans stood that came after others."""

    origin: Origin
    chunk: int
    """The place of the first of them in `Trace.chunks`."""
    span: int
    """How many spans came before."""


class _Read:
    """The spans of a trace, read as far as somebody has asked for them."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire

    @cached_property
    def spans(self) -> Sequence[bytes]:
        return records_in(self.wire)

    @cached_property
    def heads(self) -> Sequence[Any]:
        return list(_HEAD.FromString(self.wire).spans)


class Trace:
    """What is known of one trace at the moment of a decision.

    What was not read when its spans came is looked up if asked for, and what several policies ask for once.
    """

    __slots__ = (
        "_read",
        "chunks",
        "codes",
        "first",
        "last",
        "mentions",
        "origin",
        "others",
        "size",
        "span_count",
        "trace_id",
    )

    def __init__(self, trace_id: bytes, origin: Origin, wire: bytes, count: int, facts: Facts) -> None:
        """Args:
        trace_id: 16 bytes.
        origin: where these spans stood.
        wire: spans as they stand in a `ScopeSpans`.
        count: how many there are.
        facts: what is known of them.
        """
        self.trace_id = trace_id
        """16 bytes."""
        self.origin = origin
        """Where the first of its spans stood."""
        self.chunks = [wire]
        """The spans as they stand in a `ScopeSpans`, those that came together in one."""
        self.span_count = count
        self.size = len(wire)
        """Bytes of all spans, with their tags and lengths."""
        self.others: list[_Place] | None = None
        """Where spans stood that came later; None for nowhere else."""
        self.first, self.last, self.codes, self.mentions = facts
        """As in `Facts`."""
        self._read: _Read | None = None

    def add(self, origin: Origin, wire: bytes, count: int, facts: Facts) -> None:
        """Take over spans of the same trace that came together; nobody may have looked at it before."""
        if self.others is None:
            if origin is not self.origin:
                self.others = [_Place(origin, len(self.chunks), self.span_count)]
        elif origin is not self.others[-1].origin:
            self.others.append(_Place(origin, len(self.chunks), self.span_count))
        self.chunks.append(wire)
        self.span_count += count
        self.size += len(wire)
        first, last, codes, mentions = facts
        if first < self.first or not self.first:
            self.first = first or self.first
        self.last = max(self.last, last)
        self.codes |= codes
        self.mentions |= mentions

    @property
    def parts(self) -> Sequence[Part]:
        """The spans with their origins, each origin once, in the order in which they first came."""
        if self.others is None:
            return [Part(self.origin, self.wire, self.span_count)]
        together: dict[Origin, list[Part]] = {}
        for part in self._in_order():
            together.setdefault(part.origin, []).append(part)
        return [
            Part(origin, b"".join([part.wire for part in parts]), sum([part.items for part in parts]))
            for origin, parts in together.items()
        ]

    @property
    def origins(self) -> Sequence[Origin]:
        """Where its spans stood."""
        return [self.origin] if self.others is None else [self.origin, *[place.origin for place in self.others]]

    @property
    def wire(self) -> bytes:
        """All spans as they stand in a `ScopeSpans`: to search for keys and texts that must be there, too."""
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def raws(self) -> Sequence[bytes]:
        """Every span as its bytes."""
        return self._reading.spans

    @property
    def heads(self) -> Sequence[Any]:
        """Every span as a message of its parent, flags and trace state."""
        return self._reading.heads

    @property
    def duration(self) -> int:
        """Nanoseconds from the first start to the last end; negative if clocks disagree.  A time of 0 is none."""
        return self.last - self.first if self.first and self.last else 0

    def has_status(self, code: int) -> bool:
        """Say whether some span has this status code: 0, 1 or 2."""
        return bool(self.codes >> code & 1)

    def trace_states(self, mentioning: bytes) -> Iterator[bytes]:
        """Yield the trace state of every span that has one which mentions this text."""
        if self.wire.find(mentioning) >= 0:
            for head in self.heads:
                if mentioning in head.trace_state:
                    yield head.trace_state

    @property
    def root(self) -> Span | None:
        """The first span without a parent, or with one that is all zero; None if it has not come."""
        for part in self._in_order():
            for place, head in enumerate(_HEAD.FromString(part.wire).spans):
                if not any(head.parent_span_id):
                    return next(_spans_of(part.origin, [part.spans[place]]))
        return None

    def forget(self) -> None:
        """Let go of the spans."""
        self.chunks = []
        self.span_count = 0
        self._read = None

    def _in_order(self) -> Iterator[Part]:
        """Yield spans that came one after the other from one place; the same place may come again."""
        places = [_Place(self.origin, 0, 0), *(self.others or ())]
        for place, end in zip(
            places, [*places[1:], _Place(self.origin, len(self.chunks), self.span_count)], strict=True
        ):
            wire = b"".join(self.chunks[place.chunk : end.chunk])
            yield Part(place.origin, wire, end.span - place.span)

    @property
    def _reading(self) -> _Read:
        reading = self._read
        if reading is None:
            reading = self._read = _Read(self.wire)
        return reading

    def resources(self, wanted: Callable[[bytes], bool] = bool) -> Iterator[Resource]:
        """Yield every resource to be read, equal ones once.

        Args:
            wanted: says of a serialised `ResourceSpans` with nothing but its resource whether to yield that.
        """
        for resource in {origin.resource for origin in self.origins}:
            if wanted(resource):
                yield read_resource(resource)

    def spans(self, wanted: Callable[[bytes], bool] | None = None) -> Iterator[Span]:
        """Yield every span to be read, with its resource and scope.

        Args:
            wanted: says of a serialised span whether to yield it; all are unless given.
        """
        for part in self.parts:
            raws = part.spans if wanted is None else [*filter(wanted, part.spans)]
            if raws:
                yield from _spans_of(part.origin, raws)


def _spans_of(origin: Origin, raws: Sequence[bytes]) -> Iterator[Span]:
    resource, scope = read_resource(origin.resource), _scope(origin.scope)
    for raw in raws:
        span = Span(raw)
        span.resource, span.scope = resource, scope
        yield span


def read_resource(shell: bytes) -> Resource:
    """Return the resource of an origin."""
    return Resource(message=_RESOURCE.FromString(shell).resource)


def _scope(shell: bytes) -> Scope:
    return Scope(message=_SCOPE.FromString(shell).scope)
