"""What a batch of metrics becomes before it is written in either version of the protocol.

A *stream* is everything that must travel in one request and in order: all series that one data point, or several of
the same metric and attributes, became.  It is the unit of sharding, of cutting requests and of counting.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from collector.errors import DropReason

Pairs: TypeAlias = tuple[tuple[str, str], ...]

Sample: TypeAlias = tuple[bytes, int]
"""The value in eight bytes, as on the wire: nothing here computes with it, so that a stale marker stays one.  And the
start in milliseconds since the Unix epoch; 0 if not known."""

STALE = bytes.fromhex("020000000000f07f")
"""StaleNaN, 0x7ff0000000000002, as it stands on the wire.  A signalling NaN: any arithmetic would make it another."""
NAME, BOUND, QUANTILE = "__name__", "le", "quantile"
_PARTS = frozenset({NAME, BOUND, QUANTILE})
_SUFFIXES = re.compile(r"(?:_bucket|_sum|_count)+$")
_USUAL = 512
"""Bytes of a label set as it is written; those of an SDK with a resource have 100 to 400."""
_float = struct.Struct("<d").pack


def raw(value: float) -> bytes:
    """Return a number as the eight bytes that stand on the wire; a NaN keeps its bits."""
    return _float(value)


class LabelSet:
    """The labels of one series: sorted by name (code points, as Go sorts bytes), unique, none of them empty.

    Made once and remembered, so that what is derived from it is computed once.
    """

    __slots__ = ("__dict__", "identity", "key", "pairs")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.pairs: Pairs = tuple(sorted((name, value) for name, value in labels.items() if name and value))
        self.key = b"".join([label(name, value) for name, value in self.pairs])
        """The labels as protocol 1.0 writes them; equal for equal labels and for no others."""
        self.identity = _identity(self.pairs)
        """A number of 64 bits, the same in every process.  Equal for all series that one data point becomes, and for
        those of another metric that happen to have the same names: what decides on the shard."""

    @property
    def weight(self) -> int:
        """What it takes to remember it, in label sets of the usual size."""
        return 1 + len(self.key) // _USUAL

    @cached_property
    def name(self) -> str:
        """The metric's name, with `_bucket` or the like."""
        return dict(self.pairs).get(NAME, "")

    @cached_property
    def family(self) -> str:
        """The metric's name without: the same for all label sets of one identity."""
        return _SUFFIXES.sub("", self.name)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Names and values in turn."""
        return tuple(text for pair in self.pairs for text in pair)

    @cached_property
    def head(self) -> bytes:
        """A series of protocol 1.0 with one sample, up to its value, if its timestamp takes `STAMP` bytes."""
        sample = 1 + 8 + STAMP
        return b"\x0a" + varint(len(self.key) + 2 + sample) + self.key + bytes((0x12, sample, 0x09))

    def __repr__(self) -> str:
        return f"LabelSet({dict(self.pairs)!r})"


STAMP = 7
"""Bytes of a timestamp with its tag, from 1971 to 2109."""


def label(name: str, value: str) -> bytes:
    """Return a label as a field of a series or an exemplar of protocol 1.0."""
    raw_name, raw_value = name.encode(), value.encode()
    body = b"\x0a" + varint(len(raw_name)) + raw_name + b"\x12" + varint(len(raw_value)) + raw_value
    return b"\x0a" + varint(len(body)) + body


def _identity(pairs: Pairs) -> int:
    rest = [f"{len(name)}:{name}{len(value)}:{value}" for name, value in pairs if name not in _PARTS]
    name = next((value for name, value in pairs if name == NAME), "")
    text = "".join([_SUFFIXES.sub("", name), "\0", *rest])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def varint(number: int) -> bytes:
    """Return an integer as protobuf writes it; a negative one has ten bytes."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Exemplar(NamedTuple):
    labels: Pairs
    value: bytes
    timestamp: int
    """Milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    body: bytes
    """All fields that both versions of the protocol write alike, in their order: everything but `start`."""
    start: int = 0
    """Milliseconds since the Unix epoch; 0 if not known."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known about a metric family."""

    family: str
    """The metric's name without `_bucket`, `_sum` or `_count`."""
    type: int = 0
    """Of the protocol's enumeration: 1 counter, 2 gauge, 3 histogram, 5 summary, 6 info, 7 stateset; 0 unknown."""
    help: str = ""
    unit: str = ""


