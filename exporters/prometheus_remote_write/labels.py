"""Labels of attributes, resources and scopes, and which of them wins where two have one name.

OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", metric attributes, resource attributes and
instrumentation scope.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from collector.records.text import as_text
from collector.records.values import read_pair
from collector.wire.projection import OPAQUE, VALUE, project
from exporters.prometheus_remote_write.names import Ending, NamelessError, metric_name
from exporters.prometheus_remote_write.rules import LabelRules, Rules
from exporters.prometheus_remote_write.series import NAME, LabelSet

Texts: TypeAlias = list[tuple[str, str]]
"""Attributes by their own keys, in their order, with values as text."""

_RESOURCE = project(resource_pb2.Resource, {"attributes": OPAQUE})
_SCOPE = project(common_pb2.InstrumentationScope, {"name": VALUE, "version": VALUE, "attributes": OPAQUE})
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")
_UNDERSCORES = re.compile(r"_{2,}")
_NAMESPACE, _SERVICE, _INSTANCE = "service.namespace", "service.name", "service.instance.id"
IDENTIFYING = frozenset({_NAMESPACE, _SERVICE, _INSTANCE})
"""What `job` and `instance` are made of."""
_SCOPE_FIELDS = frozenset({"name", "version", "schema_url"})
_WARNINGS_REMEMBERED = 1024


@lru_cache(4096)
def label_name(key: str, rules: LabelRules, *, escapes: bool) -> str:
    """Return the name of the label that an attribute becomes.

    Raises:
        NamelessError: there is none.
    """
    name = _NOT_IN_LABELS.sub("_", key) if escapes else key
    if not name or (escapes and not name.strip("_")):
        raise NamelessError(f"nothing is left of the attribute key {key!r}")
    return _tidy(name, rules) if escapes else name


def _tidy(name: str, rules: LabelRules) -> str:
    if not rules.keep_multiple_underscores:
        inner, edge = name, ""
        if len(name) > 4 and name.startswith("__") and name.endswith("__"):  # reserved, such as __address__
            inner, edge = name[2:-2], "__"
        name = edge + _UNDERSCORES.sub("_", inner) + edge
    if name[:1].isdigit():
        return f"key_{name}"
    if rules.prefix_underscore and name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return name


def texts(attributes: Iterable[bytes]) -> Texts:
    """Return serialised attributes as text."""
    return [(key, as_text(value)) for key, value in map(read_pair, attributes)]


class Labels:
    """Makes label sets by the configured rules, and warns once of what had to be joined or left out."""

    def __init__(self, rules: Rules, logger: logging.Logger) -> None:
        self.rules = rules
        self._escapes = rules.strategy.escapes
        self.warn = lru_cache(_WARNINGS_REMEMBERED)(logger.warning)
        """Logs a text with the words in it, once."""

    def name(self, key: str) -> str:
        """As `label_name`."""
        return label_name(key, self.rules.labels, escapes=self._escapes)

    def joined(self, attributes: Texts) -> dict[str, str]:
        """Return labels; values of attributes that become the same one stand side by side, by original key.

        Raises:
            NamelessError: a key is none that a label could have.
        """
        named = [(self.name(key), key, value) for key, value in sorted(attributes) if key != NAME]
        if len({name for name, _, _ in named}) == len(named):
            return {name: value for name, _, value in named}
        named.sort(key=itemgetter(0))
        answer = {}
        for name, group in groupby(named, itemgetter(0)):
            members = list(group)
            answer[name] = ";".join([value for _, _, value in members])
            if len(members) > 1:
                self.warn("attributes %s become one label %s", ", ".join([key for _, key, _ in members]), name)
        return answer

    def nameable(self, attributes: Texts) -> Texts:
        """Leave out, with a warning, the attributes of a resource that cannot be labels."""
        return [pair for pair in attributes if self._is_nameable(pair[0])]

    def _is_nameable(self, key: str) -> bool:
        try:
            self.name(key)
        except NamelessError as error:
            self.warn("%s of a resource: it is left out", error.args[0])
            return False
        return True


class ResourceLabels:
    """What every series of a resource carries, and its target_info."""

    def __init__(self, wire: bytes, labels: Labels) -> None:
        rules = labels.rules.resources
        attributes = labels.nameable(texts(_read(_RESOURCE, wire).attributes))
        known = dict(attributes)
        self.own = _own(known)
        self.copied = [
            (key, value)
            for key, value in attributes
            if rules.copy_all and not (rules.exclude_service_attributes and key in IDENTIFYING)
        ]
        self.promoted = {
            labels.name(key): value
            for key, value in sorted(attributes, reverse=True)  # of two with one name, the first one
            if key in rules.promote or (rules.promote_all and key not in rules.ignore)
        }
        self.target_info = _target_info(attributes, self.own, labels)


def _own(attributes: Mapping[str, str]) -> dict[str, str]:
    service, instance = attributes.get(_SERVICE, ""), attributes.get(_INSTANCE, "")
    namespace = attributes.get(_NAMESPACE, "")
    job = f"{namespace}/{service}" if namespace and service else service
    return {name: value for name, value in (("job", job), ("instance", instance)) if value}


def _target_info(attributes: Texts, own: Mapping[str, str], labels: Labels) -> LabelSet | None:
    others = [pair for pair in attributes if pair[0] not in IDENTIFYING]
    if not (labels.rules.resources.target_info and others and own):
        return None
    chosen = attributes if labels.rules.resources.keep_identifying else others
    namespace = labels.rules.namespace
    name = metric_name("target_info", "", Ending.NONE, labels.rules.strategy, namespace)
    return LabelSet(dict(labels.rules.external_labels) | labels.joined(chosen) | dict(own) | {NAME: name})


class ScopeLabels:
    """What every series of an instrumentation scope carries."""

    def __init__(self, wire: bytes, schema_url: bytes, labels: Labels) -> None:
        self.pairs: dict[str, str] = {}
        if not labels.rules.scope_labels:
            return
        scope = _read(_SCOPE, wire)
        own = [(key, value) for key, value in texts(scope.attributes) if key not in _SCOPE_FIELDS]
        self.pairs = labels.joined([(f"otel_scope_{key}", value) for key, value in own]) | {
            "otel_scope_name": scope.name.decode(),
            "otel_scope_version": scope.version.decode(),
            "otel_scope_schema_url": schema_url.decode(),
        }


def label_set(
    name: str, attributes: Texts, resource: ResourceLabels, scope: ScopeLabels, labels: Labels
) -> dict[str, str]:
    """Return the labels of a data point.

    A resource's attributes that are copied never replace the point's own of the same key: two points that differ in
    it would become one series.

    Raises:
        NamelessError: a key of the point is none that a label could have.
    """
    own = {key for key, _ in attributes} if resource.copied else set()
    copied = [pair for pair in resource.copied if pair[0] not in own]
    answer = labels.joined([*attributes, *copied])
    answer = resource.promoted | answer | resource.own
    return dict(labels.rules.external_labels) | answer | _present(scope.pairs) | {NAME: name}


def _read(message: Any, wire: bytes) -> Any:
    return message.FromString(wire)


def _present(pairs: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if value}
