"""Mode jaeger: what Jaeger's own writer puts into Elasticsearch, so that its query service and UI find it there.

Besides each span there is a document for its service and operation, without which the UI does not offer the service.
Jaeger, "Elasticsearch storage": spans and services have daily indices by the start of the span.  A span's id is its
trace id, span id and 64 bits that tell apart what else it holds, of the SHA-256 of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from collector.batch import Signal
from collector.records.text import as_text
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.documents import Document
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools, Translate
from exporters.elasticsearch.mapping.jaeger_services import Services
from exporters.elasticsearch.mapping.jaeger_tags import Tag, Tags, tag
from exporters.elasticsearch.origins import read_attributes
from exporters.elasticsearch.projections import JaegerSpan, Run, Status
from exporters.elasticsearch.routing import Route, deliver

NO_SERVICE_NAME = "OTLPResourceNoServiceName"
"""OpenTelemetry to Jaeger transformation: the service of a resource that has no attributes."""
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_LARGEST_INTEGER = 2**31 - 1
_NANOSECONDS_A_DAY = 86_400 * 10**9
_REFERENCE_TYPE = "opentracing.ref_type"


class _JaegerPlace(NamedTuple):
    service: str
    process: str
    scope: list[Tag]
    """Tags of the scope, which are those of each span."""


class Jaeger:
    """Writes spans in mode jaeger."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._config = tools.config.jaeger
        self._tags = Tags(self._config.tags_as_fields)
        self._places = Memory(self._place, 1024)
        self._routes = Memory(self._route, 1024)
        self._statuses = Memory(_status_tags)
        self.services = Services()

    def translations(self) -> Mapping[Signal, Translate]:
        return {Signal.TRACES: self._write_spans}

    def _place(self, key: PlaceKey) -> _JaegerPlace:
        place: Place = self._tools.place(Mode.JAEGER, key)
        attributes = dict(place.resource.attributes)
        service = as_text(attributes.pop("service.name", "")) if attributes else NO_SERVICE_NAME
        tags = self._tags.members([tag(name, value) for name, value in attributes.items()])
        names = {"otel.scope.name": place.scope.name, "otel.scope.version": place.scope.version}
        scope = [tag(name, value) for name, value in names.items() if value]
        return _JaegerPlace(service, f'"process":{{"serviceName":{dumps(service)},{tags}}}', scope)

    def _route(self, question: tuple[str, str]) -> Route:
        what, date = question
        return self._tools.router.fixed(f"{self._config.prefix}jaeger-{what}-{date}", "index")

    def _routes_at(self, nanoseconds: int) -> tuple[Route, Route]:
        if self._config.use_write_aliases:
            date = "write"
        else:
            date = datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime(self._config.date_format)
        return self._routes["service", date], self._routes["span", date]

    def _write_spans(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._span(record, place, task)
            task.item += 1

    def _span(self, record: bytes, place: _JaegerPlace, task: Task) -> None:
        span = JaegerSpan.FromString(record)
        start = span.start_time_unix_nano or span.end_time_unix_nano or task.now
        duration = max(0, span.end_time_unix_nano - start) // 1000
        trace_id, span_id = _trace_id(span.trace_id), _span_id(span.span_id)
        services, spans = self._routes_at(start)
        operation = span.name.decode()
        self._service(services, place.service, operation, task)
        parent = f'"parentSpanID":"{_span_id(span.parent_span_id)}",' if span.parent_span_id else ""
        flags = f'"flags":{min(span.flags, _LARGEST_INTEGER)},' if span.flags else ""
        text = (
            f'{{"traceID":"{trace_id}","spanID":"{span_id}",{parent}{flags}"operationName":{dumps(operation)},'
            f'"references":{_references(span)},'
            f'"startTime":{start // 1000},"startTimeMillis":{start // 1_000_000},"duration":{duration},'
            f'{self._tags.members(self._span_tags(span, place))},"logs":{self._logs(span.events)},{place.process}}}'
        ).encode()
        id = f"{trace_id}_{span_id}_{sha256(text).hexdigest()[:16]}" if task.ids else ""
        deliver(task.out, spans, text, task.item, id)

    def _service(self, route: Route, service: str, operation: str, task: Task) -> None:
        known = self._services_id(service, operation)
        if route.mistake or not self.services.is_new(route.target, known, task):
            return
        source = dumps({"serviceName": service, "operationName": operation}).encode()
        action = f'{route.head},"_id":"{known}"}}}}'.encode()
        task.out.documents.append(Document(action, source, task.item, 0, route.target, known, once=True))

    def _services_id(self, service: str, operation: str) -> str:
        return self.services.id(service, operation)

    def _span_tags(self, span: Any, place: _JaegerPlace) -> list[Tag]:
        tags = [*place.scope, *self._tags.of(span.attributes[:])]
        if 0 < span.kind < len(_KINDS):
            tags.append(tag("span.kind", _KINDS[span.kind]))
        tags += self._statuses[span.status]
        if span.trace_state:
            tags.append(tag("w3c.tracestate", span.trace_state.decode()))
        for what in ("attributes", "events", "links"):
            if count := getattr(span, f"dropped_{what}_count"):
                tags.append(tag(f"otel.dropped_{what}_count", count))
        return tags

    def _logs(self, events: Any) -> str:
        return f"[{','.join([self._log(event) for event in events])}]" if events else "null"

    def _log(self, event: Any) -> str:
        fields = self._tags.of(event.attributes[:])
        if event.name and not any(field.key == "event" for field in fields):
            fields = [tag("event", event.name.decode()), *fields]
        return f'{{"timestamp":{event.time_unix_nano // 1000},"fields":{self._tags.list(fields)}}}'


def _trace_id(trace_id: bytes) -> str:
    return trace_id.hex().rjust(32, "0")


def _span_id(span_id: bytes) -> str:
    return span_id.hex().rjust(16, "0")


def _status_tags(serialised: bytes) -> list[Tag]:
    status = Status.FromString(serialised)
    tags = []
    if status.code == Status.STATUS_CODE_OK:
        tags.append(tag("otel.status_code", "OK"))
    elif status.code == Status.STATUS_CODE_ERROR:
        tags.append(tag("error", True))
    return [*tags, tag("otel.status_description", status.message)] if status.message else tags


def _references(span: Any) -> str:
    """Return the parent, then the links; a link to the parent says of which type that reference is."""
    parent = (span.trace_id, span.parent_span_id)
    found = {parent: "CHILD_OF"} if span.parent_span_id else {}
    links = []
    for link in span.links:
        type = read_attributes(link.attributes).plain.get(_REFERENCE_TYPE)
        reference = (link.trace_id, link.span_id), "CHILD_OF" if type == "child_of" else "FOLLOWS_FROM"
        if reference[0] in found:
            found[parent] = reference[1]
        else:
            links.append(reference)
    written = [
        {"refType": type, "traceID": _trace_id(trace_id), "spanID": _span_id(span_id)}
        for (trace_id, span_id), type in [*found.items(), *links]
    ]
    return dumps(written) if written else "null"
