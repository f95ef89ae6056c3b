"""Read YAML into a tree that remembers where each value stands, and refuse what no configuration needs.

Plain scalars mean what they mean in YAML 1.2: `no` and `22:22` are text, `017` is seventeen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from collector.errors import ConfigError

MAX_SIZE = 4 << 20
MAX_NODES = 100_000
"""Nodes after aliases were followed: some three hundred bytes of YAML can stand for billions."""
MAX_DEPTH = 64

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset({"null", "bool", "int", "float", "str", "seq", "map", "timestamp", "merge", "value"})


@dataclass
class Node:
    """One value and its place."""

    value: Any
    """A dict of nodes, a list of nodes, or a scalar."""
    where: str
    """`file:line`"""
    text: str | None = None
    """What a scalar was before it was read as a number or the like, if it came out of a substitution."""

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Sequence[str | int]) -> tuple[Node, int]:
        """Follow `path` as far as it leads; return the last node and how many steps were taken."""
        node = self
        for taken, step in enumerate(path):
            inner = dict(enumerate(node.value)) if isinstance(node.value, list) else node.value
            if not isinstance(inner, dict) or step not in inner:
                return node, taken
            node = inner[step]
        return node, len(path)


class Folders(NamedTuple):
    """Where the files are looked for that a configuration names: beside the one that names them."""

    first: Path
    """For what stands in no file."""
    by_file: Mapping[str, Path] = {}

    def of(self, node: Node) -> Path:
        return self.by_file.get(node.where.rpartition(":")[0], self.first)


def load(text: str, name: str) -> Node:
    """Read one document.

    Args:
        text: YAML.
        name: how to call it in errors.

    Raises:
        ConfigError: not YAML, a key twice, or too large, deep or entangled.
    """
    if len(text) > MAX_SIZE:
        raise ConfigError(f"{name}: larger than {MAX_SIZE} bytes")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        builder = _Builder(name)
        tree = builder.build(root, 0) if root is not None else Node(None, f"{name}:1")
    except RecursionError:
        raise ConfigError(f"{name}: nested more than {MAX_DEPTH} deep") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}:{line}: {_told(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: {' '.join(str(error).split())}") from None
    if builder.mistakes:
        raise ConfigError.of(builder.mistakes)
    return tree


def _told(error: yaml.MarkedYAMLError) -> str:
    """Say what is wrong without repeating what stands there, which may be a password."""
    problem = error.problem or "not YAML"
    if problem.startswith("found undefined alias"):
        return "a value that starts with * is an alias, and there is no such anchor; text needs quotes"
    if problem.startswith("found character '\\t'"):
        return "indented with a tab; YAML takes spaces"
    return problem


class _Builder:
    def __init__(self, name: str) -> None:
        self.mistakes: list[str] = []
        self._name = name
        self._nodes = 0

    def build(self, node: yaml.Node, depth: int) -> Node:
        where = f"{self._name}:{node.start_mark.line + 1}"
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigError(f"{where}: more than {MAX_NODES} values, counting what aliases stand for")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}: nested more than {MAX_DEPTH} deep")
        if node.tag.removeprefix(_TAG) not in _KNOWN_TAGS:
            raise ConfigError(
                f"{where}: a value that starts with ! is a tag, which means nothing here; text needs quotes"
            )
        match node:
            case yaml.MappingNode():
                return Node(self._mapping(node, depth), where)
            case yaml.SequenceNode():
                return Node([self.build(item, depth + 1) for item in node.value], where)
            case yaml.ScalarNode(style=None):
                return Node(scalar(node.value), where)
        return Node(node.value, where)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        inherited: list[Node] = []
        for key_node, value_node in node.value:
            line = f"{self._name}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{line}: a key has to be text")
            value = self.build(value_node, depth + 1)
            if key_node.tag == f"{_TAG}merge":
                inherited += value.value if isinstance(value.value, list) else [value]
                continue
            if key_node.value in mapping:
                first = mapping[key_node.value].where.rpartition(":")[2]
                self.mistakes.append(f'{line}: the key "{key_node.value}" stands here twice, first in line {first}')
            value.where = line  # a mapping's own line is that of its first key
            mapping[key_node.value] = value
        for base in inherited:  # YAML merge keys: what stands here wins, then the first of the bases
            if not isinstance(base.value, dict):
                raise ConfigError(f"{base.where}: << takes a mapping or a list of mappings")
            mapping = {**base.value, **mapping}
        return mapping


# YAML 1.2, 10.3.2 "Tag Resolution" of the core schema
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OTHER_INT = re.compile(r"0o[0-7]{1,200}|0x[0-9a-fA-F]{1,200}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def scalar(text: str) -> Any:
    """Read a plain scalar as null, a boolean, a number or text."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) or _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1) if _SPECIAL.fullmatch(text) else text)
    return text


def merge(base: Node, over: Node) -> Node:
    """Lay one tree over another: mappings merge, everything else is replaced."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return Node(merged, over.where)
