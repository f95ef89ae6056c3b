"""Where text can hide: every field of OTLP that holds text, as its official descriptors say.

So there is no list of places that could lack one: what OTLP adds is a place as soon as its package knows it.  Fields
of bytes are ids and no places; text in attributes and values is theirs to know, so these are read as bytes.

Fields that should be there once are read as lists of all their occurrences, since whoever reads them next may
choose another one than the official parser does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.batch import SHAPES, Signal
from collector.wire.projection import EVERY, OPAQUE, VALUE, Each, Merged, Spec, project

_PAIR, _VALUE = KeyValue.DESCRIPTOR.full_name, AnyValue.DESCRIPTOR.full_name
_RECORDS = frozenset(
    record.DESCRIPTOR.full_name
    for record in (
        Span,
        LogRecord,
        metrics.NumberDataPoint,
        metrics.HistogramDataPoint,
        metrics.ExponentialHistogramDataPoint,
        metrics.SummaryDataPoint,
    )
)


@dataclass(frozen=True, eq=False)
class Level:
    """One kind of message, and where there is text in it: names of fields."""

    message: type[Message]
    is_record: bool
    texts: tuple[str, ...]
    pairs: tuple[str, ...]
    """Lists of KeyValues."""
    values: tuple[str, ...]
    """AnyValues."""
    parts: tuple[tuple[str, Level], ...]
    """What belongs to this message."""
    children: tuple[tuple[str, Level], ...]
    """What leads to records, or is one."""
    others: tuple[str, ...]
    """Fields in which there is no text."""


class Way(NamedTuple):
    """The names of the fields on the way to each message of a kind."""

    outer: tuple[str, ...]
    """From the request to the message, or to the records that it is in."""
    record: Level | None = None
    """What these are; None if it is in none."""
    inner: tuple[str, ...] = ()
    """From a record to the message; empty for the record itself."""


KINDS = ("texts", "pairs", "values")
"""Of text in fields, as `Level` has them."""


class Reading(NamedTuple):
    """What there is to read in a message of which all are one, without what holds no text."""

    fields: tuple[tuple[int, Level, str], ...]
    """Each with its kind, as an index of `KINDS`."""
    inner: tuple[tuple[str, Reading], ...]


class Places(NamedTuple):
    """All places of one signal, and the ways to read them."""

    root: Level
    reading: Reading
    """Of `gathered`."""
    ways: Mapping[Level, Way]
    gathered: type[Message]
    """The request as if there were one of each message: lists of all texts of a kind, at no cost for each record."""
    apart: type[Message]
    """The request with its records, to be changed in place."""
    around: type[Message]
    """The request with its records as bytes, so that those that stay cost next to nothing."""
    records: Mapping[Level, type[Message]]
    """Each kind of record, to be changed in place."""


@cache
def places(signal: Signal, *, complete: bool = False) -> Places:
    """Return the places of a signal; `complete` has all fields read, so that what is left over is unknown."""
    request = SHAPES[signal].request
    root = _level(request.DESCRIPTOR)
    ways = dict(_ways(root, Way(())))
    gathered, apart = project(request, _merged(root)), project(request, _apart(root, complete=complete))
    around = project(request, _apart(root, as_bytes=True))
    records = {level: project(level.message, _apart(level)) for level, way in ways.items() if level is way.record}
    return Places(root, _reading(root), ways, gathered, apart, around, records)


def _reading(level: Level) -> Reading:
    fields = [(kind, level, name) for kind, fields in enumerate(KINDS) for name in getattr(level, fields)]
    inner = [(name, _reading(part)) for name, part in (*level.parts, *level.children) if holds_text(part)]
    return Reading(tuple(fields), tuple(inner))


def _ways(level: Level, way: Way) -> Iterator[tuple[Level, Way]]:
    outer, record, inner = way
    if level.is_record:
        record = level
    yield level, Way(outer, record, inner)
    for name, further in (*level.parts, *level.children):
        yield from _ways(further, Way(outer, record, (*inner, name)) if record else Way((*outer, name)))


def _level(message: Any) -> Level:
    kinds: dict[str, list[Any]] = {kind: [] for kind in ("texts", "pairs", "values", "parts", "children", "others")}
    for field in message.fields:
        kind = _kind(field)
        is_message = kind in {"parts", "children"}
        kinds[kind].append((field.name, _level(field.message_type)) if is_message else field.name)
    fields = {kind: tuple(found) for kind, found in kinds.items()}
    return Level(GetMessageClass(message), message.full_name in _RECORDS, **fields)


def _kind(field: Any) -> str:
    message = field.message_type
    if message is None:
        return "texts" if field.type == FieldDescriptor.TYPE_STRING else "others"
    if message.full_name in {_PAIR, _VALUE}:
        return "pairs" if message.full_name == _PAIR else "values"
    return "children" if _leads_to_records(message) else "parts"


def _leads_to_records(message: Any) -> bool:
    if message.full_name in _RECORDS:
        return True
    inner = [field.message_type for field in message.fields if field.message_type is not None]
    return any(_leads_to_records(one) for one in inner if one.full_name not in {_PAIR, _VALUE})


def _merged(level: Level) -> Spec:
    inner = {name: Merged(_merged(part)) for name, part in (*level.parts, *level.children) if holds_text(part)}
    return {**dict.fromkeys((*level.texts, *level.pairs, *level.values), EVERY), **inner}


def _apart(level: Level, *, complete: bool = False, as_bytes: bool = False) -> Spec:
    inner: dict[str, Any] = {
        name: OPAQUE if as_bytes and part.is_record else Each(_apart(part, complete=complete, as_bytes=as_bytes))
        for name, part in (*level.parts, *level.children)
        if complete or holds_text(part)
    }
    first = level.message.DESCRIPTOR.fields_by_number.get(1)
    # what is declared is written first, and others look for the trace id at the start of a span
    others = [name for name in level.others if complete or (level.is_record and first and name == first.name)]
    every = (*level.texts, *level.pairs, *level.values)
    return {**dict.fromkeys(every, EVERY), **inner, **dict.fromkeys(others, VALUE)}


def holds_text(level: Level) -> bool:
    """Say whether there is a place in a message or below it."""
    has_own = bool(level.texts or level.pairs or level.values)
    return has_own or any(holds_text(inner) for _, inner in (*level.parts, *level.children))
