"""What all modes are given: where records come from, where they go, and what they are added to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from collector.batch import Signal
from exporters.elasticsearch.document_config import DocumentConfig, Flavor, Mode
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.ids import Ids, seed
from exporters.elasticsearch.mapping.metric_groups import Group
from exporters.elasticsearch.origins import Origin, Origins, Source
from exporters.elasticsearch.projections import Run
from exporters.elasticsearch.routing import Route, Router

NO_INSTRUCTIONS: Mapping[str, str] = {}


@dataclass(slots=True)
class Task:
    """The translation of one batch."""

    ids: Ids | None
    """None where documents get no ids."""
    day: str
    """What is appended to index names."""
    now: int
    """Nanoseconds since the Unix epoch, for records that have no time."""
    out: Documents = field(default_factory=Documents)
    item: int = 0
    """How many records of the batch have been translated."""
    groups: dict[tuple[object, ...], Group] = field(default_factory=dict)
    """Data points that become documents when the whole batch has been read."""
    services: set[tuple[str, str]] = field(default_factory=set)
    """Index and id of the documents of services that are in this batch."""


PlaceKey: TypeAlias = tuple[Source, str]
"""Where records come from, and what is appended to index names."""


class Place:
    """What the records of one scope have in common: where they come from and, unless they say otherwise, go to."""

    __slots__ = ("_day", "_instructions", "_mode", "_router", "resource", "scope", "seed")

    def __init__(self, router: Router, mode: Mode, origins: tuple[Origin, Origin], key: PlaceKey) -> None:
        self.resource, self.scope = origins
        self.seed = seed(*key[0])
        self._day = key[1]
        self._router = router
        self._mode = mode
        self._instructions: Mapping[str, str] = {**self.resource.instructions, **self.scope.instructions}

    def route(self, type: str, instructions: Mapping[str, str] = NO_INSTRUCTIONS) -> Route:
        """Return where a record goes that has `instructions` of its own."""
        merged = {**self._instructions, **instructions} if instructions else self._instructions
        return self._router.route(type, self._mode, self._day, merged, self.scope.name)


class Tools:
    """What the modes of one exporter share."""

    def __init__(self, config: DocumentConfig) -> None:
        self.config = config
        self.router = Router(config)
        self.origins = Origins()
        self.is_opensearch = config.flavor is Flavor.OPENSEARCH

    def place(self, mode: Mode, key: PlaceKey) -> Place:
        """Read resource and scope."""
        return Place(self.router, mode, self.origins.of(key[0]), key)


Translate: TypeAlias = Callable[[Run, Task], None]


class Shape(Protocol):
    """A mode: how it writes the signals for which it has a shape."""

    def translations(self) -> Mapping[Signal, Translate]:
        """Return what adds the records of a scope to a task, for each signal that the mode can write."""
