"""Masking one text: what detectors find is replaced until they find nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import DetectorConfig, RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN, builtin
from processors.redaction.detectors.detector import Detector, Finding, custom, whole
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.modes import HASHED, HASHED_PREFIX, Action, action, mask

BLOCKED_VALUES = "blocked_values"
"""What the patterns of the Collector's setting are called where detectors are counted."""
_ROUNDS = 4
"""How often a text is looked at.  Masking can bring together what was apart, and a replacement can be a finding."""
_REMEMBERED, _SHORT = 1024, 256
"""How many masked texts are known to have nothing left, and bytes of those."""
_WHOLE = b"***"
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
        self._actions = {BLOCKED_VALUES: self.mask}
        self._once = {BLOCKED_VALUES} if config.hash_function else set()
        self._spared: dict[str, list[Any]] = {}
        for detector in own:
            options = config.detectors[detector.name]
            self._actions[detector.name] = action(options, detector.replacement, config.key, config.hmac_key_id)
            self._spared[detector.name] = [compile_pattern(text) for text in options.allowed]
        self._allowed = [compile_pattern(text) for text in config.allowed_values]
        fixed = sorted(
            {one.writes for one in self._actions.values() if one.writes}, key=lambda text: (-len(text), text)
        )
        self._fixed = [HASHED_PREFIX, *fixed]
        """What one of stands in each text that masking wrote."""
        self._written = compile_pattern("|".join([HASHED, *(re.escape(text.decode()) for text in fixed)]))

    def action(self, detector: str) -> Action:
        return self._actions[detector]

    def allows(self, text: bytes) -> bool:
        """Say whether one of `allowed_values` is in a text."""
        return any(pattern.search(text) is not None for pattern in self._allowed)

    def is_done(self, detector: str) -> bool:
        """Say whether what a detector finds in a text that has been masked is left: a hash would be hashed again."""
        return detector in self._once

    def spares(self, finding: Finding, secret: bytes) -> bool:
        """Say whether a finding is one that the user allows."""
        return any(pattern.search(secret) is not None for pattern in self._spared.get(finding.detector.name, ()))

    def written(self, text: bytes) -> list[tuple[int, int]]:
        """Return where in a text there is what masking has written before."""
        if not any(map(text.__contains__, self._fixed)):
            return []
        return [match.span() for match in self._written.finditer(text)]


def _detector(name: str, options: DetectorConfig) -> Detector:
    if name in BUILT_IN:
        return builtin(name)
    return custom(name, options.regex or "", _CUSTOM_REPLACEMENT)


class TextMask:
    """Masks texts.  What it returns it leaves as it is when it sees it again."""

    def __init__(self, policy: Policy, scanner: Scanner) -> None:
        self._policy = policy
        self._scanner = scanner
        self._clean: set[bytes] = set()

    def __call__(self, text: bytes, before: bytes = b"", *, is_introduced: bool = False) -> Masked | None:
        """Return what becomes of a text, UTF-8; None if it stays as it is.

        Args:
            text: the text.
            before: what is to be read before it, such as `ssn=`, if nothing is found in the text alone; what is found
                in that itself stays.
            is_introduced: whether what stands before says something of texts that look like nothing alone.
        """
        if self._policy.allows(text):
            return None
        hits: list[str] = []
        original = text
        for again in range(_ROUNDS):
            findings = self._meant(text, before, is_introduced=is_introduced, again=bool(again))
            if not findings:
                break
            old, text = text, self._without(text, findings)
            if text == old:
                break
            hits += [finding.detector.name for finding in findings]
            if not self._may_have_more(text, before):
                break
        else:
            text = _WHOLE
        return None if text == original else self._masked(text, hits)

    def as_secret(self, text: bytes, detector: Detector) -> Masked | None:
        """Mask all of a text whose key says that it is a secret of this detector."""
        finding = Finding(0, len(text), detector)
        if self._policy.allows(text) or self._is_settled(text, finding, self._policy.written(text)):
            return None
        new = self._policy.action(detector.name).replace(text)
        return None if new == text else self._masked(new, [detector.name])

    def _may_have_more(self, text: bytes, before: bytes) -> bool:
        """Say whether a text that was masked may have findings; most are made of replacements and seen often."""
        whole = before + text
        if whole in self._clean:
            return False
        if self._scanner.may_hit(whole):
            return True
        if len(whole) <= _SHORT:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add(whole)
        return False

    def _meant(self, text: bytes, before: bytes, *, is_introduced: bool, again: bool) -> list[Finding]:
        findings = self._scanner.find(text)
        if before and not findings and (is_introduced or self._scanner.may_hit(text)):
            findings = list(self._introduced(text, before))
        if again:
            findings = [finding for finding in findings if not self._policy.is_done(finding.detector.name)]
        if not findings:
            return findings
        written = self._policy.written(text)
        return [finding for finding in findings if not self._is_settled(text, finding, written)]

    def _introduced(self, text: bytes, before: bytes) -> Iterator[Finding]:
        length = len(before)
        for start, end, detector in self._scanner.find(before + text):
            if start >= length:
                yield Finding(start - length, end - length, detector)

    def _is_settled(self, text: bytes, finding: Finding, written: list[tuple[int, int]]) -> bool:
        start, end, _ = finding
        if any(first <= start and end <= last for first, last in written):
            return True
        return self._policy.spares(finding, text[start:end])

    def _without(self, text: bytes, findings: list[Finding]) -> bytes:
        parts, at = [], 0
        for start, end, detector in findings:
            parts += [text[at:start], self._policy.action(detector.name).replace(text[start:end])]
            at = end
        return b"".join([*parts, text[at:]])

    def _masked(self, text: bytes, hits: list[str]) -> Masked:
        actions = [self._policy.action(name) for name in hits]
        return Masked(text, tuple(hits), any(a.removes for a in actions), any(a.drops for a in actions))
