"""What holds for the settings of every component."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from collector.errors import ConfigError
from collector.testing.laws.subject import Subject, require
from collector.yaml_tree import Node


def unknown_keys_are_refused(subject: Subject) -> None:
    """A typo in the configuration is reported with its path, not ignored, however deep it is."""
    node = subject.settings_node()
    misspelt = Node({**node.value, "tpyo": Node(1, "example:99")}, node.where)
    try:
        subject.config(misspelt)
    except ConfigError as error:
        require("example:99: tpyo: unknown key" in str(error), f"the key is not named with its place: {error}")
    else:
        raise AssertionError("an unknown key is accepted")
    for path, model in models(subject.factory.config):
        require(model.model_config.get("extra") == "forbid", f"{path or 'it'} takes unknown keys: set extra='forbid'")


def every_setting_is_described(subject: Subject) -> None:
    """The reference documentation is made of these descriptions."""
    missing = [
        f"{path}.{name}".lstrip(".")
        for path, model in models(subject.factory.config)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    require(not missing, f"without a description: {', '.join(missing)}")


def the_example_is_accepted(subject: Subject) -> None:
    """The documentation shows it, and a component can be built with it."""
    subject.build()


def models(model: Any, path: str = "", seen: tuple[Any, ...] = ()) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a model and all that its fields are made of, with their paths."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if model in seen:
            return
        yield path, model
        for name, field in model.model_fields.items():
            yield from models(field.annotation, f"{path}.{name}".lstrip("."), (*seen, model))
    for argument in get_args(model):
        yield from models(argument, path, seen)
