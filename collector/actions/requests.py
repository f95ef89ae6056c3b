"""Where the attributes of records and resources are in a request, by its signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.message import Message

from collector.actions.layout import LOGS, NAMES, POINTS, SPANS, Holder, layout_of
from collector.actions.program import Bound, Program
from collector.batch import SHAPES, Batch, Signal
from collector.matching.matcher import Matcher
from collector.records.views import RESOURCE, SCOPE, LogRecord, Resource, Scope, Span
from collector.wire.projection import OPAQUE, VALUE, project
from collector.wire.walk import WireError

_VIEWS: Mapping[Signal, Callable[[bytes], Any]] = {Signal.TRACES: Span, Signal.LOGS: LogRecord}
_METRIC = {"name": VALUE, **{kind: {"data_points": OPAQUE} for kind in POINTS}}


@cache
def _skeleton(signal: Signal) -> type[Message]:
    resources, scopes, records = NAMES[signal].split()
    leaf = _METRIC if signal is Signal.METRICS else OPAQUE
    spec = {resources: {"resource": RESOURCE, scopes: {"scope": SCOPE, records: leaf}}}
    return project(SHAPES[signal].request, spec)


@cache
def _resources(signal: Signal) -> type[Message]:
    return project(SHAPES[signal].request, {NAMES[signal].split()[0]: {"resource": RESOURCE}})


class _Named(NamedTuple):
    """All that is asked of a metric."""

    name: str


class _Run(NamedTuple):
    """Sibling records of one kind."""

    records: Any
    """A list of bytes in a request."""
    holder: Holder
    is_meant: Callable[[bytes], bool] | None
    """Says of a record whether it is; None if all are."""


def edit_records(batch: Batch, program: Program, matcher: Matcher | None) -> Batch:
    """Return a batch with the attributes of its spans, log records or data points changed.

    Attributes of exemplars, events and links stay.  If nothing changes it is the very batch that was given.

    Args:
        batch: of any signal that has records.
        program: what to do.
        matcher: which records are meant; None for all.

    Raises:
        google.protobuf.message.DecodeError: it is no request.
    """
    bound = program.bound(batch.wire, batch.metadata)
    if bound is None:
        return batch
    if bound.passes and matcher is None:
        try:
            return _replaced(batch, bound.splice(batch.wire, layout_of(batch.signal)))
        except WireError:  # it has groups, or the official parser says what is wrong
            pass
    root = _skeleton(batch.signal).FromString(batch.wire)
    changed = False
    for run in _runs(root, batch.signal, matcher):
        changed |= _edit(run, bound)
    return batch.replace(root.SerializeToString(), len(batch)) if changed else batch


def _replaced(batch: Batch, wire: bytes) -> Batch:
    return batch if wire is batch.wire else batch.replace(wire, len(batch))


def edit_resources(batch: Batch, program: Program) -> Batch:
    """Return a batch with the attributes of its resources changed; see `edit_records`."""
    bound = program.bound(batch.wire, batch.metadata)
    if bound is None:
        return batch
    root = _resources(batch.signal).FromString(batch.wire)
    nodes = getattr(root, NAMES[batch.signal].split()[0])
    changed = [bound.edit_message(node.resource) for node in nodes]
    return batch.replace(root.SerializeToString(), len(batch)) if any(changed) else batch


def _edit(run: _Run, bound: Bound) -> bool:
    before = run.records[:]
    if run.is_meant is None:
        after = bound.edit(before, run.holder)
    else:
        places = [place for place, record in enumerate(before) if run.is_meant(record)]
        after = before[:]
        for place, record in zip(places, bound.edit([before[place] for place in places], run.holder), strict=True):
            after[place] = record
    if after == before:
        return False
    del run.records[:]
    run.records.extend(after)
    return True


def _runs(root: Any, signal: Signal, matcher: Matcher | None) -> Iterator[_Run]:
    resources, scopes, records = NAMES[signal].split()
    for resource_node in getattr(root, resources):
        resource = Resource(message=resource_node.resource)
        for scope_node in getattr(resource_node, scopes):
            scope = Scope(message=scope_node.scope)
            answer = matcher.within(resource, scope) if matcher else True
            if answer is False:
                continue
            siblings = getattr(scope_node, records)
            if signal is Signal.METRICS:
                yield from _runs_of_metrics(siblings, answer)
            else:
                is_meant = None if answer is True else _asked(answer, _VIEWS[signal], resource, scope)
                yield _Run(siblings, SPANS if signal is Signal.TRACES else LOGS, is_meant)


def _runs_of_metrics(siblings: Any, answer: Any) -> Iterator[_Run]:
    """Yield the points of every kind that a metric has: one kind, unless its sender got it wrong."""
    for metric in siblings:
        if answer is True or answer(_Named(metric.name.decode())):
            for kind, holder in POINTS.items():
                if metric.HasField(kind):
                    yield _Run(getattr(metric, kind).data_points, holder, None)


def _asked(
    answer: Callable[[Any], bool], view: Callable[[bytes], Any], resource: Resource, scope: Scope
) -> Callable[[bytes], bool]:
    def is_meant(record: bytes) -> bool:
        seen = view(record)
        seen.resource, seen.scope = resource, scope
        return answer(seen)

    return is_meant
