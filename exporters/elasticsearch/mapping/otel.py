"""Mode otel: documents as the templates that Elasticsearch has built in for OpenTelemetry expect them.

Attributes keep their dotted keys, times are texts of milliseconds with nanoseconds behind the point, and a span event
is a log document of its own.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.unknown_fields import UnknownFieldSet

from collector.batch import Signal
from collector.records.text import as_text
from collector.records.values import read_value
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.documents import Document, new_document
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import bounded, dumps
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools, Translate
from exporters.elasticsearch.mapping.otel_fields import (
    OtelAttributes,
    attribute_member,
    id_members,
    optional,
    origin_json,
    timestamp,
)
from exporters.elasticsearch.mapping.otel_metrics import OtelMetrics
from exporters.elasticsearch.origins import read_attributes
from exporters.elasticsearch.projections import AnyValue, LogRecord, Run, Span, Status, extras
from exporters.elasticsearch.routing import Route, deliver

_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_CODES = ("Unset", "Ok", "Error")
_NO_LINKS = '"links":[],'


class _OtelPlace(NamedTuple):
    place: Place
    seed: bytes
    spans: Route
    spans_member: str
    logs: Route
    tail: str
    """Resource and scope: the end of every document."""


class Otel:
    """Writes every signal in mode otel."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._attributes = OtelAttributes(resolves_conflicts=tools.is_opensearch)
        self._field = self._attributes.field
        self._is_opensearch = tools.is_opensearch
        self._places = Memory(self._place, 1024)
        self._texts = Memory(_text)
        self._statuses = Memory(_status)
        self._metrics = OtelMetrics(tools)

    def translations(self) -> Mapping[Signal, Translate]:
        return {
            Signal.TRACES: self._write_spans,
            Signal.LOGS: self._write_logs,
            Signal.METRICS: self._metrics.write,
        }

    def _place(self, key: PlaceKey) -> _OtelPlace:
        place = self._tools.place(Mode.OTEL, key)
        resource, scope = (
            origin_json(origin, self._attributes.text(origin.attributes)) for origin in (place.resource, place.scope)
        )
        spans = place.route("traces")
        return _OtelPlace(
            place, place.seed, spans, spans.member, place.route("logs"), f'"resource":{resource},"scope":{scope}}}'
        )

    def _write_spans(self, run: Run, task: Task) -> None:
        """Write the frequent span here, and leave all others to `_span`: every call costs a fiftieth of a span."""
        place = self._places[run.source, task.day]
        route, member, tail = place.spans, place.spans_member, place.tail
        target, action = route.target, f'{route.head},"_id":"'
        is_usual_here = task.ids and not self._is_opensearch and not route.mistake
        field, texts, statuses = self._field, self._texts, self._statuses
        add, item = task.out.documents.append, task.item
        for record, span in zip(run.records, run.spans(), strict=False):
            trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
            fields = dict(map(field, span.attributes[:]))
            start, end, kind = span.start_time_unix_nano, span.end_time_unix_nano, span.kind
            is_usual = is_usual_here and trace_id and span_id and fields and "" not in fields
            if is_usual and 0 < start <= end and 0 <= kind < 6 and not len(UnknownFieldSet(span)):
                parent = span.parent_span_id
                lineage = f'"parent_span_id":"{parent.hex()}",' if parent else ""
                milliseconds, rest = divmod(start, 1_000_000)
                text = (
                    f'{{"@timestamp":"{milliseconds}.{f"{rest:06}" if rest else 0}",{member}'
                    f'"trace_id":"{trace_id}","span_id":"{span_id}",{lineage}'
                    f'"name":{texts[span.name]},"kind":"{_KINDS[kind]}","duration":{end - start},'
                    f'"attributes":{{{",".join(fields.values())}}},{_NO_LINKS}"status":{statuses[span.status]},{tail}'
                )
                id = f"{trace_id}{span_id}{crc32(record):08x}"
                line = f'{action}{id}"}}}}'
                add(new_document(Document, (line.encode(), text.encode(), item, 1, target, id, False)))
            else:
                task.item = item
                self._span(record, place, task)
            item += 1
        task.item = item

    def _span(self, record: bytes, place: _OtelPlace, task: Task) -> None:
        span = Span.FromString(record)
        trace_id, span_id, parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id
        pairs = span.attributes[:]
        fields = dict(map(self._field, pairs))
        route, member, id = place.spans, place.spans_member, ""
        if "" in fields or self._is_opensearch:
            attributes, instructions = self._attributes.of(pairs)
            if instructions:
                route = place.place.route("traces", instructions)
                member, id = route.member, self._tools.router.id_in("traces", instructions)
        else:
            attributes = ",".join(fields.values())
        if not id and task.ids:
            id = task.ids.of_span(trace_id, span_id, place.seed, record)
        start, end, kind, extra = span.start_time_unix_nano, span.end_time_unix_nano, span.kind, extras(record, span)
        ids = f'"trace_id":"{trace_id}","span_id":"{span_id}",'
        lineage = f'"parent_span_id":"{parent.hex()}",' if parent else ""
        text = (
            f'{{"@timestamp":"{timestamp(start or end or task.now)}",{member}'
            f"{ids if trace_id and span_id else id_members(trace_id, span_id)}{lineage}"
            f'"name":{self._texts[span.name]},"kind":"{_KINDS[kind] if 0 <= kind < 6 else _KINDS[0]}",'
            f'"duration":{end - start if end > start else 0},{attribute_member(attributes)}'
            f'{self._extra_members(extra) if extra else _NO_LINKS}"status":{self._statuses[span.status]},{place.tail}'
        )
        deliver(task.out, route, text.encode(), task.item, id)
        if extra:
            self._events(extra.events, id_members(trace_id, span_id), id, place, task)

    def _extra_members(self, extra: Any) -> str:
        state = f'"trace_state":{self._texts[extra.trace_state]},' if extra.trace_state else ""
        return (
            f'{state}"links":[{self._links(extra.links)}],'
            + optional("dropped_attributes_count", extra.dropped_attributes_count)
            + optional("dropped_events_count", extra.dropped_events_count)
            + optional("dropped_links_count", extra.dropped_links_count)
        )

    def _links(self, links: Any) -> str:
        return ",".join([self._link(link) for link in links]) if links else ""

    def _link(self, link: Any) -> str:
        attributes, _ = self._attributes.of(link.attributes[:])
        state = f'"trace_state":{self._texts[link.trace_state]},' if link.trace_state else ""
        members = (
            id_members(link.trace_id.hex(), link.span_id.hex())
            + state
            + attribute_member(attributes)
            + optional("dropped_attributes_count", link.dropped_attributes_count)
        )
        return f"{{{members.removesuffix(',')}}}"

    def _events(self, events: Any, ids: str, span: str, place: _OtelPlace, task: Task) -> None:
        for number, event in enumerate(events):
            fields = read_attributes(event.attributes)
            name = event.name.decode()
            attributes = self._attributes.text({**fields.plain, "event.name": name} if name else fields.plain)
            route = place.place.route("logs", fields.instructions)
            text = (
                f'{{"@timestamp":"{timestamp(event.time_unix_nano or task.now)}",{route.member}{ids}'
                f"{self._named(name)}{attribute_member(attributes)}"
                f"{optional('dropped_attributes_count', event.dropped_attributes_count)}{place.tail}"
            )
            deliver(task.out, route, text.encode(), task.item, f"{span}.{number}" if span else "", items=0)

    def _named(self, name: str) -> str:
        return f'"event_name":{dumps(name)},' if name else ""

    def _write_logs(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._log(record, place, task)
            task.item += 1

    def _log(self, record: bytes, place: _OtelPlace, task: Task) -> None:
        log = LogRecord.FromString(record)
        attributes, instructions = self._attributes.of(log.attributes[:])
        route, id = place.logs, ""
        if instructions:
            route = place.place.route("logs", instructions)
            id = self._tools.router.id_in("logs", instructions)
        time, observed = log.time_unix_nano, log.observed_time_unix_nano
        if not id and task.ids:
            id = (task.ids.of_record if time or observed else task.ids.of_nameless)(place.place.seed, record)
        seen = f'"observed_timestamp":"{timestamp(observed)}",' if observed else ""
        text = (
            f'{{"@timestamp":"{timestamp(time or observed or task.now)}",{seen}{route.member}'
            f"{self._severity(log)}{self._named(_event_name(log))}{id_members(log.trace_id.hex(), log.span_id.hex())}"
            f"{attribute_member(attributes)}{optional('dropped_attributes_count', log.dropped_attributes_count)}"
            f"{_body(log.body)}{place.tail}"
        )
        deliver(task.out, route, text.encode(), task.item, id)

    def _severity(self, log: Any) -> str:
        text, number = log.severity_text, log.severity_number
        return (f'"severity_text":{self._texts[text]},' if text else "") + optional("severity_number", number)


def _text(text: bytes) -> str:
    return dumps(text.decode())


def _status(serialised: bytes) -> str:
    status = Status.FromString(serialised)
    code = _CODES[status.code] if 0 <= status.code < len(_CODES) else _CODES[0]
    return dumps({"code": code, "message": status.message} if status.message else {"code": code})


def _event_name(log: Any) -> str:
    if log.event_name:
        return str(log.event_name.decode())
    if any(b"event.name" in pair for pair in log.attributes):
        return as_text(read_attributes(log.attributes).plain.get("event.name"))
    return ""


def _body(serialised: bytes) -> str:
    """Return the body as a member followed by a comma: texts and numbers as `text`, lists and maps as `structured`."""
    value = read_value(AnyValue.FromString(serialised)) if serialised else None
    match value:
        case None:
            return ""
        case dict():
            structured: Any = value
        case list() if value and all(isinstance(item, dict) for item in value):
            structured = value
        case list():
            structured = {"value": value}
        case _:
            return f'"body":{{"text":{dumps(as_text(value))}}},'
    return f'"body":{{"structured":{dumps(bounded(structured))}}},'
