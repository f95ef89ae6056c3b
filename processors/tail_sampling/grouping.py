"""Take requests apart into the records of each trace, without decoding one of them.

Records stay the bytes they came as.  Where they stood, their resource and scope, is kept once for all that came from
the same place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import compress, islice
from operator import ne
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from collector.api import Batch, Signal
from collector.wire.projection import VALUE, project
from processors.tail_sampling.facts import NO_FACTS, Facts, Sought, Stretches, facts_of
from processors.tail_sampling.places import Place, places_of
from processors.tail_sampling.reading import read
from processors.tail_sampling.trace import Origin

NO_TRACE = b""
"""Stands for the id of records that have none, or one that is not valid."""
_ID_LENGTH = 16
_NOT_AN_ID = bytes(_ID_LENGTH)
_LOG_IDS: Any = project(
    ExportLogsServiceRequest, {"resource_logs": {"scope_logs": {"log_records": {"trace_id": VALUE}}}}
)


Stretch: TypeAlias = tuple[bytes, Origin, bytes, int, Facts]
"""Records of one trace that stood one after the other in one place: the trace id, 16 bytes or `NO_TRACE`; the place;
the records, as `framed` joins them; how many there are; and what is known of them."""


class Grouping:
    """Takes apart the requests of one signal."""

    def __init__(self, signal: Signal, sought: Sequence[Sought] = ()) -> None:
        """Args:
        signal: traces or logs.
        sought: what is looked for in spans when they come.
        """
        self._signal = signal
        self._sought = sought
        self._origins: WeakValueDictionary[Any, Origin] = WeakValueDictionary()

    def stretches(self, batch: Batch) -> Sequence[Stretch]:
        """Return the records of a batch in their order.

        Raises:
            google.protobuf.message.DecodeError: it is not OTLP.
        """
        wire, places, ends, rest = places_of(batch)
        if not places:
            return ()
        reading = read(wire, len(ends)) if self._signal is Signal.TRACES else None
        ids = _ids_of_logs(wire) if reading is None else reading.trace_ids
        stretches = _cut(wire, places, _begins(ids, [place.records for place in places]), ends)
        begins = stretches.first_records
        counts = [end - begin for begin, end in zip(begins, [*begins[1:], len(ends)], strict=True)]
        valid = _valid([ids[begin] for begin in begins])
        origins = self._origins_of(batch.metadata, places, begins, rest)
        facts = [NO_FACTS] * len(begins) if reading is None else facts_of(wire, reading, stretches, self._sought)
        return list(zip(valid, origins, stretches.records, counts, facts, strict=True))

    def _origins_of(
        self, metadata: Mapping[str, str], places: Sequence[Place], begins: Sequence[int], rest: bytes
    ) -> Sequence[Origin]:
        key = tuple(sorted(metadata.items()))
        origins = [self._origin(metadata, (key, place.resource, place.scope, rest)) for place in places]
        if len(origins) == 1:
            return origins * len(begins)
        firsts = [place.records for place in places]
        return [origins[bisect_right(firsts, begin) - 1] for begin in begins]

    def _origin(self, metadata: Mapping[str, str], key: tuple[Any, bytes, bytes, bytes]) -> Origin:
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(metadata, *key[1:])
        return origin


def _ids_of_logs(wire: bytes) -> Sequence[bytes]:
    resources = _LOG_IDS.FromString(wire).resource_logs
    return [record.trace_id for resource in resources for scope in resource.scope_logs for record in scope.log_records]


def _begins(ids: Sequence[bytes], firsts: Sequence[int]) -> Sequence[int]:
    """Return where another trace begins, or another place, whose first records are given."""
    begins = [0, *compress(range(1, len(ids)), map(ne, ids, islice(ids, 1, None)))]
    return begins if len(firsts) == 1 else sorted({*begins, *firsts})


def _cut(wire: bytes, places: Sequence[Place], firsts: Sequence[int], ends: Sequence[int]) -> Stretches:
    """Return stretches that begin with these records."""
    of_places = {place.records: place.begin for place in places}
    begins = [of_places[first] if first in of_places else ends[first - 1] for first in firsts]
    lasts = [*[ends[first - 1] for first in firsts[1:]], ends[-1]]
    records = [wire[begin:last] for begin, last in zip(begins, lasts, strict=True)]
    return Stretches(firsts, begins, records, ends)


def _valid(ids: Sequence[bytes]) -> Sequence[bytes]:
    """Return ids, and `NO_TRACE` for what is none.  (W3C Trace Context, trace-id)"""
    if set(map(len, ids)) == {_ID_LENGTH} and _NOT_AN_ID not in ids:
        return ids
    return [each if len(each) == _ID_LENGTH and each != _NOT_AN_ID else NO_TRACE for each in ids]
