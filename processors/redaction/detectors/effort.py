"""How much one request may cost, so that nobody can stall the collector with data that is all findings."""

from __future__ import annotations

CANDIDATE = 2
"""What it costs to ask whether something that looks like a secret is one."""
NODE = 1
"""What it costs to look at a value in a map or an array."""
MOST = 131_072
"""What one request may cost in all: some 65,000 candidates."""
_BYTES_FOR_MORE = 32
"""Bytes of a request for each further unit: those of more than 4 MiB may cost more."""


class ExhaustedError(Exception):
    """A request has cost all that it may."""


class Effort:
    """What may still be spent on one request."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.left = most

    def begin(self, size: int) -> None:
        """Begin with the next request, of so many bytes."""
        self.left = max(self._most, size // _BYTES_FOR_MORE)

    def spend(self, cost: int) -> None:
        """Take what something costs.

        Raises:
            ExhaustedError: there is not as much left; from now on there is nothing.
        """
        self.left -= cost
        if self.left < 0:
            self.left = 0
            raise ExhaustedError
