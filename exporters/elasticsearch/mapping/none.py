"""Modes none and raw: flat documents that name things as OTLP does, with attributes under `Attributes.` or, in raw, as
they are.

A span's events are in its document: `Events.NAME.time` and `Events.NAME.ATTRIBUTE`, in raw `NAME.time`; where there are
several of one name, these are lists.  In raw, an attribute that is called like a field of OTLP keeps its prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from collector.batch import Signal
from collector.records.text import as_text
from collector.records.values import read_value
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import dumps, field_name, value_json
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools, Translate
from exporters.elasticsearch.mapping.field_attributes import FieldAttributes, Fields
from exporters.elasticsearch.mapping.layout import LONGEST_PREFIX, Layouts, flattened
from exporters.elasticsearch.mapping.times import rfc3339
from exporters.elasticsearch.origins import read_attributes
from exporters.elasticsearch.projections import AnyValue, LogRecord, Run, Span, Status, extras
from exporters.elasticsearch.routing import Route, deliver

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_OWN = frozenset(
    {
        "@timestamp",
        "EndTimestamp",
        "TraceId",
        "SpanId",
        "ParentSpanId",
        "Name",
        "Kind",
        "TraceStatus",
        "TraceStatusDescription",
        "Link",
        "Duration",
        "Body",
        "SeverityText",
        "SeverityNumber",
        "TraceFlags",
        "EventName",
        "Resource",
        "Scope",
        "data_stream",
    }
)


class _FlatPlace(NamedTuple):
    place: Place
    fields: Fields
    """Those of resource and scope."""
    spans: Route
    logs: Route


class Flat:
    """Writes spans and log records in mode none or raw."""

    def __init__(self, tools: Tools, mode: Mode) -> None:
        self._tools = tools
        self._mode = mode
        self._layouts = Layouts(is_nested=False)
        self._attributes = FieldAttributes(_raw_name if mode is Mode.RAW else partial(_prefixed, "Attributes"))
        self._resource = FieldAttributes(partial(_prefixed, "Resource"))
        self._scope = FieldAttributes(partial(_prefixed, "Scope"))
        self._places = Memory(self._place, 1024)
        self._statuses = Memory(_status)

    def translations(self) -> Mapping[Signal, Translate]:
        return {Signal.TRACES: self._write_spans, Signal.LOGS: self._write_logs}

    def _place(self, key: PlaceKey) -> _FlatPlace:
        place = self._tools.place(self._mode, key)
        scope = place.scope
        names = {"Scope.name": scope.name, "Scope.version": scope.version}
        fields = {
            **self._resource.fields(place.resource.attributes),
            **self._scope.fields(scope.attributes),
            **{key: dumps(value) for key, value in names.items() if value},
        }
        return _FlatPlace(place, fields, place.route("traces"), place.route("logs"))

    def _write_spans(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._span(record, place, task)
            task.item += 1

    def _span(self, record: bytes, place: _FlatPlace, task: Task) -> None:
        span = Span.FromString(record)
        trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
        attributes, instructions = self._attributes.of(span.attributes[:])
        route, id = place.spans, ""
        if instructions:
            route = place.place.route("traces", instructions)
            id = self._tools.router.id_in("traces", instructions)
        if not id and task.ids:
            id = task.ids.of_span(trace_id, span_id, place.place.seed, record)
        start, end, extra = span.start_time_unix_nano, span.end_time_unix_nano, extras(record, span)
        fields = {
            **(self._events(extra.events, task) if extra else {}),
            **attributes,
            **place.fields,
            **route.data_stream_fields,
            "@timestamp": f'"{rfc3339(start or end or task.now)}"',
            "EndTimestamp": f'"{rfc3339(end)}"',
            **_id_fields(trace_id, span_id),
            "Name": dumps(span.name.decode()),
            "Kind": f'"SPAN_KIND_{_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else _KINDS[0]}"',
            **self._statuses[span.status],
            "Link": dumps(dumps([_link(link) for link in extra.links])) if extra else '"[]"',
            "Duration": str((end - start) // 1000 if end > start else 0),
        }
        if span.parent_span_id:
            fields["ParentSpanId"] = f'"{span.parent_span_id.hex()}"'
        deliver(task.out, route, self._layouts.write(fields).encode(), task.item, id)

    def _events(self, events: Any, task: Task) -> Fields:
        found: dict[str, list[str]] = {}
        for event in events:
            prefix = self._event_prefix(event.name.decode())
            times = found.setdefault(field_name(f"{prefix}.time"), [])
            times.append(f'"{rfc3339(event.time_unix_nano or task.now)}"')
            for key, value in read_attributes(event.attributes).plain.items():
                for field, leaf in flattened(f"{prefix}.{key}", value):
                    found.setdefault(field, []).append(value_json(leaf))
        return {name: values[0] if len(values) == 1 else f"[{','.join(values)}]" for name, values in found.items()}

    def _event_prefix(self, name: str) -> str:
        name = name[:LONGEST_PREFIX]
        is_bare = self._mode is Mode.RAW and name.partition(".")[0] not in _OWN
        return name if is_bare else f"Events.{name}"

    def _write_logs(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._log(record, place, task)
            task.item += 1

    def _log(self, record: bytes, place: _FlatPlace, task: Task) -> None:
        log = LogRecord.FromString(record)
        attributes, instructions = self._attributes.of(log.attributes[:])
        route, id = place.logs, ""
        if instructions:
            route = place.place.route("logs", instructions)
            id = self._tools.router.id_in("logs", instructions)
        time = log.time_unix_nano or log.observed_time_unix_nano
        if not id and task.ids:
            id = (task.ids.of_record if time else task.ids.of_nameless)(place.place.seed, record)
        fields = {
            **attributes,
            **place.fields,
            **route.data_stream_fields,
            "@timestamp": f'"{rfc3339(time or task.now)}"',
            **_id_fields(log.trace_id.hex(), log.span_id.hex()),
            "TraceFlags": str(log.flags),
            "SeverityNumber": str(log.severity_number),
            **_body(log.body),
        }
        if log.severity_text:
            fields["SeverityText"] = dumps(log.severity_text.decode())
        if log.event_name:
            fields["EventName"] = dumps(log.event_name.decode())
        deliver(task.out, route, self._layouts.write(fields).encode(), task.item, id)


def _prefixed(prefix: str, key: str) -> str:
    return f"{prefix}.{key}"


def _raw_name(key: str) -> str:
    return f"Attributes.{key}" if key.partition(".")[0] in _OWN else key


def _id_fields(trace_id: str, span_id: str) -> Fields:
    fields = {"TraceId": f'"{trace_id}"'} if trace_id else {}
    return {**fields, "SpanId": f'"{span_id}"'} if span_id else fields


def _status(serialised: bytes) -> Fields:
    status = Status.FromString(serialised)
    fields = {"TraceStatus": str(status.code)}
    return {**fields, "TraceStatusDescription": dumps(status.message)} if status.message else fields


def _link(link: Any) -> dict[str, Any]:
    attributes = {key: as_text(value) for key, value in read_attributes(link.attributes).plain.items()}
    return {"attribute": attributes, "spanID": link.span_id.hex(), "traceID": link.trace_id.hex()}


def _body(serialised: bytes) -> Fields:
    value = read_value(AnyValue.FromString(serialised)) if serialised else None
    return {} if value is None else {name: value_json(leaf) for name, leaf in flattened("Body", value)}
