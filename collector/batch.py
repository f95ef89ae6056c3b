"""The one type that travels between components.

A `Batch` is an OTLP export request. It carries the bytes that arrived until somebody asks for the message, and the
message until somebody asks for the bytes: an OTLP-to-OTLP pipeline decodes nothing, a field OTLP adds tomorrow passes
through, and several branches can share one batch because bytes do not change.  What only changes some records hands on
the request taken apart, which is put together when somebody asks for its bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as profiles
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.trace.v1 import trace_pb2 as spans

from collector.apart import Apart, put_together, take_apart
from collector.cutting import Mending, Most, Path, count, cut, groups
from collector.wire.projection import EVERY, OPAQUE, Merged, Spec, checker, project


class Signal(enum.StrEnum):
    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"
    PROFILES = "profiles"


ALL_SIGNALS = frozenset(Signal)
RECORD_SIGNALS = frozenset({Signal.TRACES, Signal.METRICS, Signal.LOGS})
"""The signals whose records have attributes; profiles are passed through as they are."""

Request: TypeAlias = (
    traces.ExportTraceServiceRequest
    | metrics.ExportMetricsServiceRequest
    | logs.ExportLogsServiceRequest
    | profiles.ExportProfilesServiceRequest
)

_DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def data_points(metric: Any) -> Any:
    """Return the repeated data points of a metric of any kind; `[]` for a metric that has no data."""
    for kind in _DATA:
        if metric.HasField(kind):
            return getattr(metric, kind).data_points
    return []


class Shape(NamedTuple):
    """Everything in which one signal differs from the others."""

    request: type[Message]
    response: type[Message]
    path: Path
    """The way from the request down to its records."""
    skeleton: type[Message]
    """The request with records left as bytes: all that splitting needs."""
    whole: type[Message]
    """The same with metrics left as bytes, so that none is cut in two."""
    merged: type[Message]
    """The skeleton as if there were one resource with one scope: all that counting needs, at no cost for each."""
    siblings: Callable[[Any], Sequence[Any]]
    """From `merged` to all spans, metrics, log records or profiles."""
    checker: type[Message]
    """A class that accepts what `request` accepts and keeps next to nothing of it: all that validation needs."""
    unit: str
    """What one item is called in metric names."""
    rejected: str
    """The field of a response's `partial_success` that counts what was rejected."""
    url_path: str
    rpc: str
    """Full gRPC method name."""
    joinable: bool = True
    """Whether two requests make one by joining their bytes."""

    def count(self, siblings: Sequence[Any]) -> int:
        """Count the records in what `siblings` returned."""
        inner = self.path[3:]
        return count(siblings, inner) if inner else len(siblings)


# An id given twice is the last one, as in every field; who looks at the first one has to know that there is no other
_COUNTED = frozenset({f"{spans.Span.DESCRIPTOR.full_name}.{name}" for name in ("trace_id", "span_id")})


def _shape(module: Any, name: str, fields: str, leaf: Any = OPAQUE, last: Path = (), **rest: Any) -> Shape:
    resources, scopes, records = fields.split()
    request = getattr(module, f"Export{name}ServiceRequest")
    spec: Spec = {resources: {"resource": EVERY, scopes: {"scope": EVERY, records: leaf}}}
    service = module.DESCRIPTOR.services_by_name[f"{name}Service"].full_name
    return Shape(
        request=request,
        response=getattr(module, f"Export{name}ServiceResponse"),
        path=(*map(attrgetter, (resources, scopes, records)), *last),
        skeleton=(skeleton := project(request, spec)),
        whole=project(request, {resources: {scopes: {records: OPAQUE}}}) if last else skeleton,
        merged=project(request, {resources: Merged({scopes: Merged({records: leaf})})}),
        siblings=attrgetter(f"{resources}.{scopes}.{records}"),
        checker=checker(request, _COUNTED),
        rpc=f"/{service}/Export",
        **rest,
    )


# The only place where the signals differ.  A fifth one is a new row.
SHAPES: Mapping[Signal, Shape] = {
    Signal.TRACES: _shape(
        traces,
        "Trace",
        "resource_spans scope_spans spans",
        unit="spans",
        rejected="rejected_spans",
        url_path="/v1/traces",
    ),
    Signal.METRICS: _shape(
        metrics,
        "Metrics",
        "resource_metrics scope_metrics metrics",
        {kind: {"data_points": OPAQUE} for kind in _DATA},
        (data_points,),
        unit="metric_points",
        rejected="rejected_data_points",
        url_path="/v1/metrics",
    ),
    Signal.LOGS: _shape(
        logs,
        "Logs",
        "resource_logs scope_logs log_records",
        unit="log_records",
        rejected="rejected_log_records",
        url_path="/v1/logs",
    ),
    Signal.PROFILES: _shape(
        profiles,
        "Profiles",
        "resource_profiles scope_profiles profiles",
        unit="profiles",
        rejected="rejected_profiles",
        url_path="/v1development/profiles",
        joinable=False,  # profiles of one request share its dictionary
    ),
}

