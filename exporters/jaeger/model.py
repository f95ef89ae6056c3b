"""What Jaeger calls a span, before it is written in one of its formats."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

TagValue: TypeAlias = str | bool | int | float | bytes
"""The five types that a tag can have."""
Tag: TypeAlias = tuple[str, TagValue]


class RefType(enum.IntEnum):
    """Both formats number them so."""

    CHILD_OF = 0
    FOLLOWS_FROM = 1


class Reference(NamedTuple):
    trace_id: bytes
    """16 bytes."""
    span_id: bytes
    """8 bytes."""
    type: RefType


class JaegerSpan(NamedTuple):
    trace_id: bytes
    """16 bytes."""
    span_id: bytes
    """8 bytes."""
    parent_id: bytes
    """8 bytes; zeros for none.  Where there is one it is the first reference, too."""
    name: bytes
    """UTF-8."""
    references: Sequence[Reference]
    flags: int
    start: int
    """Nanoseconds since the Unix epoch."""
    duration: int
    """Nanoseconds, not negative, at most 2**63 - 1: a Go duration holds no more."""
    tags: Sequence[bytes]
    """As the format writes them in a span."""
    logs: Sequence[bytes]


class Format(Protocol):
    """One way to write the model: each part on its own, so that parts that come again are written once."""

    def tag(self, key: str, value: TagValue) -> bytes:
        """Return a tag as it stands in a span."""

    def field(self, key: str, value: TagValue) -> bytes:
        """Return a tag as it stands in a log."""

    def log(self, time: int, fields: Sequence[bytes]) -> bytes:
        """Return what happened at `time`, in nanoseconds since the Unix epoch, as it stands in a span."""

    def process(self, service: str, tags: Sequence[Tag]) -> bytes: ...

    def span(self, span: JaegerSpan) -> bytes: ...

    def batch(self, process: bytes, spans: Sequence[bytes]) -> bytes:
        """Return one whole request."""
