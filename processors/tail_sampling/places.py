"""Where the records of a request stand, found without a copy of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError

from collector.api import Batch
from collector.wire.walk import WireError, fields, varint

# opentelemetry-proto: the same for all signals
_RESOURCE, _SCOPE, _RECORD = 0x0A, 0x12, 0x12
"""What a request, one of its resources, and one of its scopes have; a number and how it is written."""
_MORE = 0x80


class Place(NamedTuple):
    """A scope with records."""

    resource: bytes
    """Its resource's bytes without scopes."""
    scope: bytes
    """Its own without records."""
    begin: int
    """Where its first record begins in the request."""
    records: int
    """How many there are before this one."""


class Places(NamedTuple):
    """All of a request."""

    wire: bytes
    """The request, with the records of each scope one after the other."""
    places: Sequence[Place]
    ends: Sequence[int]
    """Where each record ends in there: the next one of the same scope begins there."""
    rest: bytes
    """What the request has besides resources."""


def places_of(batch: Batch) -> Places:
    """Find the records of a request.

    Raises:
        google.protobuf.message.DecodeError: it is not OTLP.
    """
    try:
        return _walk(batch.wire)
    except (WireError, IndexError):
        # written as no known encoder does, or no message at all, which parsing tells
        wire = batch.skeleton().SerializeToString()
    try:
        return _walk(wire)
    except (WireError, IndexError) as error:
        raise DecodeError(str(error)) from error


def _walk(wire: bytes) -> Places:
    places: list[Place] = []
    ends: list[int] = []
    rest: list[bytes] = []
    begin = 0
    for tag, start, end in fields(wire, 0, len(wire)):
        if tag == _RESOURCE:
            _walk_resource(wire, start, end, places, ends)
        else:
            rest.append(wire[begin:end])
        begin = end
    return Places(wire, places, ends, b"".join(rest))


def _walk_resource(wire: bytes, start: int, end: int, places: list[Place], ends: list[int]) -> None:
    scopes: list[tuple[int, int]] = []
    shell: list[bytes] = []
    begin = start
    for tag, inner, stop in fields(wire, start, end):
        if tag == _SCOPE:
            scopes.append((inner, stop))
        else:
            shell.append(wire[begin:stop])
        begin = stop
    resource = b"".join(shell)
    for inner, stop in scopes:
        records = len(ends)
        first, last = _walk_scope(wire, inner, stop, ends)
        if len(ends) > records:
            places.append(Place(resource, wire[inner:first] + wire[last:stop], first, records))


def _walk_scope(wire: bytes, start: int, end: int, ends: list[int]) -> tuple[int, int]:
    """Note where records end; return where the first one begins and the last one ends.

    Raises:
        WireError: the records do not stand one after the other.
    """
    first = start
    for tag, _, stop in fields(wire, start, end):
        if tag == _RECORD:
            break
        first = stop
    last = _walk_records(wire, first, end, ends)
    for tag, _, _ in fields(wire, last, end):
        if tag == _RECORD:
            raise WireError("something else stands between records")
    return first, last


def _walk_records(wire: bytes, at: int, end: int, ends: list[int]) -> int:
    """Note where each record ends, and return where the last one does."""
    note = ends.append
    while at < end and wire[at] == _RECORD:
        size = wire[at + 1]
        if size < _MORE:
            at += 2 + size
        elif (high := wire[at + 2]) < _MORE:
            at += 3 + size - _MORE + (high << 7)
        else:
            size, at = varint(wire, at + 1, end)
            at += size
        note(at)
    if at > end:
        raise WireError("truncated")
    return at
