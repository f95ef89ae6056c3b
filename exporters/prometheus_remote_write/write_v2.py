"""Protocol 2.0: `io.prometheus.write.v2.Request`, written straight to bytes.

Every text stands once, in a table at the beginning; series refer to it by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from exporters.prometheus_remote_write.series import (
    Exemplar,
    Metadata,
    NativeHistogram,
    Request,
    Sample,
    Series,
    Single,
    Stream,
    varint,
)
from exporters.prometheus_remote_write.write_v1 import field, stamp

_SMALL = tuple(varint(number) for number in range(1 << 14))
"""Numbers of up to two bytes, which nearly all references and lengths are."""


class Symbols(dict[str, bytes]):
    """The table of one request: each text's number as a varint.  Looking up a new text adds it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        """Bytes that it takes in the request."""
        self.metadata: dict[int, bytes] = {}
        """What was written of families, by their identity: they are held by the streams meanwhile."""
        self[""]  # Remote write 2.0, "Symbols": the first one is empty

    def __missing__(self, text: str) -> bytes:
        reference = self[text] = _number(len(self))
        self.size += len(_symbol(text))
        return reference

    def written(self, first: int) -> bytes:
        """Return the first so many texts as fields of the request."""
        return b"".join([_symbol(text) for text in islice(self, first)])


def encode(streams: Iterable[Stream]) -> bytes:
    """Return a request, not compressed."""
    symbols = Symbols()
    series = b"".join([_stream(stream, symbols) for stream in streams])
    return symbols.written(len(symbols)) + series


def requests(streams: Sequence[Stream], max_bytes: int) -> Iterator[Request]:
    """Cut streams into requests of at most `max_bytes` before compression; a stream that is larger goes alone."""
    parts: list[bytes] = []
    symbols, size, first = Symbols(), 0, 0
    for index, stream in enumerate(streams):
        known = len(symbols)
        part = _stream(stream, symbols)
        if parts and symbols.size + size + len(part) > max_bytes:
            yield _request(streams[first:index], [symbols.written(known), *parts])
            symbols, parts, size, first = Symbols(), [], 0, index
            part = _stream(stream, symbols)
        parts.append(part)
        size += len(part)
    if parts:
        yield _request(streams[first:], [symbols.written(len(symbols)), *parts])


def _request(streams: Sequence[Stream], parts: list[bytes]) -> Request:
    return Request(streams, b"".join(parts), sum([stream.items for stream in streams]))


def _stream(stream: Stream, symbols: Symbols) -> bytes:
    if stream.single is None:
        return b"".join([_series(series, symbols) for series in stream.series.values()])
    return _one_sample(stream.single, symbols)


def _one_sample(single: Single, symbols: Symbols) -> bytes:
    labels, metadata, timestamp, value, start = single
    names = b"".join(map(symbols.__getitem__, labels.texts))
    about = symbols.metadata.get(id(metadata)) or _metadata(metadata, symbols)
    before, after = _times(timestamp, start)
    body = b"".join((b"\x0a", _number(len(names)), names, before, value, after, about))
    return b"\x2a" + _number(len(body)) + body


def _series(series: Series, symbols: Symbols) -> bytes:
    """A series has samples or histograms, never both: two metrics that share a name become two series."""
    if len(series.samples) == 1 and not series.exemplars and not series.histograms:
        ((timestamp, (value, since)),) = series.samples.items()
        return _one_sample((series.labels, series.metadata, timestamp, value, since), symbols)
    start = field(b"\x0a", b"".join(map(symbols.__getitem__, series.labels.texts)))
    metadata = symbols.metadata.get(id(series.metadata)) or _metadata(series.metadata, symbols)
    end = b"".join([field(b"\x22", _exemplar(each, symbols)) for each in series.exemplars]) + metadata
    bodies = []
    if series.samples:
        bodies.append(b"".join([_sample(timestamp, sample) for timestamp, sample in series.samples.items()]))
    if series.histograms:
        bodies.append(b"".join([_histogram(histogram) for histogram in series.histograms.values()]))
    return b"".join([field(b"\x2a", start + body + end) for body in bodies])


def _sample(timestamp: int, sample: Sample) -> bytes:
    before, after = _times(timestamp, sample[1])
    return before + sample[0] + after


@lru_cache(1024)
def _times(timestamp: int, start: int) -> tuple[bytes, bytes]:
    """Return what stands before the value of a sample and behind it.  Points of one batch have few different times."""
    after = stamp(timestamp) + (b"\x18" + varint(start) if start else b"")
    return b"\x12" + _number(1 + 8 + len(after)) + b"\x09", after


def _histogram(histogram: NativeHistogram) -> bytes:
    start = b"\x88\x01" + varint(histogram.start) if histogram.start else b""
    return field(b"\x1a", histogram.body + start)


def _exemplar(exemplar: Exemplar, symbols: Symbols) -> bytes:
    labels = b"".join([symbols[text] for pair in exemplar.labels for text in pair])
    return field(b"\x0a", labels) + b"\x11" + exemplar.value + b"\x18" + varint(exemplar.timestamp)


def _metadata(metadata: Metadata, symbols: Symbols) -> bytes:
    body = b"\x08" + varint(metadata.type) if metadata.type else b""
    if metadata.help:
        body += b"\x18" + symbols[metadata.help]
    if metadata.unit:
        body += b"\x20" + symbols[metadata.unit]
    written = symbols.metadata[id(metadata)] = field(b"\x2a", body)
    return written


def _symbol(text: str) -> bytes:
    return field(b"\x22", text.encode())


def _number(number: int) -> bytes:
    return _SMALL[number] if number < len(_SMALL) else varint(number)
