"""Take requests apart into the records of each trace, without decoding one of them.

Records stay the bytes they came as.  Where they stood, their resource and scope, is kept once for all that came from
the same place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, islice, pairwise
from operator import ne
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from collector.api import Batch, Signal
from collector.batch import SHAPES
from collector.wire.projection import VALUE, project
from processors.tail_sampling.facts import NO_FACTS, Facts, Sought, facts_of
from processors.tail_sampling.framing import framed
from processors.tail_sampling.reading import read
from processors.tail_sampling.trace import Origin

NO_TRACE = b""
"""Stands for the id of records that have none, or one that is not valid."""
_ID_LENGTH = 16
_NOT_AN_ID = bytes(_ID_LENGTH)
_LOG_IDS: Any = project(ScopeLogs, {"log_records": {"trace_id": VALUE}})


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
        self._resources, self._scopes, self._records = SHAPES[signal].path[:3]
        self._origins: WeakValueDictionary[Any, Origin] = WeakValueDictionary()

    def stretches(self, batch: Batch) -> Sequence[Stretch]:
        """Return the records of a batch in their order.

        Raises:
            google.protobuf.message.DecodeError: it is not OTLP.
        """
        places = list(self._places(batch))
        if not places:
            return ()
        records = places[0][1] if len(places) == 1 else [record for _, records in places for record in records]
        wire, offsets = framed(records)
        reading = read(records, wire) if self._signal is Signal.TRACES else None
        ids = _ids_of_logs(wire) if reading is None else reading.trace_ids
        begins = _begins(ids, [len(records) for _, records in places])
        bounds = [*[offsets[begin] for begin in begins], len(wire)]
        number = len(begins)
        facts = [NO_FACTS] * number if reading is None else facts_of(reading, begins, wire, bounds, self._sought)
        counts = [end - begin for begin, end in zip(begins, [*begins[1:], len(records)], strict=True)]
        valid = _valid([ids[begin] for begin in begins])
        return list(zip(valid, _origins(places, begins), _cut(wire, bounds), counts, facts, strict=True))

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


def _ids_of_logs(wire: bytes) -> Sequence[bytes]:
    return [record.trace_id for record in _LOG_IDS.FromString(wire).log_records]


def _begins(ids: Sequence[bytes], counts: Sequence[int]) -> Sequence[int]:
    """Return where another trace begins, or another place: those have so many records each."""
    begins = [0, *compress(range(1, len(ids)), map(ne, ids, islice(ids, 1, None)))]
    return begins if len(counts) == 1 else sorted({*begins, *accumulate(counts[:-1])})


def _origins(places: Sequence[tuple[Origin, Sequence[bytes]]], begins: Sequence[int]) -> Iterable[Origin]:
    if len(places) == 1:
        return [places[0][0]] * len(begins)
    ends = list(accumulate([len(records) for _, records in places]))
    return [places[bisect_right(ends, begin)][0] for begin in begins]


def _cut(wire: bytes, bounds: Sequence[int]) -> Sequence[bytes]:
    return [wire[begin:end] for begin, end in pairwise(bounds)]


def _valid(ids: Sequence[bytes]) -> Sequence[bytes]:
    """Return ids, and `NO_TRACE` for what is none.  (W3C Trace Context, trace-id)"""
    if set(map(len, ids)) == {_ID_LENGTH} and _NOT_AN_ID not in ids:
        return ids
    return [each if len(each) == _ID_LENGTH and each != _NOT_AN_ID else NO_TRACE for each in ids]
