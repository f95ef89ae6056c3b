"""Decide whether bytes are OTLP before anything believes them, at a cost that the sender cannot choose.

Twenty KB of gzip can hold ten million empty spans, which the official parser turns into two gigabytes.  So a body is
counted before it is parsed: by a projection that leaves records as bytes, or, if it is large, by walking it entry by
entry and parsing it in parts that are thrown away one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from collector.apart import take_apart
from collector.batch import SHAPES, Batch, Shape, Signal
from collector.net.bad_input import BadData, TooLarge
from collector.net.identifiers import has_bad_ids, have_ids_first, without_bad_ids
from collector.wire.walk import BYTES, WireError, fields

SMALL = 1 << 13
"""A body up to here, in bytes, holds no more resources and scopes than take some milliseconds to walk through."""
MEDIUM = 1 << 20
"""A body up to here, in bytes, is counted by projection: its records make no more than some twenty megabytes."""
PART = 1 << 18
"""Bytes that are parsed at a time when a body is large: the worst of them make some twenty-five megabytes."""
MAX_PARENTS = 1_000
"""Resources, scopes and metrics that a request may have beyond one for each record."""


class Validated(NamedTuple):
    batch: Batch
    rejected: int
    """Items left out, because their ids are not ids."""
    message: str
    """Why, for the sender."""


def validate(signal: Signal, wire: bytes, *, max_items: int, max_record_size: int) -> Validated:
    """Check that `wire` is an OTLP request of `signal`, within limits, and count its items.

    Raises:
        BadData: it is not.
        TooLarge: it has more than `max_items` records, or one record of more than `max_record_size` bytes.
    """
    shape = SHAPES[signal]
    try:
        if len(wire) > MEDIUM:
            _Parts(wire, max_items, max_record_size).check(shape.request, 0, len(wire))
        items, siblings = _counted(shape, wire, max_items)
        skeleton: Any = shape.skeleton.FromString(wire) if len(wire) > SMALL or signal is Signal.TRACES else None
        if len(wire) > SMALL:
            _refuse_empty_parents(shape, skeleton, items, max_items)
        checked = shape.checker.FromString(wire)
        if max_record_size < len(wire) <= MEDIUM and _largest(shape, siblings) > max_record_size:
            raise TooLarge(f"a record of more than {max_record_size} bytes")
    except (DecodeError, WireError) as error:
        # the part before names a class of this program
        reason = str(error).rpartition("': ")[2]
        raise BadData(f"not an OTLP request for {signal}: {reason}") from None
    if signal is not Signal.TRACES:
        return Validated(Batch(signal, wire=wire, items=items), 0, "")
    apart = take_apart(skeleton, shape.path)
    spans = list(chain.from_iterable(apart.records))
    has_one_id_each = have_ids_first(spans, checked)
    if not has_one_id_each and has_bad_ids(spans):
        return _accept_the_others(wire, items)
    apart = apart._replace(has_one_id_each=has_one_id_each)
    return Validated(Batch(signal, wire=wire, apart=apart, items=items), 0, "")


def exceeds(signal: Signal, prefix: bytes, max_items: int) -> bool:
    """Say whether the first part of a body shows already that it has too many records."""
    budget = _Budget(max_items)
    try:
        _count_entries(prefix, SHAPES[signal].request, 0, len(prefix), budget)
    except TooLarge:
        return True
    except WireError:  # for the parser to say
        return False
    return False


def _counted(shape: Shape, wire: bytes, max_items: int) -> tuple[int, Sequence[Any]]:
    """Return how many records there are, and the spans, metrics, log records or profiles themselves.

    What costs time for each of them is done only when it is known that there are not too many.
    """
    siblings = shape.siblings(shape.merged.FromString(wire))
    if len(siblings) <= max_items + MAX_PARENTS:
        items = shape.count(siblings)
        if items <= max_items and len(siblings) <= items + MAX_PARENTS:
            return items, siblings
    raise TooLarge(f"more than {max_items} records in one request")


def _refuse_empty_parents(shape: Shape, skeleton: Any, items: int, max_items: int) -> None:
    """Refuse more resources or scopes than records: whoever walks through a request pays for each of them."""
    to_resources, to_scopes, *_ = shape.path
    resources = to_resources(skeleton)
    most = items + MAX_PARENTS
    if len(resources) > most or sum([len(to_scopes(resource)) for resource in resources]) > most:
        raise TooLarge(f"more than {max_items} records in one request")


def _largest(shape: Shape, siblings: Sequence[Any]) -> int:
    """Return the size of the largest record, in bytes."""
    inner = shape.path[3:]
    records = [record for each in siblings for record in inner[0](each)] if inner else siblings
    return max(map(len, records), default=0)


def _accept_the_others(wire: bytes, items: int) -> Validated:
    kept, left = without_bad_ids(Batch(Signal.TRACES, wire=wire).skeleton())
    batch = Batch(Signal.TRACES, wire=kept.SerializeToString(), items=left)
    message = f"{items - left} spans rejected: a trace_id has 16 bytes and a span_id 8, not all zero"
    return Validated(batch, items - left, message if items > left else "")


class _Budget:
    """How many records, and parents of records, a request may still have."""

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._left = max_items + MAX_PARENTS

    def spend(self, entries: int = 1) -> None:
        """
        Raises:
            TooLarge: it was spent before.
        """
        self._left -= entries
        if self._left < 0:
            raise TooLarge(f"more than {self._max_items} records in one request")


def _count_entries(wire: bytes, message: Any, start: int, end: int, budget: _Budget) -> None:
    containers = _containers(message.DESCRIPTOR)
    for tag, payload, stop in fields(wire, start, end, cut=True):
        budget.spend()
        if tag in containers:
            _count_entries(wire, containers[tag], payload, stop, budget)


class _Parts:
    """Parses a large message in parts, counting as it goes."""

    def __init__(self, wire: bytes, max_items: int, max_record_size: int) -> None:
        self._wire = wire
        self._budget = _Budget(max_items)
        self._max_record_size = max_record_size

    def check(self, message: Any, start: int, end: int) -> None:
        """Parse what is between two offsets, which are those of fields of `message`.

        Raises:
            TooLarge, WireError, google.protobuf.message.DecodeError.
        """
        containers, begin = _containers(message.DESCRIPTOR), start
        position = start
        for tag, payload, stop in fields(self._wire, start, end):
            self._budget.spend()
            if tag in containers and stop - payload > PART:
                self._parse(message, begin, position)
                self.check(containers[tag], payload, stop)
                begin = stop
            elif stop - payload > self._max_record_size:
                raise TooLarge(f"a record of more than {self._max_record_size} bytes")
            elif stop - begin > PART:
                self._parse(message, begin, stop)
                begin = stop
            position = stop
        self._parse(message, begin, end)

    def _parse(self, message: Any, start: int, end: int) -> None:
        if end > start:
            self._budget.spend(_inner_records(message.FromString(self._wire[start:end])))


def _inner_records(message: Any) -> int:
    """Count what is below the containers of a parsed part; what is directly in it was counted on the way."""
    inner = 0
    for field, _ in _container_fields(message.DESCRIPTOR):
        value = getattr(message, field.name)
        for child in value if field.is_repeated else [value]:
            inner += _inner_records(child) + sum(len(getattr(child, name)) for name in _repeated(child.DESCRIPTOR))
    return inner


_CONTAINERS = frozenset({
    *("ResourceSpans", "ScopeSpans", "ResourceLogs", "ScopeLogs", "ResourceProfiles", "ScopeProfiles"),
    *("ResourceMetrics", "ScopeMetrics", "Metric", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"),
    "ProfilesDictionary",
})  # fmt: skip
"""Messages above records, which may be large together; a record itself is never taken apart."""


@cache
def _container_fields(descriptor: Descriptor) -> list[tuple[Any, Any]]:
    nested = [(field, field.message_type) for field in descriptor.fields]
    return [(f, message_factory.GetMessageClass(m)) for f, m in nested if m is not None and m.name in _CONTAINERS]


@cache
def _containers(descriptor: Descriptor) -> dict[int, Any]:
    """Map the tag of each field that holds containers to their class."""
    return {field.number << 3 | BYTES: class_ for field, class_ in _container_fields(descriptor)}


@cache
def _repeated(descriptor: Descriptor) -> list[str]:
    return [field.name for field in descriptor.fields if field.is_repeated and field.message_type is not None]
