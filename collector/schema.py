"""One JSON Schema for the whole configuration, so that an editor completes and checks it."""

from __future__ import annotations

import re
from typing import Any

import orjson
from pydantic import BaseModel

from collector.catalogue import Entry, catalogue
from collector.config import CollectorConfig
from collector.delivery.settings import DeliveryConfig
from collector.registry import Kind
from collector.resolution import PLUGIN

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SUBSTITUTION = {"type": "string", "pattern": r"\$\{.+\}"}
"""What may stand for any value: `${env:PORT}`."""


def config_schema() -> str:
    """Write the schema of a configuration with every component that is built in or installed.

    Raises:
        ConfigError: an installed component cannot be imported.
    """
    definitions: dict[str, Any] = {}
    root = _model(CollectorConfig, definitions)
    entries = list(catalogue())
    for kind in Kind:
        root["properties"][kind] |= _section([entry for entry in entries if entry.kind is kind], definitions)
    schema = {"$schema": _DIALECT, "title": "pyotelcol configuration", **root, "$defs": definitions}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()


def _section(entries: list[Entry], definitions: dict[str, Any]) -> dict[str, Any]:
    """Map every type, with or without a name behind a slash, to its settings; others come from a file."""
    patterns = {}
    for entry in entries:
        names = "|".join(re.escape(name) for name in (entry.type, *entry.aliases))
        patterns[f"^({names})(/.+)?$"] = _component(entry, definitions)
    plugin = {"type": "object", "properties": {PLUGIN: {"type": "string"}}, "required": [PLUGIN]}
    return {"type": ["object", "null"], "patternProperties": patterns, "additionalProperties": plugin}


def _component(entry: Entry, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _model(entry.factory.config, definitions)
    if entry.kind is Kind.EXPORTER:
        schema["properties"] = {**schema.get("properties", {}), **_model(DeliveryConfig, definitions)["properties"]}
    # an empty body means the defaults
    return {**schema, "type": ["object", "null"], "description": entry.summary}


def _model(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a model; those it refers to go to `definitions`, under names of their own."""
    prefix = f"{model.__module__}.{model.__qualname__}."
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    for name, inner in schema.pop("$defs", {}).items():
        definitions[prefix + name] = _substitutable(inner)
    return _substitutable(schema)


def _substitutable(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a substitution stand wherever something else than text or an object is wanted."""
    properties = {key: _or_substitution(inner) for key, inner in schema.get("properties", {}).items()}
    return {**schema, "properties": properties} if properties else schema


def _or_substitution(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") not in {"integer", "number", "boolean", "array"} and "$ref" not in schema:
        return schema
    outer: dict[str, Any] = {key: schema[key] for key in ("description", "default", "title") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    return {**outer, "anyOf": [inner, _SUBSTITUTION]}
