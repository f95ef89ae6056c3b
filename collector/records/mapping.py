"""Run a function over every record of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from google.protobuf.message import Message

from collector.batch import SHAPES, Batch, Signal
from collector.records.metrics import Metric
from collector.records.views import RESOURCE, SCOPE, LogRecord, Resource, Scope, Span
from collector.wire.projection import OPAQUE, project


class _Way(NamedTuple):
    """How one signal's records are reached, as bytes."""

    skeleton: type[Message]
    resources: Callable[[Any], Any]
    scopes: Callable[[Any], Any]
    records: Callable[[Any], Any]
    view: Callable[[bytes], Any]
    counts: bool
    """Whether a record is one item."""


def _way(signal: Signal, names: str, view: Callable[[bytes], Any], *, counts: bool = True) -> _Way:
    resources, scopes, records = names.split()
    spec = {resources: {"resource": RESOURCE, scopes: {"scope": SCOPE, records: OPAQUE}}}
    skeleton = project(SHAPES[signal].request, spec)
    return _Way(skeleton, attrgetter(resources), attrgetter(scopes), attrgetter(records), view, counts)


_WAYS: Mapping[Signal, _Way] = {
    Signal.TRACES: _way(Signal.TRACES, "resource_spans scope_spans spans", Span),
    Signal.LOGS: _way(Signal.LOGS, "resource_logs scope_logs log_records", LogRecord),
    Signal.METRICS: _way(Signal.METRICS, "resource_metrics scope_metrics metrics", Metric, counts=False),
}


def map_records(batch: Batch, function: Callable[[Any], Any]) -> Batch | None:
    """Call `function` with every span, log record or metric, and return the batch of what it returned.

    The function returns the record, changed or not, to keep it, and None to drop it.  A resource, scope or metric that
    is left empty goes too.  If nothing changed, the batch itself is returned with the bytes it came with, and a record
    that did not change keeps its own.

    Returns:
        None if nothing is left.

    Raises:
        TypeError: the function returned something else, or wrote a value that OTLP does not have.
        ValueError: profiles, which have no records with attributes.
    """
    if batch.signal not in _WAYS:
        raise ValueError(f"the records of {batch.signal} cannot be looked at one by one")
    way = _WAYS[batch.signal]
    root = way.skeleton.FromString(batch.wire)
    kept, changed = _map_resources(root, way, function)
    if not changed:
        return batch
    if not kept:
        return None
    _drop_empty_parents(root, way)
    return batch.replace(root.SerializeToString(), kept if way.counts else None)


def records_of(batch: Batch) -> list[Any]:
    """Return a view of every span, log record or metric of a batch, to be read.

    Raises:
        ValueError: profiles, which have no records with attributes.
    """
    records: list[Any] = []

    def look(record: Any) -> Any:
        records.append(record)
        return record

    map_records(batch, look)
    return records


def _map_resources(root: Any, way: _Way, function: Callable[[Any], Any]) -> tuple[int, bool]:
    """Return how many records are left, and whether anything changed."""
    kept, changed = 0, False
    for resource_node in way.resources(root):
        resource = Resource(message=resource_node.resource)
        for scope_node in way.scopes(resource_node):
            scope = Scope(message=scope_node.scope)
            records = way.records(scope_node)
            before = list(records)
            after = _map(before, function, way.view, resource, scope)
            kept += len(after)
            if after != before:
                _replace(records, after)
                changed = True
            changed |= scope.settle()
        changed |= resource.settle()
    return kept, changed


def _map(
    raws: list[bytes], function: Callable[[Any], Any], view: Callable[[bytes], Any], resource: Resource, scope: Scope
) -> list[bytes]:
    after = []
    for raw in raws:
        record = view(raw)
        record.resource = resource
        record.scope = scope
        result = function(record)
        if result is record:
            wire = record.wire
            if wire is not None:
                after.append(wire)
        elif result is not None:
            raise TypeError(_misunderstanding(record, result))
    return after


def _misunderstanding(record: object, result: object) -> str:
    name, other = type(record).__name__, type(result).__name__
    other = f"another {other}" if other == name else f"a value of type {other}"
    return f"return the {name} that was given to keep it, or None to drop it; {other} was returned"


def _drop_empty_parents(root: Any, way: _Way) -> None:
    for resource_node in way.resources(root):
        _drop_empty(way.scopes(resource_node), way.records)
    _drop_empty(way.resources(root), way.scopes)


def _drop_empty(parents: Any, children: Callable[[Any], Any]) -> None:
    left = [parent for parent in parents if len(children(parent))]
    if len(left) < len(parents):
        _replace(parents, left)


def _replace(field: Any, values: list[Any]) -> None:
    del field[:]
    field.extend(values)
