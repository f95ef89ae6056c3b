"""In what spans and log records differ."""

from __future__ import annotations

from typing import Protocol

from processors.probabilistic_sampler.decisions import Decision, Source


class Records(Protocol):
    """What decides on the records of one signal besides their trace ids, and where that is written."""

    counter: str
    """Name of the metric that counts them."""
    help: str
    needles: tuple[bytes, ...]
    """If a record's bytes have none of these, it says nothing about sampling but in its trace state."""

    looks_at_all: bool
    """Whether every record has to be looked at."""

    def needs_a_look(self, own: Source) -> bool:
        """Say whether a record has to be looked at whose trace id has this randomness."""

    def decide(self, wire: bytes, own: Source, state: bytes) -> Decision:
        """Decide on a record by all that it says.

        Args:
            wire: the record.
            own: the randomness of its trace id.
            state: its trace state.
        """

    def decide_by_head(self, own: Source, state: bytes) -> Decision:
        """Decide on a record that needs no look; the same for all with this trace id and trace state."""

    def written(self, wire: bytes, decision: Decision) -> bytes:
        """Return a record that is kept as it is passed on."""
