"""Data points that say something about the same thing at the same time become one document.

A time series data stream makes the id of a document of its dimensions and time, so two documents that differ in neither
would be one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.mapping.points import Value
from exporters.elasticsearch.routing import Route

DUPLICATE = "a metric is there twice with the same time and attributes"

_FNV32_PRIME, _FNV32_START = 0x01000193, 0x811C9DC5
_FNV64_PRIME, _FNV64_START = 0x100000001B3, 0xCBF29CE484222325


@dataclass(slots=True)
class Group:
    """The data points of one document."""

    route: Route
    item: int
    """The first of them."""
    fields: Mapping[str, str]
    """Everything else in the document."""
    write: Callable[[Group, Documents], None]
    """Adds the document, when all of the batch has been read and there is something in it."""
    values: dict[str, Value] = field(default_factory=dict)
    """By the name of the metric."""
    names: set[str] = field(default_factory=set)
    """Those of all metrics, also of those whose value no field can hold."""
    doc_count: int = 0

    def add(self, name: str, value: Value) -> bool:
        """Take a data point; False if there is one of a metric of that name."""
        if name in self.values:
            return False
        self.values[name] = value
        return True

    def finish(self, out: Documents) -> None:
        """Add the document, if there is anything in it."""
        if self.values:
            self.write(self, out)


def names_hash(names: set[str]) -> str:
    """Return what tells apart documents of different metrics that are equal otherwise: `_metric_names_hash`."""
    return _hashes["".join(sorted(names))]


def fnv1a_32(data: bytes) -> int:
    """Fowler-Noll-Vo hash 1a, 32 bits."""
    value = _FNV32_START
    for byte in data:
        value = (value ^ byte) * _FNV32_PRIME & 0xFFFFFFFF
    return value


def fnv1a_64(data: bytes) -> int:
    """Fowler-Noll-Vo hash 1a, 64 bits."""
    value = _FNV64_START
    for byte in data:
        value = (value ^ byte) * _FNV64_PRIME & 0xFFFFFFFFFFFFFFFF
    return value


_hashes: Memory[str, str] = Memory(lambda names: f"{fnv1a_32(names.encode()):x}", 4096)
