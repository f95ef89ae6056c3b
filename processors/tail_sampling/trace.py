"""A trace as policies see it: the bytes of its spans, of which each policy decodes what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1 import trace_pb2

from collector.api import Resource, Scope, Span
from collector.records.views import RESOURCE, SCOPE
from collector.wire.projection import EVERY, OPAQUE, VALUE, Merged, project

_HEAD: Any = project(
    trace_pb2.ScopeSpans,
    {
        "spans": {
            "parent_span_id": VALUE,
            "trace_state": VALUE,
            "flags": VALUE,
            "start_time_unix_nano": VALUE,
            "end_time_unix_nano": VALUE,
            "status": {"code": VALUE},
        }
    },
)
_GLANCE: Any = project(
    trace_pb2.Span,
    {
        "trace_state": EVERY,
        "start_time_unix_nano": EVERY,
        "end_time_unix_nano": EVERY,
        "status": Merged({"code": EVERY}),
    },
)
_read_glance = _GLANCE.FromString
_SPANS: Any = project(trace_pb2.ScopeSpans, {"spans": OPAQUE})
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
    """Spans of one trace that came together."""

    origin: Origin
    spans: list[bytes]
    """Each a serialised `Span`."""


class Trace:
    """What is known of one trace at the moment of a decision.

    Everything is looked up if asked for, and what several policies ask for once.
    """

    __slots__ = ("_glance", "_heads", "_text", "origin", "others", "raws", "size", "trace_id")

    def __init__(self, trace_id: bytes, origin: Origin, raws: list[bytes], size: int) -> None:
        """Args:
        trace_id: 16 bytes.
        origin: where these spans stood.
        raws: each a serialised `Span`; more may be added to this list.
        size: their bytes.
        """
        self.trace_id = trace_id
        """16 bytes."""
        self.origin = origin
        """Where the first of its spans stood."""
        self.raws = raws
        """Every span as its bytes."""
        self.size = size
        """Bytes of all spans."""
        self.others: list[tuple[int, Origin]] | None = None
        """Where spans stood that came later, each with the place of the first of them in `raws`; None for nowhere."""
        self._text: bytes | None = None
        self._glance: Any = None
        self._heads: Sequence[Any] | None = None

    def add(self, origin: Origin, raws: Sequence[bytes], size: int) -> None:
        """Take over spans of the same trace that came together; nobody may have looked at it before."""
        if self.others is None:
            if origin is not self.origin:
                self.others = [(len(self.raws), origin)]
        elif origin is not self.others[-1][1]:
            self.others.append((len(self.raws), origin))
        self.raws += raws
        self.size += size

    @property
    def parts(self) -> Sequence[Part]:
        """The spans with their origins, each origin once, in the order in which they first came."""
        if self.others is None:
            return [Part(self.origin, self.raws)]
        by_origin: dict[Origin, list[bytes]] = {}
        starts = [(0, self.origin), *self.others]
        ends = [*[start for start, _ in self.others], len(self.raws)]
        for (start, origin), end in zip(starts, ends, strict=True):
            by_origin.setdefault(origin, []).extend(self.raws[start:end])
        return [Part(origin, raws) for origin, raws in by_origin.items()]

    @property
    def origins(self) -> Sequence[Origin]:
        """Where its spans stood."""
        return [self.origin] if self.others is None else [self.origin, *[origin for _, origin in self.others]]

    @property
    def span_count(self) -> int:
        return len(self.raws)

    @property
    def text(self) -> bytes:
        """The bytes of all spans, one after the other, to search for keys and texts that must be there."""
        text = self._text
        if text is None:
            text = self._text = b"".join(self.raws)
        return text

    @property
    def heads(self) -> Sequence[Any]:
        """Every span as a message of what has no list in it: times, status code, flags, trace state, parent."""
        if self._heads is None:
            self._heads = list(_HEAD.FromString(_SPANS(spans=self.raws).SerializeToString()).spans)
        return self._heads

    @property
    def glance(self) -> Any:
        """All times, status codes and trace states there are, each in one list.

        Messages one after the other are one message.  A span that has a field twice is in it twice, though the last
        one counts, and one that does not have it is not: what is not here is nowhere, what is here may not count.
        """
        glance = self._glance
        if glance is None:
            glance = self._glance = _read_glance(self.text)
        return glance

    @property
    def duration(self) -> int:
        """Nanoseconds from the first start to the last end; negative if clocks disagree.  A time of 0 is none."""
        starts = [head.start_time_unix_nano for head in self.heads if head.start_time_unix_nano]
        ends = [head.end_time_unix_nano for head in self.heads if head.end_time_unix_nano]
        return int(max(ends) - min(starts)) if starts and ends else 0

    def longest_duration(self) -> int:
        """What `duration` is at most unless this is negative, and nearly always is: costs a tenth of it."""
        glance = self.glance
        starts, ends = glance.start_time_unix_nano[:], glance.end_time_unix_nano[:]
        if not starts or not ends:
            return 0
        first, last = min(starts) or min(filter(None, starts), default=0), max(ends)
        return last - first if first and last else 0

    def has_status(self, code: int) -> bool:
        """Say whether some span has this status code."""
        if code:
            glance = self.glance
            codes = glance.status.code[:] if glance.HasField("status") else []
            if code not in codes:
                return False
            if codes.count(code) == len(codes):
                return True
        return any(head.status.code == code for head in self.heads)

    def trace_states(self, mentioning: bytes) -> Iterator[bytes]:
        """Yield the trace state of every span that has one which mentions this text."""
        states = self.glance.trace_state
        if states and any(mentioning in state for state in states):
            for head in self.heads:
                if mentioning in head.trace_state:
                    yield head.trace_state

    @property
    def root(self) -> Span | None:
        """The first span without a parent, or with one that is all zero; None if it has not come."""
        heads = zip(self.heads, self.raws, strict=True)
        root = next((raw for head, raw in heads if not any(head.parent_span_id)), None)
        return None if root is None else next(self.spans(lambda raw: raw is root))

    def forget(self) -> None:
        """Let go of the spans."""
        self.raws = []
        self._text = self._glance = self._heads = None

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
            if not raws:
                continue
            resource, scope = read_resource(part.origin.resource), _scope(part.origin.scope)
            for raw in raws:
                span = Span(raw)
                span.resource, span.scope = resource, scope
                yield span


def read_resource(shell: bytes) -> Resource:
    """Return the resource of an origin."""
    return Resource(message=_RESOURCE.FromString(shell).resource)


def _scope(shell: bytes) -> Scope:
    return Scope(message=_SCOPE.FromString(shell).scope)
