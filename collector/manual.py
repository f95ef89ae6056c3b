"""Pages about every component, made of what the code says: `python -m collector.manual DIRECTORY` writes them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml
from pydantic import BaseModel

from collector.api import ExporterFactory
from collector.catalogue import Entry, catalogue
from collector.config_types import DURATION_EXAMPLES
from collector.delivery.settings import DeliveryConfig, RetryConfig
from collector.registry import Kind

_DELIVERY_PAGE = "exporters/README.md"
_NOTE = "<!-- Made by `make docs` from the code; changes belong there. -->"


class Key(NamedTuple):
    """One row of a table of settings."""

    path: str
    type: str
    default: str
    description: str


def pages() -> dict[str, str]:
    """Return the text of every page by its path below the documentation's folder for components."""
    entries = list(catalogue())
    texts = {f"{entry.kind}/{entry.type}.md": _page(entry) for entry in entries}
    return {"README.md": _index(entries), _DELIVERY_PAGE: _delivery_page(), **texts}


def write(directory: Path) -> None:
    """Write every page, and remove pages of components that are gone."""
    texts = pages()
    for old in directory.glob("**/*.md"):
        if str(old.relative_to(directory)) not in texts:
            old.unlink()
    for path, text in texts.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def keys(model: type[BaseModel]) -> Iterator[Key]:
    """Yield a row for every setting of a model, the nested ones with dots in their path.

    Settings of what is in a list follow its path and `[]`.  A model inside of itself is not told again: where it is,
    the type says which settings it has.
    """
    schema = model.model_json_schema(ref_template="{model}")
    yield from _rows(schema, _Told(schema.get("$defs", {}), {}), "")


class _Told(NamedTuple):
    """What is known on the way to a setting."""

    definitions: Mapping[str, Any]
    around: Mapping[str, str]
    """The models that the setting is in, with the paths where their settings are told."""

    def inside(self, name: str, path: str) -> _Told:
        return self._replace(around={**self.around, name: path}) if name else self


def _rows(schema: Mapping[str, Any], told: _Told, prefix: str) -> Iterator[Key]:
    for key, field in schema.get("properties", {}).items():
        name, inner, path = _objects_in(field, told, prefix + key)
        required = key in schema.get("required", ())
        is_list = path != prefix + key
        default = "required" if required else "" if inner and not is_list else _default(field)
        yield Key(prefix + key, _type(field, told), default, field.get("description", ""))
        if inner and name not in told.around:
            yield from _rows(inner, told.inside(name, path), f"{path}.")


def _objects_in(field: Mapping[str, Any], told: _Told, path: str) -> tuple[str, Mapping[str, Any] | None, str]:
    """Return name, schema and path of the model that a field holds, or may hold, or that those in its list are.

    The name is empty for a model without one, the schema None if the field holds none.
    """
    for option in (field, *field.get("anyOf", ()), *field.get("allOf", ())):
        name = option.get("$ref", "")
        target: Mapping[str, Any] = told.definitions.get(name, option)
        if "properties" in target:
            return name, target, path
        if target.get("type") == "array" and (found := _objects_in(target.get("items", {}), told, f"{path}[]"))[1]:
            return found
    return "", None, path


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if _is_duration(field) and default is not None:
        return f"`{_duration(default)}`"
    return "" if default is None else f"`{orjson.dumps(default).decode()}`"


def _type(field: Mapping[str, Any], told: _Told) -> str:
    """Say in words what a setting takes; nothing for an object, whose own settings follow."""
    if path := told.around.get(field.get("$ref", "")):
        return f"settings as of `{path}`"
    return _own_type(told.definitions.get(field.get("$ref", ""), field), told)


def _own_type(field: Mapping[str, Any], told: _Told) -> str:
    if _is_duration(field):
        return "duration"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if options := field.get("anyOf") or field.get("allOf"):
        types = [_type(option, told) for option in options if option.get("type") != "null"]
        return types[0] if len(types) == 1 else " or ".join(dict.fromkeys([type_ or "settings" for type_ in types]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), told) or 'settings'}"
    if field.get("type") == "object":
        return "" if "properties" in field else _mapping_type(field, told)
    type_ = field.get("type", "")
    return _NAMES.get((type_, field.get("format")), _NAMES.get((type_, None), "any"))


def _is_duration(field: Mapping[str, Any]) -> bool:
    return field.get("examples") == DURATION_EXAMPLES


def _duration(seconds: float) -> str:
    """Write seconds the way the documentation does: `200ms`, `5s`, `2h`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _mapping_type(field: Mapping[str, Any], told: _Told) -> str:
    values = field.get("additionalProperties")
    return f"mapping to {_type(values, told)}" if isinstance(values, dict) else "mapping"


_NAMES: dict[tuple[str, str | None], str] = {
    ("string", None): "text",
    ("string", "password"): "secret",
    ("string", "path"): "path",
    ("string", "file-path"): "path",
    ("integer", None): "whole number",
    ("number", None): "number",
    ("boolean", None): "true or false",
}


def _page(entry: Entry) -> str:
    parts = [_NOTE, f"# {entry.type}", entry.description]
    if entry.aliases:
        parts.append(f"Former names that a configuration may still use: {', '.join(f'`{a}`' for a in entry.aliases)}.")
    if entry.kind is Kind.CONNECTOR:
        made = [f"{taken} → {', '.join(sorted(makes))}" for taken, makes in entry.makes.items()]
        parts.append(f"Signals: {'; '.join(made)}.")
    elif entry.signals:
        parts.append(f"Signals: {', '.join(entry.signals)}.")
    parts += ["## Example", f"```yaml\n{_example(entry)}```"]
    if rows := list(keys(entry.factory.config)):
        parts += ["## Settings", _table(rows)]
    if entry.kind is Kind.EXPORTER:
        parts.append(_delivery_note(entry))
    return "\n\n".join(parts) + "\n"


def _example(entry: Entry) -> str:
    body = yaml.safe_load(entry.factory.example) or None
    return str(yaml.safe_dump({str(entry.kind): {entry.type: body}}, sort_keys=False)).replace(": null\n", ":\n")


def _table(rows: list[Key]) -> str:
    lines = ["| Key | Type | Default | What it does |", "|---|---|---|---|"]
    for row in rows:
        cells = (f"`{row.path}`", row.type, row.default, row.description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _delivery_note(entry: Entry) -> str:
    queue = "on" if entry.factory.queue_by_default else "off"
    timeout = f"{entry.factory.timeout:g} s" if entry.factory.timeout else "none"
    return (
        "Beside these it has the settings of [every exporter](README.md); unless the configuration says otherwise, "
        f"its `sending_queue` is {queue} and its `timeout` is {timeout}{_first_pause(entry.factory)}."
    )


def _first_pause(factory: ExporterFactory[Any]) -> str:
    usual, seconds = RetryConfig().initial_interval, factory.initial_interval
    return "" if seconds == usual else f", and `retry_on_failure.initial_interval` is {seconds:g} s"


def _delivery_page() -> str:
    parts = [
        _NOTE,
        "# What every exporter has",
        "A queue before it, retries, and a timeout for each attempt. Its own page says which defaults are others.",
        _table(list(keys(DeliveryConfig))),
    ]
    return "\n\n".join(parts) + "\n"


def _index(entries: list[Entry]) -> str:
    parts = [_NOTE, "# Components"]
    for kind in Kind:
        rows = [f"- [{e.type}]({kind}/{e.type}.md): {e.summary}" for e in entries if e.kind is kind]
        if rows:
            parts += [f"## {kind.capitalize()}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
