"""Cut out of a request what is to be dropped; what is kept stays the bytes that it came as."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import Message
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.apart import Apart, prune, with_records
from collector.api import Batch, Event, LogRecord, Metric, Point, Resource, Scope, Signal, Span
from collector.batch import SHAPES
from collector.matching.matcher import Matcher, OfRecord
from collector.ottl.condition import Context, EventOf, PointOf, ScopeOf
from collector.records.views import RESOURCE, SCOPE
from collector.wire.projection import OPAQUE, VALUE, project
from processors.filter.rules import Rule, suspects

_Left: TypeAlias = tuple[Any, list[bytes] | None]
"""The records of a scope, and those that are left; None for all of them, as they are."""
_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
# The trace id is declared too since what is declared is written first, and others look for it at the start of a span
_Events: Any = project(trace_pb2.Span, {"trace_id": VALUE, "events": OPAQUE})
_Points: Any = project(metrics_pb2.Metric, {"name": VALUE, **{kind: {"data_points": OPAQUE} for kind in _KINDS}})


class _Way(NamedTuple):
    """Everything in which one signal differs from the others."""

    skeleton: type[Message]
    view: Callable[[bytes], Any]
    record: Context
    inside: Context | None
    """What is dropped out of a record."""


def _way(signal: Signal, names: str, view: Callable[[bytes], Any], record: Context, inside: Context | None) -> _Way:
    resources, scopes, records = names.split()
    spec = {resources: {"resource": RESOURCE, scopes: {"scope": SCOPE, records: OPAQUE}}}
    return _Way(project(SHAPES[signal].request, spec), view, record, inside)


_WAYS: Mapping[Signal, _Way] = {
    Signal.TRACES: _way(
        Signal.TRACES, "resource_spans scope_spans spans", Span, record=Context.SPAN, inside=Context.SPANEVENT
    ),
    Signal.LOGS: _way(Signal.LOGS, "resource_logs scope_logs log_records", LogRecord, record=Context.LOG, inside=None),
    Signal.METRICS: _way(
        Signal.METRICS,
        "resource_metrics scope_metrics metrics",
        Metric,
        record=Context.METRIC,
        inside=Context.DATAPOINT,
    ),
}


class Cut:
    """Asks the rules that may hold in one request, from the outside to the inside, and drops what meets one.

    What is looked at is a copy: looking at a record of which an attribute is there twice changes it, and nothing but
    what is dropped may change.
    """

    def __init__(self, signal: Signal, rules: Sequence[Rule], matchers: Sequence[Matcher]) -> None:
        way = _WAYS[signal]
        self._skeleton, self._view = way.skeleton, way.view
        self._path = SHAPES[signal].path[:3]
        self._resources, self._scopes, self._records = self._path
        self._of_resource = [rule for rule in rules if rule.context is Context.RESOURCE]
        self._of_scope = [rule for rule in rules if rule.context is Context.SCOPE]
        self._of_record = [rule for rule in rules if rule.context in {way.record, way.inside}]
        self._inside = way.inside
        self._cut_inside = _cut_points if way.inside is Context.DATAPOINT else _cut_events
        self._matchers = matchers
        self._looks_at_records = bool(self._of_record or matchers)

    def of(self, batch: Batch) -> bytes | Apart | None:
        """Return what is left of a request, apart if it is apart (metrics never are); None if that is all of it.

        Raises:
            PermanentError: a condition has an error that is not ignored.
        """
        if batch.is_apart and batch.signal is not Signal.METRICS:
            return self._of_apart(batch.apart())
        request: Any = self._skeleton.FromString(batch.wire)
        scopes = self._cut_resources(request, self._records)
        if scopes is None:
            return None
        for records, left in scopes:
            if left is not None:
                _replace(records, left)
        prune(request, self._path, [records for records, _ in scopes])
        wire: bytes = request.SerializeToString()
        return wire

    def _of_apart(self, apart: Apart) -> Apart | None:
        lists = iter(apart.records)
        scopes = self._cut_resources(self._skeleton.FromString(apart.shell()), lambda _: next(lists))
        if scopes is None:
            return None
        return with_records(apart, [records if left is None else left for records, left in scopes], self._path)

    def _cut_resources(self, request: Any, records_of: Callable[[Any], Any]) -> list[_Left] | None:
        """Return the records of every scope, each with what is left of them; None if nothing is to be dropped.

        Args:
            request: may have its records or not.
            records_of: returns those of a scope; it is asked for every one, in their order.
        """
        if not (self._of_scope or self._looks_at_records):
            return self._cut_resources_only(request, records_of)
        found: list[_Left] = []
        has_changed = False
        for node in self._resources(request):
            resource = Resource(node.resource.SerializeToString())
            if _meets(self._of_resource, resource):
                found += [(records_of(scope), []) for scope in self._scopes(node)]
                has_changed = True
                continue
            for scope in self._scopes(node):
                records = records_of(scope)
                left = self._cut_scope(scope, records, resource)
                found.append((records, left))
                has_changed |= left is not None
        return found if has_changed else None

    def _cut_resources_only(self, request: Any, records_of: Callable[[Any], Any]) -> list[_Left] | None:
        """Do the same where nothing inside of resources is asked: where none goes, no scope is looked at."""
        nodes = list(self._resources(request))
        goes = [_meets(self._of_resource, Resource(node.resource.SerializeToString())) for node in nodes]
        if True not in goes:
            return None
        return [
            (records_of(scope), [] if is_gone else None)
            for node, is_gone in zip(nodes, goes, strict=True)
            for scope in self._scopes(node)
        ]

    def _cut_scope(self, node: Any, records: Any, resource: Resource) -> list[bytes] | None:
        """Return the records of a scope that are left; None if all are as they were."""
        scope = Scope(node.scope.SerializeToString())
        if _meets(self._of_scope, ScopeOf(scope, resource)):
            return []
        return self._cut_records(records[:], resource, scope) if self._looks_at_records else None

    def _cut_records(self, wires: list[bytes], resource: Resource, scope: Scope) -> list[bytes] | None:
        """Return the records of a scope that are left; None if all are as they were."""
        answers = [matcher.within(resource, scope) for matcher in self._matchers]
        if False in answers:
            return []
        wanted = [answer for answer in answers if not isinstance(answer, bool)]
        asked = suspects(self._of_record, wires)
        if wanted:
            asked = {place: asked.get(place, ()) for place in range(len(wires))}
        changes = {}
        for place, rules in asked.items():
            record = self._view(wires[place])  # not kept: a thousand of them take megabytes
            record.resource, record.scope = resource, scope
            left = self._left_of(record, wires[place], rules, wanted)
            if left is not wires[place]:
                changes[place] = left
        if not changes:
            return None
        return [left for place, wire in enumerate(wires) if (left := changes.get(place, wire)) is not None]

    def _left_of(self, record: Any, wire: bytes, rules: Sequence[Rule], wanted: Sequence[OfRecord]) -> bytes | None:
        """Return a record without what is dropped inside it: the same bytes if that is nothing, None if it goes."""
        for is_wanted in wanted:
            if not is_wanted(record):
                return None
        inside = []
        for rule in rules:
            if rule.context is self._inside:
                inside.append(rule)
            elif rule.holds(record):
                return None
        return self._cut_inside(wire, inside, record) if inside else wire


def _cut_events(wire: bytes, rules: Sequence[Rule], span: Span) -> bytes | None:
    """Return a span without the events that meet a rule: the same bytes if none does."""
    message = _Events.FromString(wire)
    events = message.events[:]
    left = [event for event in events if not _meets(_may_hold(rules, event), EventOf(Event(event), span))]
    if len(left) == len(events):
        return wire
    _replace(message.events, left)
    written: bytes = message.SerializeToString()
    return written


def _cut_points(wire: bytes, rules: Sequence[Rule], metric: Metric) -> bytes | None:
    """Return a metric without the points that meet a rule: the same bytes if none does, None if no point is left."""
    message = _Points.FromString(wire)
    before = after = 0
    for kind in _KINDS:
        if message.HasField(kind):
            field = getattr(message, kind).data_points
            points = field[:]
            left = [
                point for point in points if not _meets(_may_hold(rules, point), PointOf(Point(kind, point), metric))
            ]
            before, after = before + len(points), after + len(left)
            if len(left) < len(points):
                _replace(field, left)
    if after == before:
        return wire
    written: bytes | None = message.SerializeToString() if after else None
    return written


def _may_hold(rules: Sequence[Rule], wire: bytes) -> list[Rule]:
    return [rule for rule in rules if rule.may_hold(wire)]


def _meets(rules: Sequence[Rule], record: Any) -> bool:
    return any(rule.holds(record) for rule in rules)


def _replace(field: Any, values: Sequence[Any]) -> None:
    del field[:]
    field.extend(values)
