"""Changing the attributes of the records and the resources of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from collector.actions.layout import (
    LOGS,
    NAMES,
    POINTS,
    RESOURCES,
    SPANS,
    Holder,
    chosen_records_of,
    names_in,
    records_of,
    resources_of,
)
from collector.actions.program import Bound, Program
from collector.apart import Apart
from collector.batch import Batch, Signal
from collector.matching.matcher import Matcher
from collector.records.views import LogRecord, Resource, Scope, Span

_VIEWS: Mapping[Signal, Callable[[bytes], Any]] = {Signal.TRACES: Span, Signal.LOGS: LogRecord}


class _Named(NamedTuple):
    """All that is asked of a metric."""

    name: str


class _Run:
    """Those of sibling records of one kind that are meant."""

    def __init__(self, siblings: Any, holder: Holder, is_meant: Callable[[bytes], bool] | None = None) -> None:
        """Choose from a list of bytes in a request, unless all are meant."""
        self.holder = holder
        self.records: list[bytes] = siblings[:]
        self._siblings = siblings
        self._places: list[int] | None = None
        if is_meant:
            self._places = [place for place, record in enumerate(self.records) if is_meant(record)]
            self.records = [self.records[place] for place in self._places]

    def put(self, records: Sequence[bytes]) -> None:
        """Have these in the request instead."""
        if self._places is None:
            self._siblings[:] = records
        else:
            for place, record in zip(self._places, records, strict=True):
                self._siblings[place] = record


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
    bound = program.bound(batch, partial(names_in, signal=batch.signal, part="record"))
    if bound is None:
        return batch
    if batch.signal is Signal.METRICS:
        root = (chosen_records_of if matcher else records_of)(batch.signal).FromString(batch.wire)
        changed = _edit(list(_runs_of_metrics(root, matcher)), bound)
        return batch.replace(root.SerializeToString(), len(batch)) if changed else batch
    apart = batch.apart()
    lists = list(map(list, apart.records))
    changed = _edit(list(_runs(apart, lists, batch.signal, matcher)), bound)
    return batch.replace(apart._replace(records=lists), len(batch)) if changed else batch


def edit_resources(batch: Batch, program: Program) -> Batch:
    """Return a batch with the attributes of its resources changed; see `edit_records`."""
    bound = program.bound(batch, partial(names_in, signal=batch.signal, part="resource"))
    if bound is None:
        return batch
    root: Any = resources_of(batch.signal).FromString(batch.wire)
    nodes = getattr(root, NAMES[batch.signal][0])
    before = [b"".join(node.resource) for node in nodes]
    after = bound.edit(before, RESOURCES)
    if after == before:
        return batch
    for node, resource in zip(nodes, after, strict=True):
        node.resource[:] = [resource]
    return batch.replace(root.SerializeToString(), len(batch))


def _edit(runs: Sequence[_Run], bound: Bound) -> bool:
    """Change the records of all runs, those of one kind at once, and say whether any changed."""
    changed = False
    for holder in {run.holder: None for run in runs}:
        of_holder = [run for run in runs if run.holder is holder]
        before = list(chain.from_iterable(run.records for run in of_holder))
        after = bound.edit(before, holder)
        if after == before:
            continue
        changed = True
        stop = 0
        for run in of_holder:
            start, stop = stop, stop + len(run.records)
            run.put(after[start:stop])
    return changed


def _runs(apart: Apart, lists: Sequence[list[bytes]], signal: Signal, matcher: Matcher | None) -> Iterator[_Run]:
    """Yield the lists, which are those of a request that was taken apart, as far as anything in them is meant."""
    holder = SPANS if signal is Signal.TRACES else LOGS
    if matcher is None:
        yield from [_Run(siblings, holder) for siblings in lists]
        return
    root: Any = chosen_records_of(signal).FromString(apart.shell())
    resources, scopes, _ = NAMES[signal]
    each = iter(lists)
    for resource_node in getattr(root, resources):
        answer_within = _answers(matcher, resource_node, signal)
        for scope_node in getattr(resource_node, scopes):
            answer, siblings = answer_within(scope_node), next(each)
            if answer is not False:
                yield _Run(siblings, holder, None if answer is True else answer)


def _runs_of_metrics(root: Any, matcher: Matcher | None) -> Iterator[_Run]:
    for resource_node in root.resource_metrics:
        answer_within = _answers(matcher, resource_node, Signal.METRICS) if matcher else None
        for scope_node in resource_node.scope_metrics:
            answer = answer_within(scope_node) if answer_within else True
            if answer is not False:
                yield from _runs_in(scope_node.metrics, answer)


def _runs_in(metrics: Any, answer: Any) -> Iterator[_Run]:
    """Yield the points of every kind that a metric has: one kind, unless its sender got it wrong."""
    for metric in metrics:
        if answer is True or answer(_Named(metric.name.decode())):
            for kind, holder in POINTS.items():
                if metric.HasField(kind):
                    yield _Run(getattr(metric, kind).data_points, holder)


def _answers(matcher: Matcher, resource_node: Any, signal: Signal) -> Callable[[Any], Any]:
    """Return what says of a scope of a resource whether its records are meant: all, none, or which."""
    resource = Resource(message=resource_node.resource)

    def answer_within(scope_node: Any) -> Any:
        scope = Scope(message=scope_node.scope)
        answer = matcher.within(resource, scope)
        if isinstance(answer, bool) or signal is Signal.METRICS:
            return answer
        return _asked(answer, _VIEWS[signal], resource, scope)

    return answer_within


def _asked(
    answer: Callable[[Any], bool], view: Callable[[bytes], Any], resource: Resource, scope: Scope
) -> Callable[[bytes], bool]:
    def is_meant(record: bytes) -> bool:
        seen = view(record)
        seen.resource, seen.scope = resource, scope
        return answer(seen)

    return is_meant
