"""What an exporter makes of a batch whose backend speaks a format of its own.

Most exporters send a batch as it is.  One that translates does so once, into parcels; the engine sends each parcel
until it is settled, and keeps the books by the items that a parcel stands for.  What has been written is thereby never
translated or sent again because something else in the same batch was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.errors import DropReason


@dataclass(frozen=True, slots=True)
class Parcel:
    """A part of a batch as the backend takes it, which is sent and retried on its own."""

    content: Any
    """Whatever the exporter needs to send it."""
    items: int
    """How many items of the batch are lost if this is.  An item that is in several parcels counts in one of them."""
    lane: int | None = None
    """Parcels of one lane are sent one after another, in the order of their batches; None is in no order at all."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole batch, translated."""

    parcels: tuple[Parcel, ...]
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    """Items that the backend's format cannot hold.  What is in no parcel and not here needed no sending."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a parcel that the backend answered."""

    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    """Items of it that will never be there, by reason."""
    rest: Parcel | None = None
    """What the backend may take later: it is all that the next attempt sends, after the usual pause."""
    retry_after: float = 0.0
    """Seconds before which `rest` is not wanted."""
    message: str = ""
    """Why, for the log."""
