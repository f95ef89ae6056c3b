"""OTLP traces in Jaeger's terms: OpenTelemetry specification, "OpenTelemetry to Jaeger Transformation".

Spans are read by projection and never decoded whole.  Attributes come again and again, so a tag is written once for the
bytes of its attribute and remembered; so is the process of a resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import Batch
from collector.errors import DropReason
from collector.parcels import Parcel, Prepared
from collector.records.text import as_text
from collector.records.values import read_pair
from collector.wire.memo import Memo
from collector.wire.projection import OPAQUE, VALUE, project
from exporters.jaeger.model import Format, JaegerSpan, Reference, RefType, TagValue

NO_SERVICE = "OTLPResourceNoServiceName"
"""The service of spans whose resource has no attribute at all."""
MAX_REQUEST = 4_000_000
"""Bytes of spans in a request: gRPC servers take 4 MiB of everything unless they are told otherwise."""
LARGE = 1 << 15
"""Bytes from which a batch is translated in a thread, which costs 0.1 ms.  So many bytes of usual spans take about
a millisecond, and of nothing but empty events 100; nothing should hold up the loop for longer."""

_REMEMBERED_TAGS, _LONGEST_TAG = 16_384, 256
_REMEMBERED_OWN_TAGS = 1024
_REMEMBERED_PROCESSES, _LONGEST_PROCESS = 256, 4096
_LONGEST_DURATION = (1 << 63) - 1
_NO_PARENT = bytes(8)
_KINDS = (None, "internal", "server", "client", "producer", "consumer")
_STATUSES = (None, "OK", "ERROR")
_ERROR = 2

_Request: Any = project(
    ExportTraceServiceRequest,
    {
        "resource_spans": {
            "resource": {"attributes": OPAQUE},
            "scope_spans": {
                "scope": {"name": VALUE, "version": VALUE},
                "spans": {
                    "trace_id": VALUE,
                    "span_id": VALUE,
                    "trace_state": VALUE,
                    "parent_span_id": VALUE,
                    "flags": VALUE,
                    "name": VALUE,
                    "kind": VALUE,
                    "start_time_unix_nano": VALUE,
                    "end_time_unix_nano": VALUE,
                    "attributes": OPAQUE,
                    "dropped_attributes_count": VALUE,
                    "events": {"time_unix_nano": VALUE, "name": VALUE, "attributes": OPAQUE},
                    "dropped_events_count": VALUE,
                    "links": {"trace_id": VALUE, "span_id": VALUE, "attributes": OPAQUE},
                    "dropped_links_count": VALUE,
                    "status": {"code": VALUE, "message": VALUE},
                },
            },
        }
    },
)


class Translation:
    """Makes requests of batches, in one format."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._tags = Memo(self._tag_of, _REMEMBERED_TAGS, longest=_LONGEST_TAG)
        self._fields = Memo(self._field_of, _REMEMBERED_TAGS, longest=_LONGEST_TAG)
        self._remembered = lru_cache(_REMEMBERED_PROCESSES)(self._process)
        self._tag = lru_cache(_REMEMBERED_OWN_TAGS)(format.tag)

    async def prepare(self, batch: Batch) -> Prepared:
        """Return a request for each resource, and more than one where it would be too large."""
        if len(batch.wire) < LARGE:
            return self.translate(batch)
        return await asyncio.to_thread(self.translate, batch)

    def translate(self, batch: Batch) -> Prepared:
        """As `prepare`, at once."""
        by_process: dict[bytes, list[bytes]] = {}
        lost = 0
        for resource_spans in _Request.FromString(batch.wire).resource_spans:
            spans = by_process.setdefault(self._process_of(resource_spans.resource), [])
            for scope_spans in resource_spans.scope_spans:
                lost += self._translate_scope(scope_spans, spans)
        parcels = [parcel for process, spans in by_process.items() for parcel in self._parcels(process, spans)]
        return Prepared(tuple(parcels), {DropReason.UNSUPPORTED: lost} if lost else {})

    def _translate_scope(self, scope_spans: Any, into: list[bytes]) -> int:
        """Append the spans of a scope; return how many Jaeger cannot hold, since their ids are not ids."""
        scope_tags = self._scope_tags(scope_spans.scope)
        span, write = self._span, self._format.span
        lost = 0
        for source in scope_spans.spans:
            if len(source.trace_id) != 16 or len(source.span_id) != 8:
                lost += 1
            else:
                into.append(write(span(source, scope_tags)))
        return lost

    def _parcels(self, process: bytes, spans: Sequence[bytes]) -> Iterator[Parcel]:
        # each part has a copy of the process: of a huge one, so few that they come to no more than the spans
        for part in _parts(spans, max(MAX_REQUEST - len(process), len(process))):
            yield Parcel(self._format.batch(process, part), len(part))

    def _process_of(self, resource: Any) -> bytes:
        attributes = tuple(resource.attributes)
        if sum(map(len, attributes)) <= _LONGEST_PROCESS:
            return self._remembered(attributes)
        return self._process(attributes)

    def _process(self, attributes: tuple[bytes, ...]) -> bytes:
        service, tags = "" if attributes else NO_SERVICE, []
        for key, value in map(read_pair, attributes):
            if key == "service.name":
                service = as_text(value)
            else:
                tags.append((key, tag_value(value)))
        return self._format.process(service, tags)

    def _scope_tags(self, scope: Any) -> list[bytes]:
        return [
            self._text_tag(f"otel.scope.{name}", value)
            for name, value in (("name", scope.name), ("version", scope.version))
            if value
        ]

    def _span(self, source: Any, scope_tags: list[bytes]) -> JaegerSpan:
        parent = source.parent_span_id
        if len(parent) != len(_NO_PARENT):
            parent = _NO_PARENT
        start = source.start_time_unix_nano
        duration = source.end_time_unix_nano - start
        return JaegerSpan(
            source.trace_id,
            source.span_id,
            parent,
            source.name,
            _references(source, parent),
            source.flags,
            start,
            min(max(duration, 0), _LONGEST_DURATION),
            [*scope_tags, *self._tags.all(source.attributes), *self._own_tags(source)],
            [self._log(event) for event in source.events],
        )

    def _own_tags(self, source: Any) -> list[bytes]:
        """What OTLP has a field for and Jaeger a tag."""
        tags, tag = [], self._tag
        if 0 < (kind := source.kind) < len(_KINDS):
            tags.append(tag("span.kind", _KINDS[kind]))
        if source.HasField("status"):
            tags += self._status_tags(source.status)
        if state := source.trace_state:
            tags.append(self._text_tag("w3c.tracestate", state))
        for name in ("attributes", "events", "links"):
            if dropped := getattr(source, f"dropped_{name}_count"):
                tags.append(tag(f"otel.dropped_{name}_count", dropped))
        return tags

    def _status_tags(self, status: Any) -> Iterator[bytes]:
        if 0 < (code := status.code) < len(_STATUSES):
            yield self._tag("otel.status_code", _STATUSES[code])
        if code == _ERROR:
            yield self._tag("error", True)
        if message := status.message:
            yield self._text_tag("otel.status_description", message)

    def _log(self, event: Any) -> bytes:
        fields = self._fields.all(event.attributes)
        if event.name and not any(map(_is_called_event, event.attributes)):
            fields = [self._format.field("event", event.name.decode()), *fields]
        return self._format.log(event.time_unix_nano, fields)

    def _text_tag(self, key: str, value: bytes) -> bytes:
        write = self._tag if len(value) <= _LONGEST_TAG else self._format.tag
        return write(key, value.decode())

    def _tag_of(self, attribute: bytes) -> bytes:
        key, value = read_pair(attribute)
        return self._format.tag(key, tag_value(value))

    def _field_of(self, attribute: bytes) -> bytes:
        key, value = read_pair(attribute)
        return self._format.field(key, tag_value(value))


