"""Ids made from what a record holds: one that is sent again is known again.

A span is known by its trace id, its span id and the CRC-32 of its bytes, since both sides of a call may share an id.

A log record is known by the first 128 bits of the SHA-256 of its bytes and of those of its resource and scope.  Records
that are equal in all of that within a batch are told apart by how many came before, so that identical log lines are
all kept; two in different batches are one and the same, which is what a repeated request is.  A log record that has no
time, or a span without ids, would be equal to a later one that says the same: its id depends on the whole batch, so
only a batch that is sent again as it was is known again.

A span event is known by its span's id and its position.  Metrics have no ids of their own: a time series data stream
makes them of dimensions and time.
"""

from __future__ import annotations

from binascii import crc32
from hashlib import sha256

_DIGITS = 32


class Ids:
    """Makes the ids of the records of one batch.

    Args:
        wire: the batch, which ids of records without time depend on.
    """

    def __init__(self, wire: bytes) -> None:
        self._wire = wire
        self._seen: dict[str, int] = {}
        self._batch = b""

    def of_span(self, trace_id: str, span_id: str, seed: bytes, span: bytes) -> str:
        """Return the id of a span.

        Args:
            trace_id: in hexadecimal digits.
            span_id: as well.
            seed: as returned by `seed`.
            span: its bytes.
        """
        return f"{trace_id}{span_id}{crc32(span):08x}" if trace_id and span_id else self.of_nameless(seed, span)

    def of_record(self, seed: bytes, record: bytes) -> str:
        """Return the id of a record that has a time, which may be there several times.

        Args:
            seed: as returned by `seed`.
            record: its bytes.
        """
        id = sha256(seed + record).hexdigest()[:_DIGITS]
        seen = self._seen
        if id in seen:
            seen[id] += 1
            return sha256(f"{id} {seen[id]}".encode()).hexdigest()[:_DIGITS]
        seen[id] = 0
        return id

    def of_nameless(self, seed: bytes, record: bytes) -> str:
        """Return the id of a record that has nothing to tell it from one of another batch."""
        if not self._batch:
            self._batch = sha256(self._wire).digest()
        return self.of_record(self._batch + seed, record)


def seed(*parts: bytes) -> bytes:
    """Return bytes that stand for resource and scope."""
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()[:16]
