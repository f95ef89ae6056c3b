"""From a type name in the configuration to the factory that builds it.

A built-in component is the module of that name: `batch:` under `processors:` is `processors/batch.py`, and there is no
list to add it to.  Components of other distributions announce themselves through entry points, and a user's own is a
file beside the configuration.
"""

from __future__ import annotations

import difflib
import enum
import importlib
import importlib.util
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from collector.api import (
    BufferingProcessorFactory,
    ConnectorFactory,
    ExporterFactory,
    ExtensionFactory,
    ProcessorFactory,
    ReceiverFactory,
)
from collector.errors import ConfigError
from collector.plugins import load_plugin, why
from collector.records.functions import RecordFunction


class Kind(enum.StrEnum):
    RECEIVER = "receivers"
    PROCESSOR = "processors"
    EXPORTER = "exporters"
    CONNECTOR = "connectors"
    EXTENSION = "extensions"


_PACKAGES = {
    Kind.RECEIVER: "collector.receivers",
    Kind.PROCESSOR: "processors",
    Kind.EXPORTER: "exporters",
    Kind.CONNECTOR: "collector.connectors",
    Kind.EXTENSION: "collector.extensions",
}
_FACTORIES: Mapping[Kind, tuple[type, ...]] = {
    Kind.RECEIVER: (ReceiverFactory,),
    Kind.PROCESSOR: (ProcessorFactory, BufferingProcessorFactory),
    Kind.EXPORTER: (ExporterFactory,),
    Kind.CONNECTOR: (ConnectorFactory,),
    Kind.EXTENSION: (ExtensionFactory,),
}

_METHODS: Mapping[type, str] = {
    ReceiverFactory: "lifespan",
    ProcessorFactory: "process",
    BufferingProcessorFactory: "consume",
    ConnectorFactory: "consume",
    ExporterFactory: "export",
}
"""What the class behind a factory has to have."""


def load_factory(kind: Kind, type_: str, *, plugin: Path | None = None) -> Any:
    """Import one component type and return its factory.

    Args:
        kind: the section of the configuration.
        type_: the part of a component's id before the slash.
        plugin: a Python file that has the factory, instead of looking for one.

    Raises:
        ConfigError: no such type, two distributions claim it, or it cannot be imported.
    """
    if plugin is not None:
        return _factory_in(load_plugin(plugin), kind, type_, str(plugin))
    builtin, claims = builtin_types(kind), _installed(kind).get(type_, [])
    if len(claims) + (type_ in builtin) > 1:
        first = "is built in, and also" if type_ in builtin else "is"
        raise ConfigError(f"{type_!r} {first} claimed by {' and by '.join(point.value for point in claims)}")
    if type_ in builtin:
        return _builtin(kind, type_)
    if claims:
        return _from_entry_point(claims[0], kind, type_)
    if type_ in (aliases := _aliases(kind)):
        return aliases[type_]
    known = known_types(kind)
    close = difflib.get_close_matches(type_, [*known, *aliases], 1)
    suggestion = f"; did you mean {close[0]}?" if close else "."
    raise ConfigError(f"unknown type {type_!r}{suggestion} Known types: {', '.join(known) or 'none'}")


def known_types(kind: Kind) -> list[str]:
    """Return the names of all types of a kind, built in and installed, in order."""
    return sorted({*builtin_types(kind), *_installed(kind)})


@cache
def builtin_types(kind: Kind) -> frozenset[str]:
    """The public modules of the package: names with a leading underscore are not components."""
    if importlib.util.find_spec(_PACKAGES[kind]) is None:
        return frozenset()
    package = importlib.import_module(_PACKAGES[kind])
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return frozenset(name for name in names if not name.startswith("_"))


def factory_of(kind: Kind, component: object) -> Any:
    """Return the factory that `component` is or stands for; None if it is something else.

    A decorated function stands for the factory of the processor that calls it.
    """
    if isinstance(component, RecordFunction) and kind is Kind.PROCESSOR:
        return _factory_of_function(component)
    return component if isinstance(component, _FACTORIES[kind]) else None


