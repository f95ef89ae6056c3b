"""What all data points of one metric, resource and scope have in common, and the label sets that they became."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from collector.records.values import read_pair
from exporters.prometheus_remote_write.labels import Labels, ResourceLabels, ScopeLabels, Texts, label_set
from exporters.prometheus_remote_write.memory import TwoGenerations
from exporters.prometheus_remote_write.names import Ending, NamelessError, metric_name, unit_name
from exporters.prometheus_remote_write.series import Metadata

_SOURCES_REMEMBERED = 4096
"""Resources, and scopes, of which the labels are remembered, in each of two generations."""


class Weighty(Protocol):
    @property
    def weight(self) -> int:
        """What it takes to remember it, in label sets of the usual size."""
        ...


W = TypeVar("W", bound=Weighty)


class Form(enum.IntEnum):
    """What a metric is in Prometheus; the number is that of the protocol's enumeration, times ten."""

    COUNTER = 10
    GAUGE = 20
    UP_DOWN_COUNTER = 21
    HISTOGRAM = 30
    NATIVE_HISTOGRAM = 31
    SUMMARY = 50


class Key(NamedTuple):
    """Everything that decides on what a family is."""

    resource: bytes
    scope: bytes
    schema_url: bytes
    name: bytes
    unit: bytes
    description: bytes
    metadata: tuple[bytes, ...]
    form: Form


# OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility": types that OTLP has no metric for
_TYPES = {"unknown": 0, "info": 6, "stateset": 7}


class Family:
    """A metric of one resource and scope."""

    def __init__(self, name: str, metadata: Metadata, named: Callable[[Texts], dict[str, str]], why_not: str) -> None:
        self.name = name
        self.metadata = metadata
        self.labels = named
        """From the attributes of a point to its labels; raises NamelessError."""
        self.why_not = why_not
        """Why there is no such metric in Prometheus; empty if there is."""
        self.answers: dict[Hashable, Any] = {}
        """What points became, by whatever tells their attributes apart."""
        self.former: Mapping[Hashable, Any] = {}
        """The same, of the generation before."""


class FamilyMemory:
    """Remembers families, and with them label sets, two generations deep; see `TwoGenerations`.

    A generation ends when its families have more than `size` label sets (large ones count for several), so at most
    twice as many are held, and those of the metric that is being translated.
    """

    def __init__(self, labels: Labels, size: int) -> None:
        self._labels = labels
        self._size = size
        self._count = 0
        self._young: dict[Key, Family] = {}
        self._old: dict[Key, Family] = {}
        self.resources: TwoGenerations[bytes, ResourceLabels] = TwoGenerations(
            lambda wire: ResourceLabels(wire, labels), _SOURCES_REMEMBERED
        )
        self._scopes: TwoGenerations[tuple[bytes, bytes], ScopeLabels] = TwoGenerations(
            lambda key: ScopeLabels(*key, labels), _SOURCES_REMEMBERED
        )

    def family(self, key: Key) -> Family:
        """Return the family of a metric."""
        if self._count >= self._size:
            self._old, self._young, self._count = self._young, {}, 0
        family = self._young.get(key)
        if family is None:
            family = self._young[key] = self._made(key)
            self._count += 1
            if former := self._old.pop(key, None):
                family.former = former.answers
        return family

    def answer(self, family: Family, key: Hashable, find: Callable[[Family, Any], W]) -> W:
        """Return what points with these attributes become, which is not among `family.answers`.

        Args:
            family: that of the points.
            key: what tells their attributes apart.
            find: called with both if nobody remembers.
        """
        answer: W = family.former.get(key) or find(family, key)
        family.answers[key] = answer
        self.grow(answer.weight)
        return answer

    def grow(self, weight: int) -> None:
        """Something that is remembered has become larger, by so many label sets of the usual size."""
        self._count += weight

    def __len__(self) -> int:
        return sum(len(family.answers) for families in (self._young, self._old) for family in families.values())

    def _made(self, key: Key) -> Family:
        resource, scope = self.resources[key.resource], self._scopes[key.scope, key.schema_url]
        rules, unit, why_not = self._labels.rules, key.unit.decode(), ""
        try:
            name = metric_name(key.name.decode(), unit, _ending(key.form, unit), rules.strategy, rules.namespace)
        except NamelessError as error:
            name, why_not = "", str(error)
        word = unit_name(unit, escapes=rules.strategy.escapes)
        metadata = Metadata(name, _type(key), key.description.decode(), word)
        return Family(name, metadata, lambda texts: label_set(name, texts, resource, scope, self._labels), why_not)


def _ending(form: Form, unit: str) -> Ending:
    if form is Form.COUNTER:
        return Ending.TOTAL
    return Ending.RATIO if form is Form.GAUGE and unit == "1" else Ending.NONE


def _type(key: Key) -> int:
    own = key.form // 10
    if not key.metadata:
        return own
    said = dict(map(read_pair, key.metadata)).get("prometheus.type")
    return _TYPES.get(said, own) if isinstance(said, str) else own