CLIENT_ADDRESS = "client.address"
"""In a batch's metadata: the IP address of the connection on which it came."""


class Batch:
    """Telemetry of one signal, moving together.

    Ownership: whoever is handed a batch owns it.  `request` may be changed in place by the owner; `wire` never
    changes.  Whoever passes a batch on must not touch it again, but may keep its `wire`.
    """

    __slots__ = ("_apart", "_count", "_request", "_wire", "metadata", "signal")

    def __init__(
        self,
        signal: Signal,
        *,
        wire: bytes | None = None,
        request: Message | None = None,
        apart: Apart | None = None,
        items: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if wire is None and request is None and apart is None:
            raise TypeError("a batch is made of its wire bytes, of a request message or of what one is made of")
        self.signal = signal
        self.metadata: Mapping[str, str] = metadata or {}
        """What the receiver was told to keep of the sender's request: headers by lower-case name, `CLIENT_ADDRESS`."""
        self._wire = wire
        self._request = request
        self._apart = apart
        self._count = items

    @classmethod
    def decode(cls, signal: Signal, wire: bytes, metadata: Mapping[str, str] | None = None) -> Batch:
        """Check that `wire` is OTLP and carry it.

        Raises:
            google.protobuf.message.DecodeError: it is not.
        """
        SHAPES[signal].checker.FromString(wire)  # C speed; what it builds is thrown away, the certainty kept
        return cls(signal, wire=wire, metadata=metadata)

    @classmethod
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Make one batch of several of the same signal, whose metadata is what all of them agree on.

        An OTLP request is one repeated field, so joining requests is joining their bytes.

        Raises:
            ValueError: the signals differ, or their requests cannot be joined (profiles share a dictionary).
        """
        first = batches[0]
        if len(batches) == 1:
            return first
        if any(batch.signal is not first.signal for batch in batches) or not SHAPES[first.signal].joinable:
            raise ValueError(f"cannot join batches of {', '.join({batch.signal for batch in batches})}")
        wire = b"".join([batch.wire for batch in batches])
        # nobody may take the address or the tenant of one sender for that of another one
        metadata = {
            name: text
            for name, text in first.metadata.items()
            if all(batch.metadata.get(name) == text for batch in batches)
        }
        return cls(first.signal, wire=wire, items=sum(map(len, batches)), metadata=metadata)

    @property
    def shape(self) -> Shape:
        return SHAPES[self.signal]

    @property
    def wire(self) -> bytes:
        """The request's bytes; encodes the message if one was taken out."""
        if self._wire is None:
            if self._apart is not None:
                self._wire = put_together(self._apart, self.shape.path)
            else:
                assert self._request is not None  # noqa: S101  one of the three forms is always there
                self._wire, self._request = self._request.SerializeToString(), None
        self._apart = None  # whoever waits with its bytes does not hold all records twice
        return self._wire

    @property
    def size(self) -> int:
        """Bytes, or nearly so while it is apart; 0 while it is a message, which nobody has measured."""
        if self._wire is not None:
            return len(self._wire)
        return 0 if self._apart is None else self._apart.size

    @property
    def request(self) -> Any:
        """The official message, yours to change.  From here on it is what the batch carries."""
        if self._request is None:
            self._request = self.shape.request.FromString(self.wire)
        self._wire = self._count = None
        return self._request

    def __len__(self) -> int:
        """Count spans, data points, log records or profiles: the unit OTLP counts in."""
        if self._count is None:
            if self._apart is not None:
                self._count = sum(map(len, self._apart.records))
            elif self._wire is None:  # the owner may go on changing the message
                return self.count_in(self._request)
            else:
                self._count = self.shape.count(self.shape.siblings(self.shape.merged.FromString(self._wire)))
        return self._count

    def count_in(self, request: Any) -> int:
        """Count the records of a request, or of a projection of one that declares the way down to them."""
        return count([request], self.shape.path)

    def skeleton(self) -> Any:
        """Parse only the way down to the records, which stay bytes."""
        return self.shape.skeleton.FromString(self.wire)

    def apart(self) -> Apart:
        """Return the request taken apart.  Nothing in it may be changed; `replace` takes another one.

        Raises:
            google.protobuf.message.DecodeError: it is no request.
        """
        if self._apart is None:
            self._apart = take_apart(self.skeleton(), self.shape.path)
        return self._apart

    @property
    def is_apart(self) -> bool:
        """Whether it is taken apart, so that `apart` costs nothing."""
        return self._apart is not None

    def content(self) -> bytes:
        """Return bytes in which everything stands that the request has, to be searched and not to be parsed.

        They are the request's own unless it is apart.
        """
        if self._apart is not None and self._wire is None:
            return self._apart.content()
        return self._wire or self.wire

    def holds(self, text: bytes) -> bool:
        """Say whether some bytes stand somewhere in the request."""
        if self._apart is not None and self._wire is None:
            return self._apart.holds(text)
        return text in (self._wire or self.wire)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Batch) and (self.signal, self.wire) == (other.signal, other.wire)

    __hash__ = None  # type: ignore[assignment]  # a batch can change

    def __repr__(self) -> str:
        return f"<Batch of {len(self)} {self.shape.unit}>"

    def records(self) -> Iterator[Any]:
        """Yield every span, data point, log record or profile, yours to change."""
        return _descend([self.request], self.shape.path)

    def keep(self, wanted: Callable[[Any], bool]) -> None:
        """Drop every record that is not `wanted`, and every parent this empties."""
        _prune([self.request], self.shape.path, wanted)

    def replace(self, new: bytes | Apart, items: int | None = None) -> Batch:
        """Return a batch of other bytes, or of another request taken apart, with the same signal and metadata."""
        if isinstance(new, Apart):
            return Batch(self.signal, apart=new, items=items, metadata=self.metadata)
        return Batch(self.signal, wire=new, items=items, metadata=self.metadata)

    def copy(self) -> Batch:
        """Return a batch that shares nothing mutable with this one.  Costs nothing while both stay bytes."""
        return Batch(self.signal, wire=self.wire, items=self._count, metadata=self.metadata)

    def split(self, size: int) -> Iterator[Batch]:
        """Yield batches of at most `size` items that together hold what this one does, in its order.

        A batch that cannot be joined (profiles) is not cut either.
        """
        if len(self) <= size or not self.shape.joinable:
            yield self
            return
        for piece in cut(self.skeleton(), self.shape.path, Most(size)):
            yield self.replace(piece.wire, piece.records)

    def portions(self, most: Most, *, whole_records: bool = False) -> Iterator[Batch]:
        """Yield batches of about so many items that together hold what this one does, in its order.

        Each is made when it is asked for.  Where a whole resource fits it stays whole, which costs a hundredth.  A
        batch that cannot be joined (profiles) is not cut either.

        Args:
            most: what each holds; see `cutting.cut` for where it may be more.
            whole_records: whether metrics stay whole, each of which counts as one then.
        """
        shape = self.shape
        if not shape.joinable:
            yield self
            return
        for start, end in groups(self.wire, most):
            group = self.replace(self.wire[start:end])
            if len(group.wire) > (most.size or 0) or len(group) > most.items:
                yield from group._cut(most, whole_records=whole_records)  # noqa: SLF001  it is of this class
            elif len(group):
                yield group

    def mending(self, *, whole_records: bool = False) -> Mending:
        """Return what joins portions, of which this is one, and makes one of a resource, scope or metric in two.

        Args:
            whole_records: whether metrics stayed whole.
        """
        return Mending(*self._way(whole_records=whole_records))

    def _way(self, *, whole_records: bool) -> tuple[type[Message], Path]:
        """Return a projection and the way in it to what is not cut in two."""
        shape = self.shape
        return (shape.whole, shape.path[:3]) if whole_records else (shape.skeleton, shape.path)

    def _cut(self, most: Most, *, whole_records: bool) -> Iterator[Batch]:
        projection, path = self._way(whole_records=whole_records)
        is_counted = len(path) == len(self.shape.path)
        for piece in cut(projection.FromString(self.wire), path, most):
            yield self.replace(piece.wire, piece.records if is_counted else None)


def _descend(nodes: Iterable[Any], path: Path) -> Iterator[Any]:
    if not path:
        yield from nodes
        return
    step, *rest = path
    for node in nodes:
        yield from _descend(step(node), tuple(rest))


def _prune(nodes: Iterable[Any], path: Path, wanted: Callable[[Any], bool]) -> list[Any]:
    if not path:
        return [node for node in nodes if wanted(node)]
    step, *rest = path
    kept = []
    for node in nodes:
        children = step(node)
        survivors = _prune(children, tuple(rest), wanted)
        if len(survivors) < len(children):
            del children[:]
            children.extend(survivors)
        if survivors:
            kept.append(node)
    return kept
