"""Protocol 1.0: `prometheus.WriteRequest`, written straight to bytes.

A label set knows how it is written, so the frequent series, one sample and nothing else, is one concatenation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from exporters.prometheus_remote_write.series import (
    STAMP,
    Exemplar,
    LabelSet,
    Metadata,
    Request,
    Series,
    Stream,
    label,
    varint,
)

_SHORT = tuple(map(varint, range(1 << 10)))
"""Lengths of nearly everything."""


def encode(streams: Iterable[Stream], metadata: Iterable[Metadata] = ()) -> bytes:
    """Return a request, not compressed."""
    parts = [write_stream(stream) for stream in streams]
    parts += map(write_metadata, metadata)
    return b"".join(parts)


def requests(streams: Sequence[Stream], max_bytes: int) -> Iterator[Request]:
    """Cut streams into requests of at most `max_bytes` before compression; a stream that is larger goes alone."""
    parts: list[bytes] = []
    first, size = 0, 0
    for index, stream in enumerate(streams):
        part = write_stream(stream)
        if parts and size + len(part) > max_bytes:
            yield _request(streams[first:index], parts)
            parts, first, size = [], index, 0
        parts.append(part)
        size += len(part)
    if parts:
        yield _request(streams[first:], parts)


def _request(streams: Sequence[Stream], parts: list[bytes]) -> Request:
    return Request(streams, b"".join(parts), sum([stream.items for stream in streams]))


def write_stream(stream: Stream) -> bytes:
    """Return the series of a stream as fields of a request.  `len()` of it is exactly what it adds to the request."""
    if stream.single is None:
        return b"".join(map(_series, stream.series.values()))
    labels, _, timestamp, value, _ = stream.single
    time = stamp(timestamp)
    if len(time) == STAMP:
        return labels.head + value + time
    return _one_sample(labels, timestamp, value)


def _one_sample(labels: LabelSet, timestamp: int, value: bytes) -> bytes:
    return field(b"\x0a", labels.key + field(b"\x12", b"\x09" + value + stamp(timestamp)))


def _series(series: Series) -> bytes:
    if len(series.samples) == 1 and not series.exemplars and not series.histograms:
        ((timestamp, sample),) = series.samples.items()
        return _one_sample(series.labels, timestamp, sample[0])
    parts = [series.labels.key]
    for timestamp, sample in series.samples.items():
        parts.append(field(b"\x12", b"\x09" + sample[0] + stamp(timestamp)))
    parts += [field(b"\x1a", _exemplar(exemplar)) for exemplar in series.exemplars]
    parts += [field(b"\x22", histogram.body) for histogram in series.histograms.values()]
    return field(b"\x0a", b"".join(parts))


def _exemplar(exemplar: Exemplar) -> bytes:
    labels = b"".join([label(name, value) for name, value in exemplar.labels])
    return labels + b"\x11" + exemplar.value + b"\x18" + varint(exemplar.timestamp)


def write_metadata(metadata: Metadata) -> bytes:
    """Return what is known about a family as a field of a request."""
    texts = (b"\x12", metadata.family), (b"\x22", metadata.help), (b"\x2a", metadata.unit)
    body = (b"\x08" + varint(metadata.type)) if metadata.type else b""
    return field(b"\x1a", body + b"".join([field(tag, text.encode()) for tag, text in texts if text]))


def field(tag: bytes, body: bytes) -> bytes:
    length = len(body)
    return tag + (_SHORT[length] if length < len(_SHORT) else varint(length)) + body


def _field_2(timestamp: int) -> bytes:
    return b"\x10" + varint(timestamp) if timestamp else b""


stamp = lru_cache(1024)(_field_2)
"""Field 2 of a sample.  Points of one batch have few different times."""
