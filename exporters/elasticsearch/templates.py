"""Index templates that have to be there before the first document: what has none gets whatever mapping it suggests.

Elasticsearch has its own for OpenTelemetry; those for OpenSearch do without its types `passthrough` and `histogram`.
Jaeger's are those of its own writer, under the same names, so that there is one of each whoever writes it: without them
services and trace ids are analysed text, and the UI finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson

from exporters.elasticsearch.document_config import DocumentConfig, Flavor, JaegerConfig, Mode

Json: TypeAlias = dict[str, Any]

_PRIORITY = 120
"""Above that of templates for all of `logs-*-*`, which is 100."""
_JAEGER_PRIORITY = 500
_JAEGER_KEYWORD: Json = {"type": "keyword", "ignore_above": 256}
_KEYWORD: Json = {"type": "keyword", "ignore_above": 1024}
_TIME: Json = {"type": "date_nanos", "format": "strict_date_optional_time_nanos||epoch_millis"}


def templates(config: DocumentConfig) -> Mapping[str, bytes]:
    """Return the bodies of `PUT /_index_template/NAME`, by name, that documents of this configuration need."""
    found: dict[str, Json] = {}
    if config.flavor is Flavor.OPENSEARCH:
        found |= {f"otel-{type}": _otel(type, fields) for type, fields in _OTEL_FIELDS.items()}
    if Mode.JAEGER in config.mapping.allowed:
        found |= _jaeger(config.jaeger)
    return {name: orjson.dumps(body) for name, body in found.items()}


def _otel(type: str, fields: Json) -> Json:
    attributes: Json = {"type": "object", "dynamic": True}
    properties: Json = {
        "@timestamp": _TIME,
        "data_stream": {"properties": dict.fromkeys(("type", "dataset", "namespace"), _KEYWORD)},
        "attributes": attributes,
        "dropped_attributes_count": {"type": "long"},
        "resource": {"properties": {"schema_url": _KEYWORD, "attributes": attributes}},
        "scope": {
            "properties": {"name": _KEYWORD, "version": _KEYWORD, "schema_url": _KEYWORD, "attributes": attributes}
        },
        **fields,
    }
    return {
        "index_patterns": [f"{type}-*.otel-*"],
        "data_stream": {},
        "priority": _PRIORITY,
        "template": {
            # A value that does not fit its field is left out of the index and stays in the document
            "settings": {"index.mapping.total_fields.limit": 10_000, "index.mapping.ignore_malformed": True},
            "mappings": {
                "date_detection": False,
                "dynamic_templates": [*_NUMBERS, {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}],
                "properties": properties,
            },
        },
    }


# A metric whose first value happens to be whole is no integer
_NUMBERS: list[Json] = [
    {f"metrics_{type}": {"path_match": "metrics.*", "match_mapping_type": type, "mapping": {"type": "double"}}}
    for type in ("long", "double")
]
_IDS: Json = {"trace_id": _KEYWORD, "span_id": _KEYWORD}
_OTEL_FIELDS: Mapping[str, Json] = {
    "logs": {
        **_IDS,
        "observed_timestamp": _TIME,
        "severity_text": _KEYWORD,
        "severity_number": {"type": "integer"},
        "event_name": _KEYWORD,
        "body": {"properties": {"text": {"type": "text"}, "structured": {"type": "flat_object"}}},
    },
    "traces": {
        **_IDS,
        "parent_span_id": _KEYWORD,
        "trace_state": _KEYWORD,
        "name": _KEYWORD,
        "kind": _KEYWORD,
        "duration": {"type": "long"},
        "dropped_events_count": {"type": "long"},
        "dropped_links_count": {"type": "long"},
        "links": {
            "properties": {**_IDS, "trace_state": _KEYWORD, "attributes": {"type": "object", "dynamic": True}},
        },
        "status": {"properties": {"code": _KEYWORD, "message": {"type": "text"}}},
    },
    "metrics": {
        "start_timestamp": _TIME,
        "unit": _KEYWORD,
        "_metric_names_hash": _KEYWORD,
        "metrics": {"type": "object", "dynamic": True},
    },
}


def _jaeger(config: JaegerConfig) -> dict[str, Json]:
    return {
        f"{config.prefix}jaeger-span": _jaeger_template(config, "span", _JAEGER_PRIORITY, _SPAN, _TAGS_AS_FIELDS),
        f"{config.prefix}jaeger-service": _jaeger_template(config, "service", _JAEGER_PRIORITY + 1, _SERVICE, []),
    }


def _jaeger_template(config: JaegerConfig, what: str, priority: int, properties: Json, dynamic: list[Json]) -> Json:
    name = f"{config.prefix}jaeger-{what}"
    body: Json = {
        "index_patterns": [f"{name}-*"],
        "priority": priority,
        "template": {
            "settings": {"index.mapping.nested_fields.limit": 50, "index.requests.cache.enable": True},
            "mappings": {"dynamic_templates": dynamic, "properties": properties},
        },
    }
    if config.use_write_aliases:
        body["template"]["aliases"] = {f"{name}-read": {}}
    return body


def _nested(**properties: Json) -> Json:
    return {"type": "nested", "dynamic": False, "properties": properties}


_TAGS = _nested(key=_JAEGER_KEYWORD, value=_JAEGER_KEYWORD, type=_JAEGER_KEYWORD)
_TAGS_AS_FIELDS: list[Json] = [
    {name: {"path_match": path, "mapping": _JAEGER_KEYWORD}}
    for name, path in (
        ("span_tags_map", "tag.*"),
        ("process_tags_map", "process.tag.*"),
        ("scope_tags_map", "scopeTag.*"),
    )
]
_SERVICE: Json = {"serviceName": _JAEGER_KEYWORD, "operationName": _JAEGER_KEYWORD}
_SPAN: Json = {
    "traceID": _JAEGER_KEYWORD,
    "spanID": _JAEGER_KEYWORD,
    "parentSpanID": _JAEGER_KEYWORD,
    "operationName": _JAEGER_KEYWORD,
    "startTime": {"type": "long"},
    "startTimeMillis": {"type": "date", "format": "epoch_millis"},
    "duration": {"type": "long"},
    "flags": {"type": "integer"},
    "logs": _nested(timestamp={"type": "long"}, fields=_TAGS),
    "process": {"properties": {"serviceName": _JAEGER_KEYWORD, "tag": {"type": "object"}, "tags": _TAGS}},
    "references": _nested(
        refType=_JAEGER_KEYWORD,
        traceID=_JAEGER_KEYWORD,
        spanID=_JAEGER_KEYWORD,
        traceState=_JAEGER_KEYWORD,
        flags={"type": "integer"},
        tags=_TAGS,
    ),
    "tag": {"type": "object"},
    "tags": _TAGS,
    "scopeTag": {"type": "object"},
    "scopeTags": _TAGS,
}