def _factory_of_function(function: RecordFunction[..., Any]) -> ProcessorFactory[Any]:
    def build(config: Any, settings: object) -> Any:
        return function.processor(config)

    build.__module__ = function.__module__  # whose docstring is the component's documentation
    return ProcessorFactory(config=function.config, build=build, signals=frozenset({function.signal}))


def _builtin(kind: Kind, type_: str) -> Any:
    try:
        return importlib.import_module(f"{_PACKAGES[kind]}.{type_}").factory
    except ImportError as error:
        raise ConfigError(f"{type_!r} cannot be imported: {why(error)}") from error


@cache
def _aliases(kind: Kind) -> dict[str, Any]:
    """Former names of built-in types; imports all of them, so it is asked last."""
    aliases = {}
    for type_ in builtin_types(kind):
        try:
            factory = _builtin(kind, type_)
        except ConfigError:  # something that it needs is not installed, so nobody means it
            continue
        aliases.update(dict.fromkeys(factory.aliases, factory))
    return aliases


@cache
def _installed(kind: Kind) -> Mapping[str, list[EntryPoint]]:
    """Return what installed distributions claim, by type; a claim that is found twice counts once."""
    points: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for point in _entry_points().select(group=f"pyotelcol.{kind}"):
        points[point.name][point.value] = point
    return {name: list(claims.values()) for name, claims in points.items()}


@cache
def _entry_points() -> Any:
    return entry_points()


def _from_entry_point(point: EntryPoint, kind: Kind, type_: str) -> Any:
    try:
        component = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as for a plugin
        raise ConfigError(f"cannot import {point.value}: {why(error)}") from error
    if isinstance(component, ModuleType):
        return _factory_in(component, kind, type_, point.value)
    return _checked(component, kind, point.value)


def _factory_in(module: ModuleType, kind: Kind, type_: str, where: str) -> Any:
    """Return what a module calls `factory`, or the only one it has, or the one that is called like the type."""
    if hasattr(module, "factory"):
        return _checked(module.factory, kind, f"{where}: `factory`")
    found = {name: value for name, value in vars(module).items() if factory_of(kind, value)}
    own = {name: value for name, value in found.items() if _is_made_in(module, value)}
    found = own or found
    if type_ in found:
        return _checked(found[type_], kind, f"{where}: {type_}")
    if len({id(value) for value in found.values()}) == 1:
        name, component = next(iter(found.items()))
        return _checked(component, kind, f"{where}: {name}")
    if not found:
        hint = ", or a function with @span_processor or the like" if kind is Kind.PROCESSOR else ""
        raise ConfigError(f"{where}: has nothing for {kind}: it needs factory = {_wanted(kind)}(...){hint}")
    names = ", ".join(found)
    raise ConfigError(f"{where}: has several: {names}. Call one of them `factory`, or the component like one of them")


def _checked(component: object, kind: Kind, where: str) -> Any:
    factory = factory_of(kind, component)
    if factory is None:
        raise ConfigError(f"{where} is a {type(component).__name__}; for {kind} it has to be {_wanted(kind)}")
    config, build, method = factory.config, factory.build, _METHODS.get(type(factory))
    if not (isinstance(config, type) and issubclass(config, BaseModel)) or config.model_config.get("extra") != "forbid":
        name = getattr(config, "__name__", repr(config))
        raise ConfigError(f"{where}: its config {name} has to be a ComponentConfig, which refuses unknown keys")
    if isinstance(build, type) and method and not callable(getattr(build, method, None)):
        raise ConfigError(f"{where}: {build.__name__} has no method {method}()")
    if method == "process" and inspect.iscoroutinefunction(getattr(build, method, None)):
        raise ConfigError(f"{where}: process() has to return its batch at once: it cannot be async")
    return factory


def _wanted(kind: Kind) -> str:
    return " or ".join(factory.__name__ for factory in _FACTORIES[kind])


def _is_made_in(module: ModuleType, component: Any) -> bool:
    made_of = component if isinstance(component, RecordFunction) else component.build
    return bool(getattr(made_of, "__module__", "") == module.__name__)