class Series:
    """Samples or native histograms of one label set; both by timestamp in milliseconds, ascending."""

    histograms: Mapping[int, NativeHistogram] = MappingProxyType({})
    exemplars: Sequence[Exemplar] = ()

    def __init__(self, labels: LabelSet, metadata: Metadata, samples: dict[int, Sample] | None = None) -> None:
        self.labels = labels
        self.metadata = metadata
        self.samples: dict[int, Sample] = {} if samples is None else samples


Single: TypeAlias = tuple[LabelSet, Metadata, int, bytes, int]
"""A series with one sample and nothing else: its timestamp, and the two parts of a `Sample`."""


class Stream:
    """All series that must stay together: those of the same metric and attributes.

    Nearly all are one sample of one series.  Objects for that are made only when somebody asks for them: they would
    take longer than everything else that is done with the sample.
    """

    __slots__ = ("_series", "identity", "items", "single")

    def __init__(
        self, identity: int, series: dict[bytes, Series] | None, items: int, single: Single | None = None
    ) -> None:
        self.identity = identity
        """As `LabelSet.identity`; take it modulo the number of shards."""
        self.items = items
        """How many data points it stands for; 0 for target_info."""
        self.single = single
        """What it is, unless it is more or `series` was asked for."""
        self._series = series

    @property
    def labels(self) -> LabelSet:
        """Of the first series."""
        return self.single[0] if self.single else next(iter(self.series.values())).labels

    @property
    def has_native(self) -> bool:
        """Whether any of it is a native histogram."""
        return self.single is None and any(series.histograms for series in self.series.values())

    @property
    def series(self) -> dict[bytes, Series]:
        """By `LabelSet.key`, in the order in which they are written."""
        if self._series is None:
            self._series = {}
            if self.single is not None:
                labels, metadata, timestamp, value, start = self.single
                self._series[labels.key] = Series(labels, metadata, {timestamp: (value, start)})
                self.single = None
        return self._series


@dataclass(frozen=True, slots=True)
class Translation:
    """A batch as streams.  Every data point of it is an item of one stream or is in `dropped`."""

    streams: Sequence[Stream]
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    """UNSUPPORTED: the protocol has nothing for it (no temporality, no name, a scale below -4, ...).  OUT_OF_ORDER:
    another point of the batch has the same series and time, or a delta comes too late to be added."""
    metadata: Sequence[Metadata] = ()
    """Of each family once, where `send_metadata` is on: for protocol 1.0, which writes them beside the series."""


class Request:
    """A part of the streams, written: not compressed."""

    def __init__(
        self,
        streams: Sequence[Stream],
        body: bytes,
        items: int,
        samples: int | None = None,
        histograms: int = 0,
        exemplars: int = 0,
    ) -> None:
        self.streams = streams
        self.body = body
        self.items = items
        if samples is not None:
            self._counts = samples, histograms, exemplars

    @property
    def samples(self) -> int:
        return self._counts[0]

    @property
    def histograms(self) -> int:
        return self._counts[1]

    @property
    def exemplars(self) -> int:
        return self._counts[2]

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        """Counted when they are asked for, which a receiver of protocol 1.0 is no reason to."""
        return count(self.streams)


def count(streams: Iterable[Stream]) -> tuple[int, int, int]:
    """Return how many samples, native histograms and exemplars there are: what 2.0's Written headers count."""
    streams = list(streams)
    every = [series for stream in streams if stream.single is None for series in stream.series.values()]
    return (
        sum([len(series.samples) for series in every]) + sum([stream.single is not None for stream in streams]),
        sum([len(series.histograms) for series in every]),
        sum([len(series.exemplars) for series in every]),
    )
