"""What a user may write as an action, as an allow-list, and as a limit."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from collector.component import ComponentConfig
from collector.patterns import PatternText, compile_pattern
from collector.records.values import write_pair

DEEPEST = 20
"""Messages inside each other that a value from a configuration may be made of."""
_METADATA = "metadata."
_NOT_KEPT = "batches carry the headers of requests and client.address, which a receiver keeps with include_metadata"


class ActionName(enum.StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    HASH = "hash"
    EXTRACT = "extract"
    CONVERT = "convert"


class ConvertedType(enum.StrEnum):
    INT = "int"
    DOUBLE = "double"
    STRING = "string"


def _is_a_value(value: Any) -> Any:
    try:
        write_pair("value", value, DEEPEST)
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    return value


AttributeValue = Annotated[Any, AfterValidator(_is_a_value)]
"""A setting that is the value of an attribute, with the type it has in YAML."""

_SOURCES = ("value", "from_attribute", "from_context")
_PUTS = frozenset({"key", *_SOURCES, "default_value"})
_OPTIONS: Mapping[ActionName, frozenset[str]] = {
    ActionName.INSERT: _PUTS,
    ActionName.UPDATE: _PUTS,
    ActionName.UPSERT: _PUTS,
    ActionName.DELETE: frozenset({"key", "pattern"}),
    ActionName.HASH: frozenset({"key", "pattern"}),
    ActionName.EXTRACT: frozenset({"key", "pattern"}),
    ActionName.CONVERT: frozenset({"key", "converted_type"}),
}


class ActionConfig(ComponentConfig):
    """OpenTelemetry Collector, README of the attributes processor."""

    action: Annotated[ActionName, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)] = (
        Field(
            description="`insert` a key that is not there, `update` one that is, `upsert` both; `delete`; `hash`: the "
            "value becomes its SHA-256 in hexadecimal (of a text its UTF-8, of a boolean one byte, of a number eight "
            "bytes with the lowest first; an empty text, bytes, arrays and maps become an empty text); `extract`: each "
            "group of a pattern becomes an attribute; `convert` to another type."
        )
    )
    key: str = Field(
        default="", description="The attribute's key. Needed, unless `delete` or `hash` are told a `pattern`."
    )
    value: AttributeValue = Field(default=None, description="Its value for `insert`, `update` and `upsert`.")
    from_attribute: str = Field(
        default="", description="Instead of `value`: the value is that of this key; where it is not, nothing is done."
    )
    from_context: str = Field(
        default="",
        description="Instead of `value`: `metadata.NAME` is that header of the request, `client.address` the IP "
        "address that it came from. The receiver has to keep both with `include_metadata`; without it nothing is done. "
        "Several headers of one name are joined as they came.",
    )
    default_value: AttributeValue = Field(
        default=None, description="The value where `from_attribute` or `from_context` find none."
    )
    pattern: PatternText | None = Field(
        default=None,
        description="For `delete` and `hash`: also keys in which this RE2 pattern is found. For `extract`: the pattern "
        "that is looked for in the text; each of its groups has a name, the key of its attribute, which is overwritten "
        "if it is there. Nothing happens if the value is no text or does not match.",
    )
    converted_type: ConvertedType | None = Field(
        default=None,
        description="For `convert`: `int`, `double` or `string`. A value that cannot be converted stays as it is: text "
        "that is no number, a number out of range, and bytes, arrays and maps, which become `string` only.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = {
            name for name in type(self).model_fields if getattr(self, name) not in (None, "")
        } | self._empty_texts()
        for name in sorted(given - _OPTIONS[self.action] - {"action"}):
            raise ValueError(f"{name} has no meaning for the action {self.action}")
        if not self.key and not (self.pattern and self.action in {ActionName.DELETE, ActionName.HASH}):
            alone = self.action in {ActionName.DELETE, ActionName.HASH}
            raise ValueError(f"the action {self.action} needs a key{' or a pattern' if alone else ''}")
        if _OPTIONS[self.action] is _PUTS:
            self._has_one_source(given)
        if self.action is ActionName.EXTRACT:
            self._names_its_groups()
        if self.action is ActionName.CONVERT and self.converted_type is None:
            raise ValueError(f"the action convert needs a converted_type: {', '.join(ConvertedType)}")
        return self

    @field_validator("from_context")
    @classmethod
    def _is_kept(cls, value: str) -> str:
        if value.startswith("auth."):
            raise ValueError(f"{value} is not known here: {_NOT_KEPT}, so write metadata.NAME")
        if value == _METADATA:
            raise ValueError("metadata. needs the name of a header behind it")
        return value

    @property
    def header(self) -> str:
        """The name in a batch's metadata that `from_context` asks for, in lower case; the prefix may be left out."""
        return self.from_context.removeprefix(_METADATA).lower()

    def _empty_texts(self) -> set[str]:
        return {name for name in ("value", "default_value") if getattr(self, name) == ""}

    def _has_one_source(self, given: set[str]) -> None:
        sources = [name for name in _SOURCES if name in given]
        if len(sources) > 1:
            raise ValueError(f"there can be only one of {', '.join(sources)}")
        if not sources and "default_value" not in given:
            raise ValueError(f"the action {self.action} needs one of {', '.join((*_SOURCES, 'default_value'))}")

    def _names_its_groups(self) -> None:
        if self.pattern is None:
            raise ValueError("the action extract needs a pattern")
        pattern = compile_pattern(self.pattern)
        if not pattern.groups:
            raise ValueError("the pattern of extract needs a group with a name: (?P<key>...)")
        if len(pattern.groupindex) < pattern.groups:
            raise ValueError("every group in the pattern of extract needs a name: (?P<key>...), or (?:...) for none")


class LimitConfig(ComponentConfig):
    max_values_per_key: int = Field(
        ge=1,
        le=100_000,
        description="How many different values a key may have; any others become `overflow_value`. The first ones that "
        "are seen are kept until the collector stops, at about 200 bytes each, and count for all pipelines together "
        "that name this component.",
    )
    keys: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="The keys that are limited. Unless given these are all keys: the first 1000 that are seen, and of "
        "any further ones all values overflow.",
    )
    overflow_value: str = Field(
        default="_OTHER",
        description="What values beyond the limit become; it does not count itself. The default is what the semantic "
        "conventions of OpenTelemetry write where too many values are possible.",
    )


KeepKeys = Annotated[
    tuple[str, ...] | None,
    Field(
        min_length=1,
        description="An allow-list: after the actions, attributes with any other keys are deleted. Unless this or "
        "`keep_key_patterns` is given, all are kept.",
    ),
]
KeepKeyPatterns = Annotated[
    tuple[PatternText, ...] | None,
    Field(min_length=1, description="The same for keys in which one of these RE2 patterns is found."),
]
Limit = Annotated[
    LimitConfig | None,
    Field(description="After all else, a bound on the different values of keys, for attributes that become labels."),
]


def require_something(actions: tuple[ActionConfig, ...], name: str, *others: object) -> None:
    """Refuse a configuration that changes nothing.

    Raises:
        ValueError: there are neither actions, which are called `name`, nor any of the others.
    """
    if not actions and all(other is None for other in others):
        raise ValueError(f"needs at least one of {name}, keep_keys, keep_key_patterns, limit")
