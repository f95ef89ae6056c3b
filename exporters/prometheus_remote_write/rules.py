"""What the configuration says about translation, in the words of the translation."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Strategy(enum.StrEnum):
    """How names of metrics and labels become those of Prometheus."""

    UNDERSCORES_WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORES = "UnderscoreEscapingWithoutSuffixes"
    UTF8_WITH_SUFFIXES = "NoUTF8EscapingWithSuffixes"
    AS_THEY_ARE = "NoTranslation"

    @property
    def escapes(self) -> bool:
        return self in {self.UNDERSCORES_WITH_SUFFIXES, self.UNDERSCORES}

    @property
    def has_suffixes(self) -> bool:
        return self in {self.UNDERSCORES_WITH_SUFFIXES, self.UTF8_WITH_SUFFIXES}


class Delta(enum.StrEnum):
    CONVERT = "convert"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaRules:
    mode: Delta = Delta.CONVERT
    max_streams: int = 100_000
    """The one that was fed longest ago is forgotten when there would be more."""
    max_stale: float = 300.0
    """Seconds without a point after which a stream is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRules:
    """How attribute keys become label names, where names are escaped."""

    prefix_underscore: bool = False
    """A single leading `_` becomes `key_`."""
    keep_multiple_underscores: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRules:
    """What of a resource the series carry, beside `job` and `instance`."""

    copy_all: bool = False
    """resource_to_telemetry_conversion: every attribute, before anything is translated."""
    exclude_service_attributes: bool = False
    """Without service.name, service.namespace and service.instance.id, which are `job` and `instance`."""
    promote: frozenset[str] = frozenset()
    promote_all: bool = False
    ignore: frozenset[str] = frozenset()
    """Attributes that `promote_all` leaves out."""
    target_info: bool = True
    keep_identifying: bool = False
    """Whether target_info has the three attributes that `job` and `instance` are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    namespace: str = ""
    strategy: Strategy = Strategy.UNDERSCORES_WITH_SUFFIXES
    external_labels: Mapping[str, str] = field(default_factory=dict)
    labels: LabelRules = field(default_factory=LabelRules)
    resources: ResourceRules = field(default_factory=ResourceRules)
    scope_labels: bool = True
    """The opposite of disable_scope_info."""
    send_metadata: bool = False
    delta: DeltaRules = field(default_factory=DeltaRules)
    remembered: int = 32_768
    """Label sets of the usual size that are remembered, in each of two generations."""
