"""Records as they stand one after the other in a request, each with its tag and its length before it.

So the records of a trace are one piece of memory however many they are, and go out as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from operator import add
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from collector.wire.projection import OPAQUE, project
from collector.wire.walk import varint

# opentelemetry-proto: `ScopeSpans.spans` and `ScopeLogs.log_records` both have this number
RECORD = 2
_LENGTH_DELIMITED = 2
_LOW_BITS, _MORE = 0x7F, 0x80
_REMEMBERED = 4096
"""Bytes of a record up to which what stands before it is made once."""
_RECORDS: Any = project(ScopeSpans, {"spans": OPAQUE})


def head(field: int, size: int) -> bytes:
    """Return what stands before the content of a field: its number, below 16, and how many bytes there are."""
    written = bytearray([field << 3 | _LENGTH_DELIMITED])
    while size >= _MORE:
        written.append(size & _LOW_BITS | _MORE)
        size >>= 7
    written.append(size)
    return bytes(written)


class _Heads(dict[int, bytes]):
    """What stands before a record, by its size."""

    def __missing__(self, size: int) -> bytes:
        made = head(RECORD, size)
        if size < _REMEMBERED:
            self[size] = made
        return made


_HEADS = _Heads()


def framed(records: Sequence[bytes]) -> tuple[bytes, Sequence[int]]:
    """Return records as a request has them, where each begins there, and where the last one ends."""
    sizes = list(map(len, records))
    heads = list(map(_HEADS.__getitem__, sizes))
    wire = b"".join(chain.from_iterable(zip(heads, records, strict=True)))
    return wire, list(accumulate(map(add, map(len, heads), sizes), initial=0))


def records_in(wire: bytes) -> Sequence[bytes]:
    """Return the records that `framed` has joined."""
    return list(_RECORDS.FromString(wire).spans)


def records_mentioning(wire: bytes, texts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the records that `framed` has joined in whose bytes one of some texts stands, and maybe some others."""
    begin = 0
    while begin < len(wire):
        found = [at for text in texts if (at := wire.find(text, begin)) >= 0]
        if not found:
            return
        first = min(found)
        end = begin
        while end <= first:
            size, begin = varint(wire, end + 1, len(wire))
            end = begin + size
        yield wire[begin:end]
        begin = end
