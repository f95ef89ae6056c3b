"""Replace `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}` and `$$` in a configuration.

A value that is one substitution and nothing else is read as YAML, and keeps its text for fields that want text;
inside of other text a substitution is always text.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.errors import ConfigError
from collector.yaml_tree import Folders, Node, load

logger = logging.getLogger(__name__)

MAX_NESTING = 20
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,199}")


@dataclass
class Substitution:
    """Expands one tree, collecting every mistake."""

    environ: Mapping[str, str]
    folders: Folders
    mistakes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._here = self.folders.first

    def expand(self, node: Node) -> Node:
        """Return the tree with every substitution made."""
        match node.value:
            case dict():
                return Node({key: self.expand(inner) for key, inner in node.value.items()}, node.where)
            case list():
                return Node([self.expand(inner) for inner in node.value], node.where)
            case str() if "$" in node.value:
                return self._scalar(node)
        return node

    def _scalar(self, node: Node) -> Node:
        self._here = self.folders.of(node)
        try:
            if _is_one_reference(node.value):
                text = self._resolve(node.value[2:-1], 0)
                return _moved(_read(text), node.where, text)
            return Node(self._text(node.value, 0), node.where)
        except ConfigError as error:
            self.mistakes.append(f"{node.where}: {error}")
            return Node(None, node.where)

    def _text(self, text: str, depth: int) -> str:
        if depth > MAX_NESTING:
            raise ConfigError("too many recursive expansions")
        parts, position = [], 0
        while (start := text.find("$", position)) >= 0:
            parts.append(text[position:start])
            if text.startswith("$$", start):
                parts.append("$")
                position = start + 2
            elif text.startswith("${", start):
                end = _closing(text, start + 2)
                parts.append(self._resolve(text[start + 2 : end], depth))
                position = end + 1
            else:
                parts.append("$")
                position = start + 1
        return "".join([*parts, text[position:]])

    def _resolve(self, reference: str, depth: int) -> str:
        reference = self._text(reference, depth + 1)
        scheme, colon, rest = reference.partition(":")
        if scheme == "file" and colon:
            return self._file(rest)
        name = rest if scheme == "env" and colon else reference
        return self._text(self._variable(name), depth + 1)

    def _variable(self, reference: str) -> str:
        name, default_given, default = reference.partition(":-")
        if not _NAME.fullmatch(name):
            scheme = f"{name.partition(':')[0]}:..." if ":" in name else name
            raise ConfigError(f"{scheme!r} is not the name of an environment variable")
        if name in self.environ:
            return self.environ[name]
        if not default_given:
            logger.warning("the configuration refers to the environment variable %s, which is not set", name)
        return default

    def _file(self, path: str) -> str:
        try:
            return (self._here / path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from None
        except ValueError as error:  # of the codec
            raise ConfigError(f"cannot read {path}: {error}") from None


def _read(text: str) -> Node:
    try:
        return load(text, "value")
    except ConfigError:  # a password may look like broken YAML
        return Node(text, "value")


def _is_one_reference(text: str) -> bool:
    return text.startswith("${") and _find_closing(text, 2) == len(text) - 1


def _closing(text: str, start: int) -> int:
    end = _find_closing(text, start)
    if end < 0:
        # what is written there may be a password, so it is not repeated
        raise ConfigError("a reference has no closing brace; where ${ is text, write $${")
    return end


def _find_closing(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        if text.startswith("${", index):
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if not depth:
                return index
    return -1


def _moved(node: Node, where: str, text: str) -> Node:
    """Return a substituted value as if it had been written where the reference stood."""
    match node.value:
        case dict():
            return Node({key: _moved(inner, where, "") for key, inner in node.value.items()}, where)
        case list():
            return Node([_moved(inner, where, "") for inner in node.value], where)
    return Node(node.value, where, text)
