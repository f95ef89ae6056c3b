"""What the key of an attribute or of a map's entry decides."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.detector import Detector
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.summary import OWN_KEYS

_REMEMBERED = 10_000
_LONGEST = 256
_PROBE = b"Zk3x9Qm2Lp7T"
"""What a secret may look like: a key is one of secrets if `key=probe` has one."""
_NUMBERS = (b"219099999", b"2125550100", b"9001011234567", b"4012888888881881003")
"""What is a secret after some keys only: numbers of people, telephones and, of 19 digits, cards."""


class Decision(enum.Enum):
    LOOK = enum.auto()
    IGNORE = enum.auto()
    REMOVE = enum.auto()
    MASK = enum.auto()
    OWN = enum.auto()
    """An attribute of a summary: its text is looked at, its number is left."""


class Rule(NamedTuple):
    """What holds for one key."""

    decision: Decision
    tells: Detector | None = None
    """The detector to which the key says that any value is a secret, as `password` does."""
    introduces: bytes = b""
    """The key with a sign behind it, if values are to be read as what it introduces, as those of `ssn` are."""
    is_listed: bool = False
    """Whether the user allows this very key."""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing about the key, so that only the value decides."""
        return self.decision is Decision.LOOK and self.tells is None and not self.introduces


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
        if key in OWN_KEYS:  # neither to go nor to be masked in the next collector
            return Rule(Decision.OWN)
        is_listed = key in self._allowed
        if may_go and not self._allows_all and not is_listed:
            return Rule(Decision.REMOVE)
        if _any(self._blocked, key):
            return Rule(Decision.MASK, is_listed=is_listed)
        tells = self._told_by(key)
        return Rule(Decision.LOOK, tells, b"" if tells else self._introduced_by(key), is_listed)

    def _told_by(self, key: bytes) -> Detector | None:
        start = len(key) + 1
        found = self._scanner.find(b"%b=%b" % (key, _PROBE))
        return next((finding.detector for finding in found if finding.start == start), None)

    def _introduced_by(self, key: bytes) -> bytes:
        before = b"%b=" % key
        for number in _NUMBERS:
            of_itself = {finding.detector for finding in self._scanner.find(number)}
            found = self._scanner.find(before + number)
            if any(one.start == len(before) and one.detector not in of_itself for one in found):
                return before
        return b""


def _any(patterns: list[Any], key: bytes) -> bool:
    return any(pattern.search(key) is not None for pattern in patterns)
