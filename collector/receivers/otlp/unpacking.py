"""From the bytes of a request to a batch: within limits, and without holding up the other requests."""

from __future__ import annotations

from functools import partial

from google.protobuf.message import DecodeError

from collector.batch import Batch, Signal
from collector.net.bad_input import BadData, TooLarge, UnsupportedEncoding
from collector.net.decompression import decompress
from collector.net.otlp_json import decode
from collector.net.validation import Validated, exceeds, validate
from collector.receivers.otlp.aside import LARGE, Aside
from collector.receivers.otlp.settings import ProtocolConfig

_LARGE_PROTOBUF = 2 * LARGE
"""Protobuf is checked faster: half a mebibyte takes a millisecond, and some twenty if made to take long."""


class Unpacking:
    """Checks what one listener was sent."""

    def __init__(self, limits: ProtocolConfig, aside: Aside) -> None:
        self._limits = limits
        self._aside = aside

    async def validate(self, signal: Signal, wire: bytes) -> Validated:
        """Make a batch of a protobuf request.

        Raises:
            BadInput: it is none, or too large.
        """
        if len(wire) < _LARGE_PROTOBUF:
            return self._validate(signal, wire)
        return await self._aside.run(self._validate, signal, wire)

    async def decode(self, signal: Signal, body: bytes) -> bytes:
        """Make the protobuf request of one in JSON.

        Raises:
            BadInput: it is none, or too large.
        """
        if len(body) < LARGE:
            return decode(signal, body)
        return await self._aside.run(decode, signal, body)

    async def decompress(
        self, signal: Signal, body: bytes, encoding: str, *, allowed: frozenset[str], limit: int, json: bool
    ) -> bytes:
        """Return what `body` was before it was compressed.

        Raises:
            BadInput: it is not what it says, or too large.
        """
        if encoding.strip().lower().removeprefix("identity") not in allowed:
            raise UnsupportedEncoding(f"unsupported Content-Encoding: {encoding[:50]}")
        probe = None if json else partial(self._probe, signal)
        inflate = partial(decompress, body, encoding, limit=limit, probe=probe)
        if len(body) < LARGE:
            return inflate()
        return await self._aside.run(inflate)

    def _validate(self, signal: Signal, wire: bytes) -> Validated:
        if self._limits.trusted:
            return _trusted(signal, wire)
        return validate(signal, wire, max_items=self._limits.max_items, max_record_size=self._limits.max_record_size)

    def _probe(self, signal: Signal, prefix: bytes) -> None:
        if not self._limits.trusted and exceeds(signal, prefix, self._limits.max_items):
            raise TooLarge(f"more than {self._limits.max_items} records in one request")


def _trusted(signal: Signal, wire: bytes) -> Validated:
    batch = Batch(signal, wire=wire)
    try:
        len(batch)
    except DecodeError as error:  # its records cannot even be counted
        raise BadData(f"not an OTLP request for {signal}: {error}") from None
    return Validated(batch, 0, "")