def tag_value(value: Any) -> TagValue:
    """Return what a tag holds of an attribute: arrays and maps as JSON, no value as no text."""
    return value if isinstance(value, bool | int | float | bytes) else as_text(value)


def _is_called_event(attribute: bytes) -> bool:
    return b"event" in attribute and read_pair(attribute)[0] == "event"


def _references(source: Any, parent: bytes) -> list[Reference]:
    """The parent comes first; a link to it says how it is referred to instead of being another reference."""
    trace_id, references = source.trace_id, []
    has_parent = parent != _NO_PARENT
    if has_parent:
        references.append(Reference(trace_id, parent, RefType.CHILD_OF))
    for link in source.links:
        reference = Reference(link.trace_id, link.span_id, _link_type(link))
        if has_parent and reference[:2] == (trace_id, parent):
            references[0] = reference
        elif len(link.trace_id) == 16 and len(link.span_id) == 8:
            references.append(reference)
    return references


def _link_type(link: Any) -> RefType:
    # OpenTelemetry semantic conventions, "OpenTracing compatibility"
    is_child = any(read_pair(attribute) == ("opentracing.ref_type", "child_of") for attribute in link.attributes)
    return RefType.CHILD_OF if is_child else RefType.FOLLOWS_FROM


def _parts(spans: Sequence[bytes], room: int) -> Iterator[Sequence[bytes]]:
    """Cut spans where a request would be too large; one that is too large alone is left to the server."""
    overhead = 5  # the tag and the length of a span
    start = size = 0
    for index, span in enumerate(spans):
        size += len(span) + overhead
        if size > room and index > start:
            yield spans[start:index]
            start, size = index, len(span) + overhead
    if start < len(spans):
        yield spans[start:]
