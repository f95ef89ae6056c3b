"""Metrics in mode ecs: one document for all metrics of the same time and attributes, each a field of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import dumps, field_name
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools
from exporters.elasticsearch.mapping.ecs_names import ResourceFields
from exporters.elasticsearch.mapping.field_attributes import FieldAttributes, Fields
from exporters.elasticsearch.mapping.layout import Layouts
from exporters.elasticsearch.mapping.metric_groups import DUPLICATE, Group
from exporters.elasticsearch.mapping.points import DOC_COUNT, Series, UnsupportedError, hints, series
from exporters.elasticsearch.mapping.times import rfc3339
from exporters.elasticsearch.projections import Run
from exporters.elasticsearch.routing import Route, deliver

_TEMPLATES = {"histogram": "histogram", "summary": "summary_metrics"}
"""What Elastic's templates for metrics call the dynamic templates of types that are not told by the value."""


class _EcsPlace(NamedTuple):
    place: Place
    fields: Fields
    route: Route


class EcsMetrics:
    """Groups data points.

    Args:
        tools: of the exporter.
        layouts: nested.
    """

    def __init__(self, tools: Tools, layouts: Layouts) -> None:
        self._tools = tools
        self._layouts = layouts
        self._attributes = FieldAttributes(str)
        self._resources = ResourceFields()
        self._places = Memory(self._place, 1024)

    def _place(self, key: PlaceKey) -> _EcsPlace:
        place = self._tools.place(Mode.ECS, key)
        fields = self._resources.of(place.resource.attributes, place.scope.attributes)
        return _EcsPlace(place, fields, place.route("metrics"))

    def write(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for metric in run.records:
            if found := series(metric):
                name = field_name(metric.name.decode())
                for point in found.points:
                    self._point(name, found, point, place, task)
                    task.item += 1

    def _point(self, name: str, found: Series, point: Any, place: _EcsPlace, task: Task) -> None:
        attributes, instructions = self._attributes.of(point.attributes[:])
        route = place.place.route("metrics", instructions) if instructions else place.route
        asked = hints(instructions)
        try:
            value = found.value(found.data, point, asked)
        except UnsupportedError as error:
            task.out.drop(str(error))
            return
        fields = {
            **place.fields,
            **attributes,
            **route.data_stream_fields,
            "@timestamp": f'"{rfc3339(point.time_unix_nano or task.now)}"',
        }
        key = (Mode.ECS, route.target, frozenset(fields.items()))
        group = task.groups.get(key)
        if group is None:
            group = task.groups[key] = Group(route, task.item, fields, self._deliver)
        if not group.add(name, value):
            task.out.drop(DUPLICATE)
        elif DOC_COUNT in asked:
            group.doc_count = value.measurements

    def _deliver(self, group: Group, out: Documents) -> None:
        own = group.fields
        fields = {
            **own,
            **{f"metrics.{name}" if name in own else name: value.json for name, value in group.values.items()},
        }
        if group.doc_count:
            fields["_doc_count"] = str(group.doc_count)
        source = self._layouts.write(fields).encode()
        templates = {
            name: _TEMPLATES[value.template] for name, value in group.values.items() if value.template in _TEMPLATES
        }
        more = f',"dynamic_templates":{dumps(templates)}' if templates and not self._tools.is_opensearch else ""
        deliver(out, group.route, source, group.item, items=len(group.values), more=more)
