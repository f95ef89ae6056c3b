"""Mode ecs: nested documents with the field names of the Elastic Common Schema.

Where two attributes have the same name there, the record's is before its scope's and its resource's, and what OTLP has
a field for is before attributes.  A body that is not text is in `event.original`, as JSON; a span event is a document
of its own, as if it were a log record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collector.batch import Signal
from collector.records.text import as_text
from collector.records.values import read_value
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools, Translate
from exporters.elasticsearch.mapping.ecs_metrics import EcsMetrics
from exporters.elasticsearch.mapping.ecs_names import ResourceFields, log_name, span_name
from exporters.elasticsearch.mapping.field_attributes import FieldAttributes, Fields
from exporters.elasticsearch.mapping.layout import Layouts
from exporters.elasticsearch.mapping.times import rfc3339
from exporters.elasticsearch.projections import AnyValue, LogRecord, Run, Span, Status, extras
from exporters.elasticsearch.routing import Route, deliver

_KINDS = ("", '"INTERNAL"', '"SERVER"', '"CLIENT"', '"PRODUCER"', '"CONSUMER"')
_OUTCOMES = {1: '"success"', 2: '"failure"'}


class _EcsPlace(NamedTuple):
    place: Place
    fields: Fields
    """Those of resource and scope."""
    spans: Route
    logs: Route


class Ecs:
    """Writes every signal in mode ecs."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._layouts = Layouts(is_nested=True)
        self._span_attributes = FieldAttributes(span_name)
        self._log_attributes = FieldAttributes(log_name)
        self._resources = ResourceFields()
        self._places = Memory(self._place, 1024)
        self._outcomes = Memory(_outcome)
        self._metrics = EcsMetrics(tools, self._layouts)

    def translations(self) -> Mapping[Signal, Translate]:
        return {
            Signal.TRACES: self._write_spans,
            Signal.LOGS: self._write_logs,
            Signal.METRICS: self._metrics.write,
        }

    def _place(self, key: PlaceKey) -> _EcsPlace:
        place = self._tools.place(Mode.ECS, key)
        fields = self._resources.of(place.resource.attributes, place.scope.attributes)
        return _EcsPlace(place, fields, place.route("traces"), place.route("logs"))

    def _write_spans(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._span(record, place, task)
            task.item += 1

    def _span(self, record: bytes, place: _EcsPlace, task: Task) -> None:
        span = Span.FromString(record)
        trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
        attributes, instructions = self._span_attributes.of(span.attributes[:])
        route, id = place.spans, ""
        if instructions:
            route = place.place.route("traces", instructions)
            id = self._tools.router.id_in("traces", instructions)
        if not id and task.ids:
            id = task.ids.of_span(trace_id, span_id, place.place.seed, record)
        start, end, extra = span.start_time_unix_nano, span.end_time_unix_nano, extras(record, span)
        fields = {
            **place.fields,
            **attributes,
            **route.data_stream_fields,
            "@timestamp": f'"{rfc3339(start or end or task.now)}"',
            **_id_fields(trace_id, span_id),
            "span.name": dumps(span.name.decode()),
            "event.duration": str(end - start if end > start else 0),
        }
        if span.parent_span_id:
            fields["parent.id"] = f'"{span.parent_span_id.hex()}"'
        if outcome := self._outcomes[span.status]:
            fields["event.outcome"] = outcome
        if 0 < span.kind < len(_KINDS):
            fields["span.kind"] = _KINDS[span.kind]
        if extra and extra.links:
            fields["span.links"] = dumps([_link(link) for link in extra.links])
        deliver(task.out, route, self._layouts.write(fields).encode(), task.item, id)
        if extra:
            self._events(extra.events, _id_fields(trace_id, span_id), id, place, task)

    def _events(self, events: Any, ids: Fields, span: str, place: _EcsPlace, task: Task) -> None:
        for number, event in enumerate(events):
            attributes, instructions = self._log_attributes.of(event.attributes[:])
            route = place.place.route("logs", instructions)
            fields = {**place.fields, **attributes, **route.data_stream_fields, **ids}
            fields["@timestamp"] = f'"{rfc3339(event.time_unix_nano or task.now)}"'
            if event.name:
                fields["event.action"] = dumps(event.name.decode())
            source = self._layouts.write(fields).encode()
            deliver(task.out, route, source, task.item, f"{span}.{number}" if span else "", items=0)

    def _write_logs(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._log(record, place, task)
            task.item += 1

    def _log(self, record: bytes, place: _EcsPlace, task: Task) -> None:
        log = LogRecord.FromString(record)
        attributes, instructions = self._log_attributes.of(log.attributes[:])
        route, id = place.logs, ""
        if instructions:
            route = place.place.route("logs", instructions)
            id = self._tools.router.id_in("logs", instructions)
        time = log.time_unix_nano or log.observed_time_unix_nano
        if not id and task.ids:
            id = (task.ids.of_record if time else task.ids.of_nameless)(place.place.seed, record)
        fields = {
            **place.fields,
            **attributes,
            **route.data_stream_fields,
            "@timestamp": f'"{rfc3339(time or task.now)}"',
            **_id_fields(log.trace_id.hex(), log.span_id.hex()),
            **_body(log.body),
        }
        if log.severity_number:
            fields["event.severity"] = str(log.severity_number)
        if log.severity_text:
            fields["log.level"] = dumps(log.severity_text.decode())
        if log.event_name:
            fields["event.action"] = dumps(log.event_name.decode())
        deliver(task.out, route, self._layouts.write(fields).encode(), task.item, id)


def _outcome(status: bytes) -> str:
    return _OUTCOMES.get(Status.FromString(status).code, "")


def _body(serialised: bytes) -> Fields:
    value = read_value(AnyValue.FromString(serialised)) if serialised else None
    if value is None:
        return {}
    return {"message" if isinstance(value, str) else "event.original": dumps(as_text(value))}


def _id_fields(trace_id: str, span_id: str) -> Fields:
    fields = {"trace.id": f'"{trace_id}"'} if trace_id else {}
    return {**fields, "span.id": f'"{span_id}"'} if span_id else fields


def _link(link: Any) -> dict[str, Any]:
    return {"trace": {"id": link.trace_id.hex()}, "span": {"id": link.span_id.hex()}}
