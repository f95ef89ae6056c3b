"""What the key of an attribute or of a map's entry decides."""

from __future__ import annotations

import enum
from collections.abc import Set as AbstractSet
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
_INTRODUCED = (b"219099999", b"2125550100", b"0001013234567", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""What is a secret after some keys only and looks like nothing elsewhere, not even to a hint: numbers of people and of
telephones, and a key of AWS.  What does look like something is tried with its key anyway."""


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
    before: bytes = b""
    """The key with a sign behind it: what a value is read with if nothing is found in it alone."""
    tells: Detector | None = None
    """The detector to which the key says that any value is a secret, as `password` does."""
    introduces: bool = False
    """Whether the key says of some values that they are secrets, which nothing else says, as `ssn` does."""
    is_listed: bool = False
    """Whether the user allows this very key."""

    @property
    def needs_text_only(self) -> bool:
        """Whether what becomes of a text depends on what is found in it."""
        return self.decision is Decision.LOOK and self.tells is None

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
        self._has_lists = not self._allows_all or bool(self._ignored or self._ignored_patterns or self._blocked)
        self._scanner = scanner
        self._found_alone = [{one.detector for one in scanner.find(text)} for text in _INTRODUCED]
        self._plain: set[bytes] = set()
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

    def plain(self, keys: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Return which of the keys of attributes have a rule that is plain; many at once cost little."""
        new = keys - self._plain
        if not new:
            return keys
        looked_at = [key for key in new if not self._has_lists or self._decision(key) is Decision.LOOK]
        probes = [self._probes(key) for key in looked_at]
        told = {looked_at[index] for index in self._scanner.hits(probes)}
        plain = {key for key in looked_at if key not in told or self.rule(key).is_plain} - OWN_KEYS
        if len(self._plain) >= _REMEMBERED:
            self._plain.clear()
        if len(plain) <= _REMEMBERED:
            self._plain.update(key for key in plain if len(key) <= _LONGEST)
        return (keys - new) | plain

    def _decide(self, key: bytes, *, may_go: bool) -> Rule:
        decision = self._decision(key, may_go=may_go)
        is_listed = key in self._allowed
        before = b"%b=" % key
        if decision is not Decision.LOOK or not self._scanner.may_hit(self._probes(key)):
            return Rule(decision, before, is_listed=is_listed)
        tells = self._told_by(before)
        return Rule(decision, before, tells, tells is None and self._introduces(before), is_listed)

    def _decision(self, key: bytes, *, may_go: bool = True) -> Decision:
        if key in self._ignored or _any(self._ignored_patterns, key):
            return Decision.IGNORE
        if key in OWN_KEYS:  # neither to go nor to be masked in the next collector
            return Decision.OWN
        if may_go and not self._allows_all and key not in self._allowed:
            return Decision.REMOVE
        return Decision.MASK if _any(self._blocked, key) else Decision.LOOK

    def _probes(self, key: bytes) -> bytes:
        return b" ".join([b"%b=%b" % (key, probe) for probe in (_PROBE, *_INTRODUCED)])

    def _told_by(self, before: bytes) -> Detector | None:
        found = self._scanner.find(before + _PROBE)
        return next((finding.detector for finding in found if finding.start == len(before)), None)

    def _introduces(self, before: bytes) -> bool:
        return any(
            finding.start == len(before) and finding.detector not in alone
            for text, alone in zip(_INTRODUCED, self._found_alone, strict=True)
            for finding in self._scanner.find(before + text)
        )


def _any(patterns: list[Any], key: bytes) -> bool:
    return any(pattern.search(key) is not None for pattern in patterns)
