"""What the key of an attribute or of a map's entry decides."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.detector import Detector
from processors.redaction.detectors.scanner import Scanner

_REMEMBERED = 10_000
_LONGEST = 256
_PROBE = b"Zk3x9Qm2Lp7T"
"""What a secret may look like: a key is one of secrets if `key=probe` has one."""


class Decision(enum.Enum):
    LOOK = enum.auto()
    IGNORE = enum.auto()
    REMOVE = enum.auto()
    MASK = enum.auto()


class Rule(NamedTuple):
    """What holds for one key."""

    decision: Decision
    tells: Detector | None = None
    """The detector to which the key says that any value is a secret, as `password` does."""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing about the key, so that only the value decides."""
        return self.decision is Decision.LOOK and self.tells is None


class KeyRules:
    """The rules for all keys, in the Collector's order: ignored, not allowed, blocked."""

    def __init__(self, config: RedactionConfig, scanner: Scanner) -> None:
        self._allows_all = config.allows_all_keys
        self._allowed = {key.encode() for key in config.allowed_keys}
        self._ignored = {key.encode() for key in config.ignored_keys}
        self._ignored_patterns = [compile_pattern(text) for text in config.ignored_key_patterns]
        self._blocked = [compile_pattern(text) for text in (*config.blocked_key_patterns, *config.blocked_keys)]
        self._scanner = scanner
        self._rules: dict[bytes, Rule] = {}
        self._kept: dict[bytes, Rule] = {}

    def rule(self, key: bytes, *, may_go: bool = True) -> Rule:
        """Return the rule for a key, UTF-8; it need not be allowed where it may not go: in maps in attributes."""
        rules = self._rules if may_go else self._kept
        found = rules.get(key)
        if found is None:
            found = self._decide(key, may_go=may_go)
            if len(rules) >= _REMEMBERED:
                rules.clear()
            if len(key) <= _LONGEST:
                rules[key] = found
        return found

    def _decide(self, key: bytes, *, may_go: bool) -> Rule:
        if key in self._ignored or _any(self._ignored_patterns, key):
            return Rule(Decision.IGNORE)
        if may_go and not self._allows_all and key not in self._allowed:
            return Rule(Decision.REMOVE)
        if _any(self._blocked, key):
            return Rule(Decision.MASK)
        return Rule(Decision.LOOK, self._told_by(key))

    def _told_by(self, key: bytes) -> Detector | None:
        start = len(key) + 1
        found = self._scanner.find(b"%b=%b" % (key, _PROBE))
        return next((finding.detector for finding in found if finding.start == start), None)


def _any(patterns: list[Any], key: bytes) -> bool:
    return any(pattern.search(key) is not None for pattern in patterns)
