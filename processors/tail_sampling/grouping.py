"""Take requests apart into the records of each trace, without decoding one of them.

Records stay the bytes they came as.  Where they stood, their resource and scope, is kept once for all that came from
the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from collector.api import Batch, Signal
from collector.batch import SHAPES
from collector.wire.projection import EVERY, VALUE, Merged, project
from processors.tail_sampling.trace import Origin

NO_TRACE = b""
"""Stands for the id of records that have none, or one that is not valid."""
_NOT_AN_ID = bytes(16)
_ID_FIRST = b"\n\x10"
"""How a span begins that has its trace id first, 16 bytes long, as every known encoder writes it."""
_FIELDS: Mapping[Signal, tuple[str, str, str]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
}


class Group(NamedTuple):
    """Records of one request that stood in the same place, by the traces they belong to."""

    origin: Origin
    by_trace: dict[bytes, list[bytes]]
    """Trace id, 16 bytes or `NO_TRACE`, to the records."""


class Grouping:
    """Takes apart the requests of one signal."""

    def __init__(self, signal: Signal) -> None:
        shape = SHAPES[signal]
        resources, scopes, records = _FIELDS[signal]
        self._scopes, self._records = shape.path[1:3]
        self._resources, self._siblings = shape.path[0], shape.siblings
        self._ids: Any = project(shape.request, {resources: {scopes: {records: {"trace_id": VALUE}}}})
        merged = {resources: Merged({scopes: Merged({records: Merged({"trace_id": EVERY})})})}
        self._every_id: Any = project(shape.request, merged) if signal is Signal.TRACES else None
        self._origins: WeakValueDictionary[Any, Origin] = WeakValueDictionary()

    def groups(self, batch: Batch) -> Iterator[Group]:
        """Yield the records of a batch, of one resource and scope after the other.

        Raises:
            google.protobuf.message.DecodeError: it is not OTLP; nothing was yielded.
        """
        places = list(self._places(batch))
        ids = iter(self._ids_of(batch.wire, [records for _, records in places]))
        for origin, records in places:
            yield Group(origin, _by_trace(islice(ids, len(records)), records))

    def _places(self, batch: Batch) -> Iterator[tuple[Origin, list[bytes]]]:
        """Take the records out of a batch; what is left are shells, which need not be copied."""
        metadata = tuple(sorted(batch.metadata.items()))
        request = batch.skeleton()
        resources = list(self._resources(request))
        del self._resources(request)[:]
        rest = request.SerializeToString()
        for resource in resources:
            scopes = list(self._scopes(resource))
            del self._scopes(resource)[:]
            shell = resource.SerializeToString()
            for scope in scopes:
                records = list(self._records(scope))
                del self._records(scope)[:]
                if records:
                    yield self._origin(batch.metadata, (metadata, shell, scope.SerializeToString(), rest)), records

    def _origin(self, metadata: Mapping[str, str], key: tuple[Any, bytes, bytes, bytes]) -> Origin:
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(metadata, *key[1:])
        return origin

    def _ids_of(self, wire: bytes, places: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
        """Return the trace ids of all records, in their order, whatever they are.

        Of a field that is there twice the last one counts, so nobody may believe the first 18 bytes of a span.  But
        if each of n spans begins with an id, and there are no more than n ids, then these are all.
        """
        if self._every_id is not None:
            merged: Any = self._siblings(self._every_id.FromString(wire))
            ids: list[bytes] = list(merged.trace_id)
            if len(ids) == sum(map(len, places)) and all(map(_begin_with_an_id, places)):
                return ids
        request = self._ids.FromString(wire)
        scopes = [scope for resource in self._resources(request) for scope in self._scopes(resource)]
        return [record.trace_id for scope in scopes for record in self._records(scope)]


def _begin_with_an_id(records: Iterable[bytes]) -> bool:
    return all(map(bytes.startswith, records, repeat(_ID_FIRST)))


def _by_trace(ids: Iterable[bytes], records: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    by_trace: dict[bytes, list[bytes]] = {}
    for trace_id, record in zip(ids, records, strict=True):
        known = by_trace.get(trace_id)
        if known is None:
            by_trace[trace_id] = [record]
        else:
            known.append(record)
    for trace_id in [trace_id for trace_id in by_trace if len(trace_id) != len(_NOT_AN_ID) or trace_id == _NOT_AN_ID]:
        if trace_id != NO_TRACE:
            by_trace.setdefault(NO_TRACE, []).extend(by_trace.pop(trace_id))
    return by_trace
