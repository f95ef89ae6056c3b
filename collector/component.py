"""What the engine hands a component, and what a user may write under its key."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from pydantic import ConfigDict, field_serializer

from collector.batch import Signal
from collector.errors import DropReason
from collector.exact_model import ExactModel


class Clock(Protocol):
    """Time as a parameter, so that tests never wait for it."""

    def monotonic(self) -> float:
        """Seconds that never jump: for intervals and deadlines."""

    def time(self) -> float:
        """Seconds since the Unix epoch: for timestamps only."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class Counter(Protocol):
    """A number that only grows."""

    def add(self, amount: float) -> None:
        """Count `amount` more."""


class ComponentTelemetry(Protocol):
    """How a component that holds data, or drops some on purpose, keeps the books straight.

    The engine counts what goes in and out of every component.  Only a component that holds data back, or that drops
    items for more than one reason, has to call this.
    """

    def dropped(self, signal: Signal, reason: DropReason, items: int) -> None:
        """Count accepted items that will never be sent."""

    def held(self, signal: Signal, items: int) -> None:
        """Add `items` (negative: take away) to what this component holds now."""

    def created(self, signal: Signal, items: int) -> None:
        """Count items that came into being here."""

    def held_by_all(self) -> int:
        """Return how many items all components hold now, of all signals."""

    def counter(self, name: str, help: str, **labels: str) -> Counter:
        """Return a counter of the component's own, made when first asked for; its id is the label `component`.

        Keep it where it is used often.  Labels need a bounded number of values.
        """

    def gauge(self, name: str, help: str, read: Callable[[], float], **labels: str) -> None:
        """Have `read()` called whenever somebody looks at the metrics."""


class ComponentConfig(ExactModel):
    """What a user may write under a component's key.  Unknown keys are errors, and so is `true` for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_serializer("*", mode="wrap", when_used="json")
    def _in_order(self, value: Any, write: Callable[[Any], Any]) -> Any:
        return sorted(write(value)) if isinstance(value, set | frozenset) else write(value)


# OpenTelemetry Collector, component.ID: the type is an identifier, the name has no white space, control or symbol
_TYPE = re.compile(r"[a-zA-Z][0-9a-zA-Z_]{0,62}")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f/]{1,1024}")


@dataclass(frozen=True)
class ComponentID:
    """`batch` or `batch/slow`: a type, and a name to tell instances apart."""

    type: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `type` or `type/name`.

        Raises:
            ValueError: it is neither.
        """
        type_, slash, name = (part.strip() for part in text.partition("/"))
        if not _TYPE.fullmatch(type_) or (slash and not _NAME.fullmatch(name)):
            raise ValueError(f"{text!r} is not a component id: write type or type/name")
        return cls(type_, name)

    def __str__(self) -> str:
        return f"{self.type}/{self.name}" if self.name else self.type


@dataclass(frozen=True)
class Settings:
    """What the engine hands a component, as opposed to what the user wrote."""

    id: ComponentID
    logger: logging.Logger
    telemetry: ComponentTelemetry
    clock: Clock
    extensions: Mapping[ComponentID, object] = field(default_factory=dict)
    """The running extensions, for components that are told to use one of them."""
    common: MutableMapping[str, Any] = field(default_factory=dict)
    """What the instances of one component have in common, one for each pipeline that names it."""
    signal: Signal | None = None
    """The signal of the pipeline that a processor is built for; None for all other components."""
