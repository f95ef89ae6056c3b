"""What comes out: one figure each, with the peer's beside it and the target it should meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Target:
    at_least: float | None = None
    below: float | None = None

    def is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.below is None or value < self.below

    def __str__(self) -> str:
        return f">= {self.at_least:g}" if self.at_least is not None else f"< {self.below:g}"


@dataclass(frozen=True)
class Figure:
    scenario: str
    what: str
    unit: str
    ours: float
    """Median of the rounds."""
    spread: tuple[float, float]
    """Least and greatest of the rounds."""
    peer: float | None = None
    ratio: float | None = None
    """Median over the rounds of ours to the peer's of the same round."""
    ratio_spread: tuple[float, float] | None = None
    at_reference: float | None = None
    """Ours as it would be on the machine for which targets in microseconds are meant."""
    target: Target | None = None
    on_ratio: bool = False
    """Whether the target is one for the ratio."""
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Every round as it was measured, by relay."""

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        value = self.ratio if self.on_ratio else self.at_reference or self.ours
        if value is None:
            return "not measured"
        return "PASS" if self.target.is_met(value) else "MISS"


def in_microseconds(
    rates: Sequence[float], theirs: Sequence[float], at_most: float | None, *, slowness: float | None, **rest: Any
) -> Figure:
    """Return the figure of items per CPU-second as CPU time for one item; the ratio stays that of the rates.

    Args:
        rates: ours.
        theirs: the peer's.
        at_most: the target.
        slowness: how many times longer the same takes here and now than on the machine the target is meant for.
        rest: as in `Figure`.
    """
    times = [1e6 / rate for rate in rates]
    return Figure(
        unit="us/item",
        ours=median(times),
        spread=(min(times), max(times)),
        peer=1e6 / median(theirs) if theirs else None,
        at_reference=median(times) / slowness if slowness else None,
        target=Target(below=at_most) if at_most else None,
        **rest,
    )
