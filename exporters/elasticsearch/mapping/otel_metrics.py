"""Metrics in mode otel: one document for all metrics of the same time, unit, attributes, scope and resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from collector.records.text import json_text
from collector.records.values import read_pair
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.fragments import Fragment, Fragments, Memory
from exporters.elasticsearch.json_values import dumps, field_name, renames, value_json
from exporters.elasticsearch.mapping.context import NO_INSTRUCTIONS, Place, PlaceKey, Task, Tools
from exporters.elasticsearch.mapping.metric_groups import DUPLICATE, Group, names_hash
from exporters.elasticsearch.mapping.otel_fields import OtelAttributes, attribute_member, origin_json, timestamp
from exporters.elasticsearch.mapping.points import DOC_COUNT, Series, UnsupportedError, hints, series
from exporters.elasticsearch.origins import is_instruction, read_attributes
from exporters.elasticsearch.projections import Run
from exporters.elasticsearch.routing import Route, deliver


class _MetricsPlace(NamedTuple):
    place: Place
    route: Route
    tail: str


class OtelMetrics:
    """Groups data points."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._fragments = Fragments(_dimension)
        self._attributes = OtelAttributes(resolves_conflicts=tools.is_opensearch)
        self._places = Memory(self._place, 1024)

    def _place(self, key: PlaceKey) -> _MetricsPlace:
        place = self._tools.place(Mode.OTEL, key)
        resource, scope = (
            origin_json(origin, self._attributes.text(_dimensions(origin.attributes)))
            for origin in (place.resource, place.scope)
        )
        return _MetricsPlace(place, place.route("metrics"), f'"resource":{resource},"scope":{scope}}}')

    def write(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for metric in run.records:
            if found := series(metric):
                name, unit = field_name(metric.name.decode()), metric.unit.decode()
                for point in found.points:
                    self._point(name, unit, found, point, place, task)
                    task.item += 1

    def _point(self, name: str, unit: str, found: Series, point: Any, place: _MetricsPlace, task: Task) -> None:
        fields, instructions = self._dimensions(point.attributes)
        route = place.place.route("metrics", instructions) if instructions else place.route
        time, start = point.time_unix_nano, point.start_time_unix_nano
        key = (place.tail, route.target, time, start, unit, *sorted(fields))
        group = task.groups.get(key)
        if group is None:
            head = _head(time or task.now, start, unit, route, self._text(fields, point))
            group = task.groups[key] = Group(route, task.item, {"head": head, "tail": place.tail}, self._deliver)
        group.names.add(name)
        asked = hints(instructions)
        try:
            value = found.value(found.data, point, asked)
        except UnsupportedError as error:
            task.out.drop(str(error))
            return
        if not group.add(name, value):
            task.out.drop(DUPLICATE)
        elif DOC_COUNT in asked:
            group.doc_count = value.measurements

    def _dimensions(self, pairs: Iterable[bytes]) -> tuple[Iterable[str], Mapping[str, str]]:
        fields = self._fragments.of(pairs)
        if "" not in fields:
            return fields.values(), NO_INSTRUCTIONS
        attributes = read_attributes(pairs)
        text = self._attributes.text(_dimensions(attributes.plain))
        return ([text] if text else []), attributes.instructions

    def _text(self, fields: Iterable[str], point: Any) -> str:
        if not self._tools.is_opensearch:
            return ",".join(fields)
        return self._attributes.text(_dimensions(read_attributes(point.attributes).plain))

    def _deliver(self, group: Group, out: Documents) -> None:
        values = group.values
        new = renames(values.keys()) if self._tools.is_opensearch else {}
        metrics = ",".join([f"{dumps(new.get(name, name))}:{value.json}" for name, value in values.items()])
        counted = f'"_doc_count":{group.doc_count},' if group.doc_count else ""
        hashed = f'"_metric_names_hash":"{names_hash(group.names)}",'
        templates = {f"metrics.{name}": value.template for name, value in values.items()}
        # OpenSearch refuses a request whose action line has a member that it does not know
        more = "" if self._tools.is_opensearch else f',"dynamic_templates":{dumps(templates)}'
        head, tail = group.fields["head"], group.fields["tail"]
        text = f'{head}"metrics":{{{metrics}}},{counted}{hashed}{tail}'
        deliver(out, group.route, text.encode(), group.item, items=len(values), more=more)


def _head(time: int, start: int, unit: str, route: Route, attributes: str) -> str:
    begun = f'"start_timestamp":"{timestamp(start)}",' if start else ""
    measured = f'"unit":{dumps(unit)},' if unit else ""
    return f'{{"@timestamp":"{timestamp(time)}",{begun}{measured}{route.member}{attribute_member(attributes)}'


def _dimension(pair: bytes) -> Fragment:
    key, value = read_pair(pair)
    if is_instruction(key) or key.endswith((".lat", ".lon")):
        return "", ""
    name = field_name(key)
    return name, f"{dumps(name)}:{value_json(_scalar(value))}"


def _dimensions(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _scalar(value) for key, value in attributes.items()}


def _scalar(value: Any) -> Any:
    """Return a value that can be a dimension: maps are text."""
    return json_text(value) if isinstance(value, dict) else value
