"""Check a part of the configuration against a model, and say what is wrong in one line each:

config.yaml:14: processors::batch::timeout: must be greater than or equal to 0
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from collector.errors import ConfigError
from collector.yaml_tree import Node

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

_MOST_REWRITES = 100


class Mistake(NamedTuple):
    path: Path
    """From the top of the configuration; empty for the whole of it."""
    where: str
    """`file:line`, empty where it is not known."""
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, "::".join(map(str, self.path)), self.text)))


def check(model: type[M], node: Node, tree: Node, where: Path) -> tuple[M | None, list[Mistake]]:
    """Return `node` as `model`, or everything that is wrong with it.

    Args:
        model: what it should be.
        node: the part to check.
        tree: the whole configuration, for the places of what is wrong.
        where: the path of `node` in it.
    """
    data = node.plain()
    for _ in range(_MOST_REWRITES):
        try:
            return model.model_validate(data), []
        except ValidationError as error:
            if not _give_text_to_fields_that_want_it(error, node, data):
                return None, [_mistake(model, e, tree, where) for e in error.errors(include_url=False)]
    return None, [Mistake(where, node.where, "cannot be read")]


def validate(model: type[M], node: Node, tree: Node, where: Path) -> M:
    """As `check`.

    Raises:
        ConfigError: one line for each mistake.
    """
    valid, mistakes = check(model, node, tree, where)
    if valid is None:
        raise ConfigError.of(mistakes)
    return valid


def _give_text_to_fields_that_want_it(error: ValidationError, node: Node, data: Any) -> bool:
    """Put the original text of a substitution where it was read as a number but text is wanted."""
    changed = False
    for mistake in error.errors(include_url=False):
        found, taken = node.at(mistake["loc"])
        if mistake["type"] != "string_type" or not found.text or taken < len(mistake["loc"]):
            continue
        *parents, last = mistake["loc"]
        inner = data
        for step in parents:
            inner = inner[step]
        if inner[last] != found.text:
            inner[last] = found.text
            changed = True
    return changed


def _mistake(model: type[BaseModel], report: Any, tree: Node, where: Path) -> Mistake:
    loc = tuple(step for step in report["loc"] if step != "[key]")
    path = (*where, *loc)
    node, taken = tree.at(path)
    text = report["msg"].removeprefix("Value error, ")
    match report["type"]:
        case "extra_forbidden":
            return Mistake(path, node.where, f"unknown key{_suggestion(str(loc[-1]), _keys(model, loc[:-1]))}")
        case "missing":
            return Mistake(path, node.where, "is required")
        case "model_type" | "dict_type":
            text = "must be a mapping of keys to values"
        case "list_type":
            text = "must be a list"
        case "too_short":
            text = f"must have at least {report['ctx']['min_length']}"
    # Pydantic adds steps of its own, such as the member of a union that it tried
    known = path[: max(taken, len(where))]
    return Mistake(known, node.where, text.replace("Input should be ", "must be ", 1))


def _keys(model: Any, loc: Sequence[str | int]) -> list[str]:
    """Return the keys of the model that `loc` leads to."""
    for step in loc:
        if isinstance(step, str):  # a number is a place in a list, whose model was found with its field
            fields = getattr(model, "model_fields", {})
            named = (field for name, field in fields.items() if step in (name, field.alias))
            model = _model_in(next((field.annotation for field in named), None))
    return [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    """Return the model that an annotation is, or has inside a list, a mapping or a union; None if it has none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = map(_model_in, getattr(annotation, "__args__", ()))
    return next((model for model in inner if model is not None), None)


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else ""
