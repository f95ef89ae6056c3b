"""What a user may write under `include` and `exclude`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from collector.batch import Signal
from collector.component import ComponentConfig
from collector.patterns import compile_pattern
from collector.records.values import write_pair

MatchType = Literal["strict", "regexp"]
SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""As records call them; in the configuration they are SPAN_KIND_INTERNAL and so on."""
_DEEPEST = 20
"""Messages inside each other that a value from a configuration may be made of."""


def _is_a_value(value: Any) -> Any:
    try:
        write_pair("value", value, _DEEPEST)
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("NaN is equal to nothing")
    return value


AttributeValue = Annotated[Any, AfterValidator(_is_a_value)]
"""A setting that is the value of an attribute, with the type it has in YAML."""


class AttributeMatch(ComponentConfig):
    key: str = Field(min_length=1, description="The attribute's key, always compared as it is.")
    value: AttributeValue = Field(
        default=None,
        description="What its value is, of the same type; with regexp, what is found in it, written as text. "
        "Without it the key has only to be there.",
    )


class LibraryMatch(ComponentConfig):
    name: str = Field(description="Name of the instrumentation scope.")
    version: str | None = Field(
        default=None, description="Its version; without it any version, and an empty one means that there is none."
    )


class SeverityMatch(ComponentConfig):
    min: int = Field(default=0, ge=0, description="The lowest severity number: 9 is INFO, 13 WARN, 17 ERROR.")
    match_undefined: bool = Field(default=False, description="Whether log records without a severity number match.")


class RegexpOptions(ComponentConfig):
    cacheenabled: bool = Field(
        default=False, description="Accepted for compatibility: answers about short texts are always remembered."
    )
    cachemaxnumentries: int = Field(
        default=0, ge=0, description="Accepted for compatibility: the memory for answers is bounded as it is."
    )


def _described(text: str) -> Any:
    return Field(default=(), description=text)


class MatchProperties(ComponentConfig):
    """Matches what meets every one of the keys that are there.  Raises as pydantic does."""

    match_type: MatchType = Field(
        description="`strict` compares texts as they are; `regexp` looks for RE2 patterns anywhere in them."
    )
    regexp: RegexpOptions | None = Field(default=None, description="Options of patterns.")
    services: tuple[str, ...] = _described("Traces: one of these is the resource's `service.name`.")
    span_names: tuple[str, ...] = _described("Traces: one of these is the span's name.")
    span_kinds: tuple[str, ...] = _described(
        f"Traces: one of these is the span's kind; {', '.join(f'SPAN_KIND_{kind.upper()}' for kind in SPAN_KINDS[1:])}."
    )
    log_bodies: tuple[str, ...] = _described("Logs: one of these is the body, written as text.")
    log_severity_texts: tuple[str, ...] = _described("Logs: one of these is the severity text.")
    log_severity_number: SeverityMatch | None = Field(default=None, description="Logs: the least severity number.")
    metric_names: tuple[str, ...] = _described("Metrics: one of these is the metric's name.")
    attributes: tuple[AttributeMatch, ...] = _described("Traces and logs: the record has all of these attributes.")
    resources: tuple[AttributeMatch, ...] = _described("Its resource has all of these attributes.")
    libraries: tuple[LibraryMatch, ...] = _described(
        "Traces and logs: its instrumentation scope is all of these, as in the Collector; for one of several write one "
        "with a pattern."
    )
    expressions: tuple[str, ...] = _described(
        "Refused: the expression language is not spoken here; conditions are for the filter processor."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.expressions:
            raise ValueError("expressions are not supported: write conditions for the filter processor")
        if not self.conditions():
            raise ValueError(f"needs at least one of {', '.join(_SIGNALS)}")
        if not any(self.out_of_place(signal) is None for signal in Signal):
            raise ValueError(f"no record has all of {', '.join(self.conditions())}")
        if self.match_type == "strict":
            self._knows_its_kinds()
            self._is_of_one_library()
        else:
            self._can_be_run()
        return self

    def conditions(self) -> list[str]:
        """Return the keys that say something."""
        return [key for key in _SIGNALS if getattr(self, key)]

    def out_of_place(self, signal: Signal) -> str | None:
        """Return a key that says something about records of other signals only."""
        return next((key for key in self.conditions() if signal not in _SIGNALS[key]), None)

    def _knows_its_kinds(self) -> None:
        known = [f"SPAN_KIND_{kind.upper()}" for kind in SPAN_KINDS[1:]]
        for kind in self.span_kinds:
            if kind not in known:
                raise ValueError(f"span_kinds: {kind!r} is none of {', '.join(known)}")

    def _is_of_one_library(self) -> None:
        versions = {library.version for library in self.libraries if library.version is not None}
        if len({library.name for library in self.libraries}) > 1 or len(versions) > 1:
            raise ValueError(
                "libraries: no scope is all of these; to match one of several write match_type: regexp and one library "
                "with a pattern, such as name: ^(a|b)$"
            )

    def _can_be_run(self) -> None:
        for pattern in self._patterns():
            if not isinstance(pattern, str):
                raise ValueError(f"with regexp the value of an attribute is a pattern, not {pattern!r}")  # noqa: TRY004
            compile_pattern(pattern)

    def _patterns(self) -> Iterator[Any]:
        for key in _TEXTS:
            yield from getattr(self, key)
        for attribute in (*self.attributes, *self.resources):
            if attribute.value is not None:
                yield attribute.value
        for library in self.libraries:
            yield library.name
            if library.version is not None:
                yield library.version


_TEXTS = ("services", "span_names", "span_kinds", "log_bodies", "log_severity_texts", "metric_names")
_TRACES, _LOGS, _METRICS = frozenset({Signal.TRACES}), frozenset({Signal.LOGS}), frozenset({Signal.METRICS})
# OpenTelemetry Collector, README of the attributes processor, "Include/Exclude Filtering"
_SIGNALS: Mapping[str, frozenset[Signal]] = {
    "services": _TRACES,
    "span_names": _TRACES,
    "span_kinds": _TRACES,
    "log_bodies": _LOGS,
    "log_severity_texts": _LOGS,
    "log_severity_number": _LOGS,
    "metric_names": _METRICS,
    "attributes": _TRACES | _LOGS,
    "resources": _TRACES | _LOGS | _METRICS,
    "libraries": _TRACES | _LOGS,
}
