"""Which detectors a configuration has, which of their findings count, and what is done with those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import DetectorConfig, RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN, builtin
from processors.redaction.detectors.detector import Detector, Finding, custom, whole
from processors.redaction.modes import HASHED, HASHED_PREFIX, Action, action, mask

BLOCKED_VALUES = "blocked_values"
"""What the patterns of the Collector's setting are called where detectors are counted."""
WHOLE = b"***"
"""What texts become that are masked as a whole."""
TOO_MANY = Detector("too_many_findings", WHOLE, "", "")
"""What texts are counted under that were masked as a whole, since the request they are in has too many findings."""
_STARS = b"**"
_CUSTOM_REPLACEMENT = b"***"


class Masked(NamedTuple):
    """A text in which something was found."""

    text: bytes
    hits: tuple[str, ...]
    """The detector of each finding."""
    removes: bool
    drops: bool


class Policy:
    """Which detectors there are, and what is done with what they find."""

    def __init__(self, config: RedactionConfig) -> None:
        own = [_detector(name, options) for name, options in config.detectors.items()]
        blocked = [replace(custom(BLOCKED_VALUES, text, b""), accept=whole) for text in config.blocked_values]
        self.detectors: Sequence[Detector] = [*own, *blocked]
        self.mask = mask(config)
        self.actions = {BLOCKED_VALUES: self.mask, TOO_MANY.name: Action(lambda _: WHOLE, writes=WHOLE)}
        """What is done with the findings of each detector."""
        self._once = {BLOCKED_VALUES} if config.hash_function else set()
        self._spared: dict[str, list[Any]] = {}
        for detector in own:
            options = config.detectors[detector.name]
            self.actions[detector.name] = action(options, detector.replacement, config.key, config.hmac_key_id)
            self._spared[detector.name] = [compile_pattern(text) for text in options.allowed]
        self.wholes = {
            name: Masked(one.writes, (name,), one.removes, one.drops)
            for name, one in self.actions.items()
            if one.writes
        }
        """What becomes of texts that are a finding as they stand, by detector, where that is always the same."""
        self.spares_some = any(self._spared.values())
        """Whether there may be a finding that the user allows."""
        self._allowed = [compile_pattern(text) for text in config.allowed_values]
        fixed = sorted({one.writes for one in self.actions.values() if one.writes}, key=lambda text: (-len(text), text))
        self._signs = [HASHED_PREFIX, *(text for text in fixed if _STARS not in text)]
        """What one of stands in each text that masking wrote, or stars."""
        self._written = compile_pattern("|".join([HASHED, *(re.escape(text.decode()) for text in fixed)]))
        self._is_simple = not self._allowed and not self.spares_some and self._signs == [HASHED_PREFIX]

    def takes_all(self, text: bytes) -> bool:
        """Say whether all that is found in a text counts, since nothing is allowed or was written by masking."""
        return self._is_simple and _STARS not in text and HASHED_PREFIX not in text

    def allows(self, text: bytes) -> bool:
        """Say whether one of `allowed_values` is in a text."""
        return bool(self._allowed) and any(pattern.search(text) is not None for pattern in self._allowed)

    def is_done(self, detector: str) -> bool:
        """Say whether what a detector finds in a text that has been masked is left: a hash would be hashed again."""
        return detector in self._once

    def spares(self, finding: Finding, secret: bytes) -> bool:
        """Say whether a finding is one that the user allows."""
        return any(pattern.search(secret) is not None for pattern in self._spared.get(finding.detector.name, ()))

    def written(self, text: bytes) -> list[tuple[int, int]]:
        """Return where in a text there is what masking has written before."""
        if _STARS not in text and not [sign for sign in self._signs if sign in text]:
            return []
        return [match.span() for match in self._written.finditer(text)]


def _detector(name: str, options: DetectorConfig) -> Detector:
    if name in BUILT_IN:
        return builtin(name)
    return custom(name, options.regex or "", _CUSTOM_REPLACEMENT)
