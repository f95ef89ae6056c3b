"""Decide whether a record is meant: by its resource and scope once, and by itself only where these leave it open."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from collector.batch import Signal
from collector.errors import ConfigError
from collector.matching.config import SPAN_KINDS, AttributeMatch, LibraryMatch, MatchProperties, MatchType
from collector.patterns import compile_pattern
from collector.records.text import as_text
from collector.records.views import Resource, Scope

OfText: TypeAlias = Callable[[str], bool]
OfOrigin: TypeAlias = Callable[[Resource, Scope], bool]
OfRecord: TypeAlias = Callable[[Any], bool]

_NO_SERVICE = "<nil-service-name>"
"""What the Collector calls a service without a name, so that patterns may ask for it."""
_REMEMBERED = 4096
_LONGEST_REMEMBERED = 256
_KINDS: Mapping[str, str] = {kind: f"SPAN_KIND_{kind.upper()}" for kind in SPAN_KINDS}


class Matcher:
    """Says whether a Span, LogRecord or Metric is meant."""

    def __init__(self, include: _Block | None, exclude: _Block | None) -> None:
        self._include = include
        self._exclude = exclude

    def __call__(self, record: Any) -> bool:
        """Ask about one record, which knows its resource and scope."""
        answer = self.within(record.resource, record.scope)
        return answer if isinstance(answer, bool) else answer(record)

    def within(self, resource: Resource, scope: Scope) -> bool | OfRecord:
        """Return the answer for all records of a scope, or what to ask about each of them.

        A resource must not change between two questions: what it is told by is looked at once for all its scopes.
        """
        include, exclude = self._include, self._exclude
        if include and not include.has_origin(resource, scope):
            return False
        wanted = include.of_record if include else None
        if not exclude or not exclude.has_origin(resource, scope):
            return wanted or True
        unwanted = exclude.of_record
        if unwanted is None:
            return False
        if wanted is None:
            return lambda record: not unwanted(record)
        return lambda record: wanted(record) and not unwanted(record)


def matcher(include: MatchProperties | None, exclude: MatchProperties | None, signal: Signal) -> Matcher | None:
    """Return what tells the records of a signal that are meant: the included ones, without the excluded ones.

    Returns:
        None if all are.

    Raises:
        ConfigError: a key is about records of another signal.
    """
    for place, properties in (("include", include), ("exclude", exclude)):
        if properties and (key := properties.out_of_place(signal)):
            raise ConfigError(f"{place}::{key}: is not about {signal}")
    if include is None and exclude is None:
        return None
    return Matcher(_Block(include) if include else None, _Block(exclude) if exclude else None)


class _Block:
    """One of `include` and `exclude`."""

    def __init__(self, properties: MatchProperties) -> None:
        self._origins = list(_origin_conditions(properties))
        records = list(_record_conditions(properties))
        self.of_record = _all_of(records) if records else None
        """None if resource and scope alone decide."""

    def has_origin(self, resource: Resource, scope: Scope) -> bool:
        return all(condition(resource, scope) for condition in self._origins)


def _all_of(conditions: list[OfRecord]) -> OfRecord:
    if len(conditions) == 1:
        return conditions[0]
    return lambda record: all(condition(record) for condition in conditions)


def _origin_conditions(properties: MatchProperties) -> Iterable[OfOrigin]:
    type_ = properties.match_type
    if properties.services:
        services = text_matcher(type_, properties.services)
        yield _once(lambda resource: services(as_text(resource.get("service.name", _NO_SERVICE))))
    if properties.resources:
        # All of them, as in the Collector (contrib, internal/filter/filtermatcher), whose documentation says one
        resources = [attribute_matcher(type_, each) for each in properties.resources]
        yield _once(lambda resource: all(matches(resource) for matches in resources))
    if properties.libraries:
        # As resources
        libraries = [_library(type_, each) for each in properties.libraries]
        yield lambda _, scope: all(matches(scope) for matches in libraries)


def _once(condition: Callable[[Resource], bool]) -> OfOrigin:
    """Ask about a resource once for all its scopes: it may be as large as they are many."""
    last: tuple[Resource | None, bool] = (None, False)

    def ask(resource: Resource, _: Scope) -> bool:
        nonlocal last
        known, answer = last
        if known is not resource:
            answer = condition(resource)
            last = resource, answer
        return answer

    return ask


def _record_conditions(properties: MatchProperties) -> Iterable[OfRecord]:
    type_ = properties.match_type
    if properties.span_names:
        names = text_matcher(type_, properties.span_names)
        yield lambda span: names(span.name)
    if properties.span_kinds:
        kinds = text_matcher(type_, properties.span_kinds)
        yield lambda span: kinds(_KINDS[span.kind])
    if properties.metric_names:
        metrics = text_matcher(type_, properties.metric_names)
        yield lambda metric: metrics(metric.name)
    yield from _log_conditions(properties)
    yield from (attribute_matcher(type_, each) for each in properties.attributes)


def _log_conditions(properties: MatchProperties) -> Iterable[OfRecord]:
    if properties.log_bodies:
        bodies = text_matcher(properties.match_type, properties.log_bodies)
        yield lambda log: bodies(as_text(log.body))
    if properties.log_severity_texts:
        texts = text_matcher(properties.match_type, properties.log_severity_texts)
        yield lambda log: texts(log.severity_text)
    if severity := properties.log_severity_number:
        yield lambda log: log.severity_number >= severity.min if log.severity_number else severity.match_undefined


def _library(type_: MatchType, library: LibraryMatch) -> Callable[[Scope], bool]:
    name = text_matcher(type_, [library.name])
    if library.version is None:
        return lambda scope: name(scope.name)
    version = text_matcher(type_, [library.version])
    return lambda scope: name(scope.name) and version(scope.version)


def attribute_matcher(type_: MatchType, attribute: AttributeMatch) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether attributes have this one."""
    key, wanted = attribute.key, attribute.value
    if wanted is None:
        return lambda attributes: key in attributes
    if type_ == "strict":
        return lambda attributes: key in attributes and same(attributes[key], wanted)
    found = text_matcher(type_, [wanted])
    return lambda attributes: key in attributes and _is_found(found, attributes[key])


def _is_found(found: OfText, value: Any) -> bool:
    """Numbers and booleans are looked at as texts; what has parts or is bytes never matches."""
    return isinstance(value, str | bool | int | float) and found(as_text(value))


def text_matcher(type_: MatchType, texts: Iterable[str]) -> OfText:
    """Return what tells whether a text is one of these, or has one of these patterns in it."""
    if type_ == "strict":
        return frozenset(texts).__contains__
    patterns = [compile_pattern(text) for text in texts]

    def search(text: str) -> bool:
        wire = text.encode()
        return any(pattern.search(wire) is not None for pattern in patterns)

    remembered = lru_cache(_REMEMBERED)(search)  # a search costs 1 us
    return lambda text: remembered(text) if len(text) <= _LONGEST_REMEMBERED else search(text)


def same(left: Any, right: Any) -> bool:
    """Compare two plain values; values of different types differ, also those that Python calls equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float) and math.isnan(left):
        return False
    return bool(left == right)
