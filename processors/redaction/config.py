"""What a user may write under `redaction:`."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from collector.api import ComponentConfig
from collector.patterns import PatternText
from processors.redaction.detectors.catalogue import BUILT_IN
from processors.redaction.detectors.detector import custom


class Mode(enum.StrEnum):
    REPLACE = "replace"
    KEEP_LAST = "keep_last"
    REMOVE = "remove"
    HASH = "hash"
    DROP = "drop"


class HashFunction(enum.StrEnum):
    NONE = ""
    MD5 = "md5"
    SHA1 = "sha1"
    SHA3 = "sha3"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA512 = "hmac-sha512"


class Summary(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    SILENT = "silent"


class UnknownFields(enum.StrEnum):
    KEEP = "keep"
    DROP = "drop"


KEPT_OF_KEEP_LAST = 4
SHORTEST_KEY = {HashFunction.HMAC_SHA256: 32, HashFunction.HMAC_SHA512: 64}
"""Bytes; as long as what the function returns (RFC 2104, section 3)."""


class DetectorConfig(ComponentConfig):
    regex: PatternText | None = Field(
        default=None,
        description="Makes it a detector of your own: what this RE2 pattern finds anywhere in a text, or only its "
        "group `secret`, if it has one, or its only group.",
    )
    mode: Mode = Field(
        default=Mode.REPLACE,
        description="What becomes of a finding: `replace` by a fixed text, `keep_last` characters and hide the others, "
        "`remove` the attribute, map entry or array element (elsewhere, as in a name, the finding is cut out), "
        "`hash` as `hmac-sha256:KEY_ID:DIGEST`, `drop` the whole span, log record or data point.",
    )
    replacement: str | None = Field(
        default=None, description="What `replace` writes; every built-in detector has its own, others write `***`."
    )
    keep_last: int | None = Field(
        default=None,
        ge=1,
        description="How many characters stay readable, at most half of the finding, the others become `*`; 4 unless "
        "given. Implies its mode.",
    )
    allowed: list[PatternText] = Field(
        default=[], description="Findings in which one of these RE2 patterns matches are left as they are."
    )

    @model_validator(mode="before")
    @classmethod
    def _keep_last_is_a_mode(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("keep_last") is not None and "mode" not in value:
            return {**value, "mode": Mode.KEEP_LAST}
        return value

    @model_validator(mode="after")
    def _options_fit_the_mode(self) -> Self:
        if self.keep_last is not None and self.mode is not Mode.KEEP_LAST:
            raise ValueError(f"keep_last has no meaning in mode {self.mode}")
        if self.replacement is not None and self.mode is not Mode.REPLACE:
            raise ValueError(f"replacement has no meaning in mode {self.mode}")
        return self

    @field_validator("regex")
    @classmethod
    def _can_be_tried(cls, value: str | None) -> str | None:
        if value is not None:
            custom("own", value, b"")
        return value


def _as_mapping(value: Any) -> Any:
    """Read `[email, {ssn: {mode: hash}}]` as `{email: {}, ssn: {mode: hash}}`."""
    if isinstance(value, list):
        value = [item if isinstance(item, dict) else {item: None} for item in value]
        names = [name for item in value for name in item]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"named twice: {', '.join(map(str, sorted(twice, key=str)))}")
        value = {name: options for item in value for name, options in item.items()}
    if isinstance(value, dict):
        return {name: {} if options is None else options for name, options in value.items()}
    return value


_Options: TypeAlias = dict[str, DetectorConfig | None]
_Written: TypeAlias = _Options | list[str | _Options]
"""What `_as_mapping` takes."""
_NamedDetectors = Annotated[dict[str, DetectorConfig], BeforeValidator(_as_mapping, json_schema_input_type=_Written)]


class RedactionConfig(ComponentConfig):
    detectors: _NamedDetectors = Field(
        default={},
        description=f"What is looked for: a list of names, or a mapping of names to options. There are "
        f"{', '.join(f'`{name}`' for name in BUILT_IN)}; any other name is a detector of your own and needs a `regex`. "
        "Text is looked for in all attributes of resources, scopes, spans, events, links, log records, data points and "
        "exemplars, with the maps and arrays in them, in log bodies, and in names, descriptions, status messages and "
        "all other text of OTLP. Ids, times and measured numbers are not text. A value is read with its key, or that "
        "of the map or array around it: `password` and all that `api_key` takes for a name say it of any text, "
        "`ssn`, `phone`, `passport`, `rrn`, `card` and `aws` of numbers and keys that look like nothing alone.",
    )
    allow_all_keys: bool = Field(
        default=False,
        description="Attributes of any key are kept; with `detectors` and no `allowed_keys` they are too.",
    )
    allowed_keys: list[str] = Field(
        default=[],
        description="Only attributes with these keys are kept, and keys of maps in log bodies. With neither "
        "`allow_all_keys` nor `detectors`, an empty list removes every attribute.",
    )
    ignored_keys: list[str] = Field(
        default=[],
        description="Attributes and map entries with these keys are left as they are, before all other rules.",
    )
    ignored_key_patterns: list[PatternText] = Field(
        default=[], description="The same for keys in which one of these RE2 patterns matches."
    )
    blocked_key_patterns: list[PatternText] = Field(
        default=[], description="The whole value is masked where one of these RE2 patterns matches in the key."
    )
    blocked_keys: list[PatternText] = Field(default=[], description="Another name of `blocked_key_patterns`.")
    blocked_values: list[PatternText] = Field(
        default=[],
        description="What one of these RE2 patterns matches in any text becomes `****`, or its hash if there is a "
        "`hash_function`.",
    )
    allowed_values: list[PatternText] = Field(
        default=[],
        description="A value in which one of these RE2 patterns matches is left as it is, whatever else is in it: "
        "write `^` and `$`. Keys that are blocked or not allowed go first in log bodies. For single findings there is "
        "`allowed` of each detector.",
    )
    redact_all_types: bool = Field(
        default=False,
        description="Numbers and booleans are looked at too, as the text that they would be; what has to be masked in "
        "one becomes text.",
    )
    redact_keys: bool = Field(
        default=False, description="What is looked for in values is looked for in the keys of attributes and maps too."
    )
    hash_function: HashFunction = Field(
        default=HashFunction.NONE,
        description="Values of blocked keys and blocked values are replaced by this hash, in hexadecimal. Without a "
        "key (`md5`, `sha1`, `sha3`) whoever guesses a value can check the guess; `hmac-sha256` and `hmac-sha512` take "
        "`hmac_key`. What was hashed is hashed again by the next collector with this setting; mode `hash` is not.",
    )
    hmac_key: SecretStr | None = Field(
        default=None,
        description="Secret key of mode `hash` and of the HMAC functions: at least 32 bytes, for `hmac-sha512` 64; "
        "write `${env:NAME}`.",
    )
    hmac_key_id: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Name of the key in what mode `hash` writes, so that hashes of different keys can be told apart; "
        "made of the key unless given.",
    )
    summary: Summary = Field(
        default=Summary.SILENT,
        description="Attributes that tell what was done, beside the attributes or the body that it was done to: `info` "
        "writes `redaction.masked.count`, `redaction.redacted.count` (removed since their keys are not allowed), "
        "`redaction.allowed.count` (left for `allowed_values`) and `redaction.ignored.count`, for bodies "
        "`redaction.body.masked.count` and so on; `debug` the keys too (`redaction.masked.keys`; not those that are "
        "ignored), joined by commas; `silent` nothing, as the Collector does unless told. What is done to names and "
        "messages is in the metrics alone.",
    )
    unknown_fields: UnknownFields = Field(
        default=UnknownFields.KEEP,
        description="Fields that a newer OTLP may have: `keep` passes them on without looking, so text in them is not "
        "masked; `drop` removes them.",
    )
    memory_mib: int = Field(
        default=32, ge=1, description="MiB for what is remembered of values that come again, at most."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_sanitizers(cls, value: Any) -> Any:
        for name in ("url_sanitizer", "db_sanitizer"):
            if isinstance(value, dict) and name in value:
                raise ValueError(f"{name} is not supported: nothing is masked by the syntax of URLs or queries")
        return value

    @field_validator("detectors")
    @classmethod
    def _is_there_or_has_a_pattern(cls, value: dict[str, DetectorConfig]) -> dict[str, DetectorConfig]:
        for name, detector in value.items():
            if name in BUILT_IN and detector.regex is not None:
                raise ValueError(f"{name} is built in: call a detector with a regex of your own otherwise")
            if name not in BUILT_IN and detector.regex is None:
                known = ", ".join(BUILT_IN)
                raise ValueError(f"no detector is called {name!r}: there are {known}; one of your own needs a regex")
        return value

    @model_validator(mode="after")
    def _has_the_key_it_needs(self) -> Self:
        least = SHORTEST_KEY.get(self.hash_function, 0)
        user = f"hash_function {self.hash_function}"
        for name, detector in self.detectors.items():
            if detector.mode is Mode.HASH and least < SHORTEST_KEY[HashFunction.HMAC_SHA256]:
                least, user = SHORTEST_KEY[HashFunction.HMAC_SHA256], f"mode hash of {name}"
        if len(self.key) < least:
            raise ValueError(f"{user} needs an hmac_key of at least {least} bytes")
        return self

    @property
    def key(self) -> bytes:
        return self.hmac_key.get_secret_value().encode() if self.hmac_key else b""

    @property
    def allows_all_keys(self) -> bool:
        return self.allow_all_keys or (bool(self.detectors) and not self.allowed_keys)
