"""A user's own component: a Python file beside the configuration.

The file is a module of a package of its own, so it may import its neighbours with a leading dot (`from .rules import
ROUTES`), files of the same name in other folders do not get in its way, and `sys.path` stays as it is.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from functools import lru_cache
from itertools import count
from pathlib import Path
from types import ModuleType

from collector.errors import ConfigError

_serial = count(1)


def load_plugin(path: Path) -> ModuleType:
    """Run a file and return its module; the same one for every component, until the file is changed.

    Raises:
        ConfigError: there is no such file, or it does not run; with the place in it and the cause.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # a zero byte
        raise ConfigError(f"{str(path)!r}: {error}") from None
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(f"{path}: is not a Python file")
    return _load(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(64)
def _load(path: Path, modified: int, size: int) -> ModuleType:
    package = ModuleType(f"pyotelcol_plugin_{next(_serial)}")
    package.__path__ = [str(path.parent.absolute())]
    spec = importlib.util.spec_from_file_location(f"{package.__name__}.{path.stem.replace('.', '_')}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[package.__name__] = package
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() in a plugin must not look like a collector that stopped as told
        for name in [name for name in sys.modules if name.partition(".")[0] == package.__name__]:
            del sys.modules[name]
        raise ConfigError(f"{why(error, path)}{_hint(error, path)}") from error
    return module


def why(error: BaseException, plugin: Path | None = None) -> str:
    """Say where in somebody's code an import went wrong, and why: `file:line: error`.

    The place is the innermost one next to the file in which the import began.
    """
    text = f"{type(error).__name__}: {_message(error)}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename, plugin)}:{error.lineno}: {text}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _belongs_to_the_import(frame)]
    if not frames:
        return f"{plugin}: {text}" if plugin else text
    home = Path(frames[0].filename).parent
    frame = [frame for frame in frames if _is_under(home, Path(frame.filename))][-1]
    return f"{_shown(frame.filename, plugin)}:{frame.lineno}: {text}"


def _message(error: BaseException) -> str:
    """Return what an error says, on one line; somebody's own error may not even be able to say anything."""
    try:
        message = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception as another:
        return f"(its text cannot be had: {type(another).__name__})"
    return "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))


_MACHINERY = (str(Path(importlib.util.__file__).parent), __file__, str(Path(__file__).with_name("registry.py")))


def _belongs_to_the_import(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(("<", *_MACHINERY))


def _is_under(home: Path, path: Path) -> bool:
    return path.is_relative_to(home) and "site-packages" not in path.relative_to(home).parts


def _shown(filename: str, plugin: Path | None) -> str:
    """Return a path as the configuration would write it."""
    path = Path(filename)
    if plugin is None or not path.is_relative_to(plugin.parent.absolute()):
        return filename
    return str(plugin.parent / path.relative_to(plugin.parent.absolute()))


def _hint(error: BaseException, path: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and path.with_name(f"{error.name}.py").is_file():
        return f"; a file next to the plugin is imported with a leading dot: from .{error.name} import ..."
    return ""
