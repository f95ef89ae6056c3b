"""From a type name in the configuration to the factory that builds it.

A built-in component is the module of that name: `batch:` under `processors:` is `processors/batch.py`, and there is no
list to add it to.  Components of other distributions announce themselves through entry points, and a user's own is a
file beside the configuration.
"""

from __future__ import annotations

import enum
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from collector.errors import ConfigError


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
        return _from_file(kind, plugin)
    builtin, installed = builtin_types(kind), _installed(kind)
    if type_ in builtin and type_ in installed:
        raise ConfigError(f"{type_!r} is built in, and also claimed by {installed[type_].value}")
    if type_ in builtin:
        return importlib.import_module(f"{_PACKAGES[kind]}.{type_}").factory
    if type_ in installed:
        return _from_entry_point(installed[type_])
    if type_ in (aliases := _aliases(kind)):
        return aliases[type_]
    known = ", ".join(known_types(kind)) or "none"
    raise ConfigError(f"unknown type {type_!r}; known types: {known}")


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


@cache
def _aliases(kind: Kind) -> dict[str, Any]:
    """Former names of built-in types; imports all of them, so it is asked last."""
    factories = [importlib.import_module(f"{_PACKAGES[kind]}.{type_}").factory for type_ in builtin_types(kind)]
    return {alias: factory for factory in factories for alias in factory.aliases}


@cache
def _installed(kind: Kind) -> dict[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"pyotelcol.{kind}"):
        if point.name in points and points[point.name].value != point.value:
            raise ConfigError(f"{point.name!r} is claimed by {points[point.name].value} and by {point.value}")
        points[point.name] = point
    return points


def _from_entry_point(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise ConfigError(f"cannot import {point.value}: {_cause(error, point.value)}") from error


@cache
def _from_file(kind: Kind, path: Path) -> Any:
    """Import a file under a name of its own and find the factory in it."""
    spec = importlib.util.spec_from_file_location(f"pyotelcol_plugin_{path.stem}_{abs(hash(path.resolve()))}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"plugin {path}: there is no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise ConfigError(f"plugin {_cause(error, str(path))}") from error
    return _factory_in(module, path)


def _factory_in(module: Any, path: Path) -> Any:
    if hasattr(module, "factory"):
        return module.factory
    own = [v for v in vars(module).values() if type(v).__module__ == "collector.api" and hasattr(v, "build")]
    if len(own) != 1:
        raise ConfigError(f"plugin {path}: has {len(own)} factories; name the one to use `factory`")
    return own[0]


def _cause(error: Exception, path: str) -> str:
    """Say where in the plugin's own file it went wrong, and why."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    return f"{path}:{line}: {type(error).__name__}: {error}" if line else f"{path}: {type(error).__name__}: {error}"
