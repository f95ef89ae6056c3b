"""What protocol 1.0 says about metrics, in requests of their own.

Data never waits for these requests and is never lost with one: what could not be sent is sent with the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exporters.prometheus_remote_write.series import Metadata

INTERVAL = 60.0
"""Seconds between two times that metadata is sent; Prometheus has the same."""
MOST = 2000
"""Families in one request; Prometheus has the same."""
REFRESH = 300.0
"""Seconds after which a family that is in use is sent again: some receivers forget after ten minutes."""
MOST_KNOWN = 20_000
"""Families that are remembered; the one that was seen first is forgotten when there would be more."""


class Families:
    """Says which families the receiver has to be told about."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Metadata, float]] = {}
        """What was sent last, and when."""
        self._waiting: dict[str, Metadata] = {}
        self._last = -INTERVAL

    def seen(self, families: Iterable[Metadata], now: float) -> None:
        """Note what the data at hand is called, at `now` seconds of any clock."""
        for family in families:
            told, at = self._told.get(family.family, (None, 0.0))
            if told != family or now - at >= REFRESH:
                self._waiting[family.family] = family
        _forget(self._waiting)

    def due(self, now: float) -> list[list[Metadata]]:
        """Return what each request should say now; it counts as said unless it is given to `not_told`."""
        if not self._waiting or now - self._last < INTERVAL:
            return []
        self._last = now
        due, self._waiting = list(self._waiting.values()), {}
        for family in due:
            self._told.pop(family.family, None)
            self._told[family.family] = (family, now)
        _forget(self._told)
        return [due[first : first + MOST] for first in range(0, len(due), MOST)]

    def not_told(self, families: Iterable[Metadata]) -> None:
        """The receiver does not have these; unless there is something newer, they are sent next time."""
        for family in families:
            if self._told.get(family.family, (None, 0.0))[0] == family:
                del self._told[family.family]
                self._waiting.setdefault(family.family, family)


def _forget(known: dict[str, Any]) -> None:
    while len(known) > MOST_KNOWN:
        del known[next(iter(known))]
