"""Every component type there is, found the way the engine finds them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from collector.batch import Signal
from collector.errors import ConfigError
from collector.registry import Kind, known_types, load_factory


class Entry(NamedTuple):
    kind: Kind
    type: str
    factory: Any

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(self.factory.aliases)

    @property
    def signals(self) -> list[Signal]:
        """The signals it works for; none for an extension."""
        return [signal for signal in Signal if signal in getattr(self.factory, "signals", ())]

    @property
    def makes(self) -> Mapping[Signal, frozenset[Signal]]:
        """What a connector makes of each signal; empty for others."""
        return self.factory.signals if self.kind is Kind.CONNECTOR else {}

    @property
    def description(self) -> str:
        """The docstring of the module that has the factory, or of the package that shows it."""
        module = sys.modules[self.factory.build.__module__]
        package = sys.modules.get(module.__name__.rpartition(".")[0])
        if getattr(package, "factory", None) is self.factory:
            return inspect.getdoc(package) or ""
        return inspect.getdoc(module) or ""

    @property
    def summary(self) -> str:
        return self.description.partition("\n\n")[0].replace("\n", " ")


def catalogue() -> Iterator[Entry]:
    """Yield every built-in and installed component, by kind and name.  Imports all of them.

    Raises:
        ConfigError: an installed one cannot be imported.
    """
    for kind in Kind:
        for type_ in known_types(kind):
            try:
                yield Entry(kind, type_, load_factory(kind, type_))
            except ConfigError as error:
                raise ConfigError(f"{kind}::{type_}: {error}") from None


def as_json(entries: Iterable[Entry]) -> str:
    """Write components for programs: a list of objects with kind, type, aliases, signals and summary."""
    listed = [
        {
            "kind": entry.kind,
            "type": entry.type,
            "aliases": entry.aliases,
            "signals": entry.signals,
            "summary": entry.summary,
        }
        for entry in entries
    ]
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode()


def as_table(entries: Iterable[Entry]) -> str:
    """Write components for people: one line each, under the name of their kind."""
    lines: list[str] = []
    for kind, group in groupby(entries, key=attrgetter("kind")):
        lines += ["", f"{kind}:"] if lines else [f"{kind}:"]
        for entry in group:
            names = " / ".join((entry.type, *entry.aliases))
            lines.append(f"  {names:30} {', '.join(entry.signals):32} {entry.summary}".rstrip())
    return "\n".join(lines)
