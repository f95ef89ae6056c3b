"""Read what decides on the spans and log records of a whole request, without decoding one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.api import Batch, Signal
from collector.batch import SHAPES
from collector.wire.projection import EVERY, VALUE, Merged, project

_ID_FIRST = b"\n\x10"
"""How a span begins that has its trace id first, 16 bytes long, as every known encoder writes it."""
_FIELDS: Mapping[Signal, str] = {
    Signal.TRACES: "resource_spans scope_spans spans",
    Signal.LOGS: "resource_logs scope_logs log_records",
}
_RECORDS: Mapping[Signal, type[Message]] = {Signal.TRACES: Span, Signal.LOGS: LogRecord}
_READ: Mapping[Signal, tuple[str, ...]] = {Signal.TRACES: ("trace_id", "trace_state"), Signal.LOGS: ("trace_id",)}


class Heads(NamedTuple):
    """What is known of the records of a request, in their order."""

    ids: Sequence[bytes]
    """Trace ids, whatever they are."""
    states: Sequence[bytes] | None
    """Trace states; None if there are none."""


class Reading:
    """Reads requests of one signal."""

    def __init__(self, signal: Signal) -> None:
        shape, read = SHAPES[signal], _READ[signal]
        resources, scopes, records = _FIELDS[signal].split()
        apart = {resources: {scopes: {records: dict.fromkeys(read, VALUE)}}}
        merged = {resources: Merged({scopes: Merged({records: Merged(dict.fromkeys(read, EVERY))})})}
        self._apart: Any = project(shape.request, apart)
        self._merged: Any = project(shape.request, merged) if signal is Signal.TRACES else None
        self.path = shape.path[:3]
        self._record: Any = project(_RECORDS[signal], dict.fromkeys(read, VALUE))
        self._merged_record: Any = project(_RECORDS[signal], dict.fromkeys(read, EVERY))
        self._siblings = shape.siblings

    def places(self, request: Any) -> list[tuple[Any, list[bytes]]]:
        """Return the list of records of every scope of a skeleton, and these records."""
        resources, scopes, records = self.path
        lists = [records(scope) for resource in resources(request) for scope in scopes(resource)]
        return [(field, field[:]) for field in lists]

    def heads(self, batch: Batch, wires: Sequence[Sequence[bytes]]) -> Heads:
        """Return what decides on records of a batch.

        Of a field that is there twice the last one counts, so nobody may believe the first 18 bytes of a span.  But
        if each of n spans begins with an id, and there are no more than n ids, then these are all.
        """
        if self._merged is not None:
            all_ = self._all(batch, wires)
            ids = all_.trace_id[:]
            if not any(all_.trace_state) and len(ids) == sum(map(len, wires)) and all(map(_begin_with_an_id, wires)):
                return Heads(ids, None)
        found = self._each(batch, wires)
        ids = [record.trace_id for record in found]
        states = [] if self._merged is None else [record.trace_state for record in found]
        return Heads(ids, states if any(states) else None)

    def _all(self, batch: Batch, wires: Sequence[Sequence[bytes]]) -> Any:
        """Return one record that has what all of them have; messages one after the other are one message."""
        if batch.is_apart:
            return self._merged_record.FromString(b"".join(chain.from_iterable(wires)))
        return self._siblings(self._merged.FromString(batch.wire))

    def _each(self, batch: Batch, wires: Sequence[Sequence[bytes]]) -> list[Any]:
        if batch.is_apart:
            return list(map(self._record.FromString, chain.from_iterable(wires)))
        resources, scopes, records = self.path
        request = self._apart.FromString(batch.wire)
        in_scopes = [records(scope) for resource in resources(request) for scope in scopes(resource)]
        return list(chain.from_iterable(in_scopes))


@cache
def reading_of(signal: Signal) -> Reading:
    """Return what reads the requests of a signal, made once since its classes are."""
    return Reading(signal)


def _begin_with_an_id(wires: Sequence[bytes]) -> bool:
    return all(map(bytes.startswith, wires, repeat(_ID_FIRST)))
