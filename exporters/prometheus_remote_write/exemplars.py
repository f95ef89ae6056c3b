"""Exemplars: single measurements with the trace that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from exporters.prometheus_remote_write.labels import Labels, texts
from exporters.prometheus_remote_write.names import NamelessError
from exporters.prometheus_remote_write.points import EXEMPLAR, milliseconds, value_of
from exporters.prometheus_remote_write.series import Exemplar, Pairs

LONGEST = 128
"""Characters of all names and values together (OpenMetrics 1.0, "Exemplars")."""


def read(wires: Iterable[bytes], timestamp: int, labels: Labels) -> list[Exemplar]:
    """Return exemplars in the order of their times; those without a value are left out.

    Args:
        wires: as they stand in a data point.
        timestamp: that of the point, in milliseconds, for those that have none: protocol 2.0 demands one.
        labels: how attributes become labels.
    """
    found = []
    for wire in wires:
        message: Any = EXEMPLAR.FromString(wire)
        value = value_of(message)
        if value is not None:
            found.append(Exemplar(_labels(message, labels), value, milliseconds(message) or timestamp))
    return sorted(found, key=attrgetter("timestamp"))


def _labels(message: Any, labels: Labels) -> Pairs:
    """The ids replace attributes of their names, and are all that is left if everything together is too long."""
    ids = {"trace_id": message.trace_id.hex(), "span_id": message.span_id.hex()}
    ids = {name: value for name, value in ids.items() if value}
    try:
        pairs = labels.joined(texts(message.filtered_attributes)) | ids
    except NamelessError:
        pairs = ids
    if sum(len(name) + len(value) for name, value in pairs.items()) > LONGEST:
        pairs = ids
    return tuple(sorted((name, value) for name, value in pairs.items() if value))
