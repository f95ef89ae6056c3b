"""Take requests apart into the records of each trace, without decoding one of them.

Records stay the bytes they came as.  Where they stood, their resource and scope, is kept once for all that came from
the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress, pairwise
from operator import itemgetter, ne
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.api import Batch, Signal
from collector.batch import SHAPES
from collector.wire.projection import EVERY, VALUE, project
from processors.tail_sampling.trace import Origin

NO_TRACE = b""
"""Stands for the id of records that have none, or one that is not valid."""
_NOT_AN_ID = bytes(16)
_ID_FIRST = b"\n\x10"
"""How a span begins that has its trace id first, 16 bytes long, as every known encoder writes it."""
_beginning = itemgetter(slice(len(_ID_FIRST)))
_first_id = itemgetter(slice(len(_ID_FIRST), len(_ID_FIRST) + len(_NOT_AN_ID)))
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
        self._shape = SHAPES[signal]
        resources, scopes, records = _FIELDS[signal]
        self._ids: Any = project(self._shape.request, {resources: {scopes: {records: {"trace_id": VALUE}}}})
        self._every_id: Any = project(Span, {"trace_id": EVERY}) if signal is Signal.TRACES else None
        self._origins: WeakValueDictionary[Any, Origin] = WeakValueDictionary()

    def groups(self, batch: Batch) -> Iterator[Group]:
        """Yield the records of a batch, of one resource and scope after the other.

        Raises:
            google.protobuf.message.DecodeError: it is not OTLP; nothing was yielded.
        """
        places = list(self._places(batch))
        ids = self._ids_of(batch, [records for _, records in places])
        begin = 0
        for origin, records in places:
            end = begin + len(records)
            yield Group(origin, _by_trace(ids[begin:end], list(records)))
            begin = end

    def _places(self, batch: Batch) -> Iterator[tuple[Origin, Sequence[bytes]]]:
        """Yield the records that stand in the same place, and where that is."""
        metadata = tuple(sorted(batch.metadata.items()))
        apart = batch.apart()
        resources_of, scopes_of, _ = self._shape.path
        request = type(apart.around)()
        request.CopyFrom(apart.around)
        resources = list(resources_of(request))
        del resources_of(request)[:]
        rest = request.SerializeToString()
        left = iter(apart.records)
        for resource in resources:
            scopes = list(scopes_of(resource))
            del scopes_of(resource)[:]
            shell = resource.SerializeToString()
            for scope, records in zip(scopes, left, strict=False):
                if records:
                    yield self._origin(batch.metadata, (metadata, shell, scope.SerializeToString(), rest)), records

    def _origin(self, metadata: Mapping[str, str], key: tuple[Any, bytes, bytes, bytes]) -> Origin:
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(metadata, *key[1:])
        return origin

    def _ids_of(self, batch: Batch, places: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
        """Return the trace ids of all records, in their order, whatever they are.

        Of a field that is there twice the last one counts, so nobody may believe the first 18 bytes of a span.  But
        if each of n spans begins with an id, and there are no more than n ids, then these are all.  Messages one after
        the other are one message.
        """
        if self._every_id is not None:
            spans = list(chain.from_iterable(places))
            if _begin_with_an_id(spans):
                if batch.apart().has_one_id_each:
                    return list(map(_first_id, spans))
                ids: list[bytes] = self._every_id.FromString(b"".join(spans)).trace_id[:]
                if len(ids) == len(spans):
                    return ids
        resources_of, scopes_of, records_of = self._shape.path
        request = self._ids.FromString(batch.wire)
        scopes = [scope for resource in resources_of(request) for scope in scopes_of(resource)]
        return [record.trace_id for scope in scopes for record in records_of(scope)]


def _begin_with_an_id(records: Sequence[bytes]) -> bool:
    return list(map(_beginning, records)).count(_ID_FIRST) == len(records)


def _by_trace(ids: Sequence[bytes], records: list[bytes]) -> dict[bytes, list[bytes]]:
    if len(ids) != len(records):
        raise ValueError(f"{len(ids)} trace ids of {len(records)} records")
    by_trace: dict[bytes, list[bytes]] = {}
    # those of one trace often stand together, and are then taken together
    begins = [0, *compress(range(1, len(ids)), map(ne, ids, ids[1:]))]
    for begin, end in pairwise([*begins, len(ids)]):
        known = by_trace.get(ids[begin])
        if known is None:
            by_trace[ids[begin]] = records[begin:end]
        else:
            known += records[begin:end]
    if _NOT_AN_ID in by_trace or set(map(len, by_trace)) != {len(_NOT_AN_ID)}:
        _bring_together_what_has_no_id(by_trace)
    return by_trace


def _bring_together_what_has_no_id(by_trace: dict[bytes, list[bytes]]) -> None:
    for trace_id in [trace_id for trace_id in by_trace if len(trace_id) != len(_NOT_AN_ID) or trace_id == _NOT_AN_ID]:
        if trace_id != NO_TRACE:
            by_trace.setdefault(NO_TRACE, []).extend(by_trace.pop(trace_id))
