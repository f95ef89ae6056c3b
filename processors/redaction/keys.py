"""What the key of an attribute or of a map's entry decides."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.detector import Detector
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.summary import OWN_KEYS
from processors.redaction.texts import TOO_MANY

_REMEMBERED, _REMEMBERED_BYTES = 10_000, 1 << 20
"""How many keys are remembered from one request to the next, and bytes of all."""
_TRIED = 5000
"""How many new keys of one request are tried that may say something.  Values of others are masked as a whole."""
_PROBE = b"Zk3x9Qm2Lp7T"
"""What a secret may look like: a key is one of secrets if `key=probe` has one."""
_INTRODUCED = (b"219099999", b"2125550100", b"0001013234567", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""What is a secret after some keys only and looks like nothing elsewhere, not even to a hint: numbers of people and of
telephones, and a key of AWS.  What does look like something is tried with its key anyway."""


_KINDS = 1 + len(_INTRODUCED)


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


class _Known(NamedTuple):
    """What has been found out about keys."""

    rules: dict[bytes, Rule]
    plain: set[bytes]
    """Keys about which there is nothing, as of nearly all: among the rules they are only if the user lists them."""


class KeyRules:
    """The rules for all keys, in the Collector's order: ignored, not allowed, blocked."""

    def __init__(self, config: RedactionConfig, scanner: Scanner) -> None:
        self._allows_all = config.allows_all_keys
        self._allowed = {key.encode() for key in config.allowed_keys}
        self._ignored = {key.encode() for key in config.ignored_keys}
        self._ignored_patterns = [compile_pattern(text) for text in config.ignored_key_patterns]
        self._blocked = [compile_pattern(text) for text in (*config.blocked_key_patterns, *config.blocked_keys)]
        self._scanner = scanner
        self._found_alone = [{one.detector for one in scanner.find(text)} for text in _INTRODUCED]
        self._of_attributes, self._of_entries = _Known({}, set()), _Known({}, set())
        self._bytes = self._tried = 0

    def rule(self, key: bytes, *, may_go: bool = True) -> Rule:
        """Return the rule for a key, UTF-8; it need not be allowed where it may not go: in maps in attributes."""
        rules, plain = known = self._of_attributes if may_go else self._of_entries
        if key not in rules and key not in plain:
            self._learn({key}, known, may_go=may_go)
        return rules.get(key) or Rule(Decision.LOOK, b"%b=" % key)

    def learn(self, keys: AbstractSet[bytes], *, may_go: bool = True) -> None:
        """Find the rules of many keys at once, at a tenth of what they cost one by one."""
        rules, plain = known = self._of_attributes if may_go else self._of_entries
        new = keys - plain - rules.keys()
        if new:
            self._learn(new, known, may_go=may_go)

    def _learn(self, keys: AbstractSet[bytes], known: _Known, *, may_go: bool) -> None:
        decisions = self._decisions(keys, may_go=may_go)
        looked_at = list(keys - decisions.keys())
        telling = [looked_at[index] for index in self._scanner.hits([_PROBES % ((key,) * _KINDS) for key in looked_at])]
        tried = telling[: max(_TRIED - self._tried, 0)]
        self._tried += len(telling)
        says = {**dict.fromkeys(telling, (TOO_MANY, False)), **self._what_they_say(tried)}
        rules = {key: Rule(decision, b"%b=" % key) for key, decision in decisions.items()}
        for key in {*telling, *self._allowed.intersection(looked_at)}:
            rules[key] = Rule(Decision.LOOK, b"%b=" % key, *says.get(key, (None, False)), key in self._allowed)
        known.rules.update(rules)
        known.plain.update(keys - rules.keys(), [key for key, rule in rules.items() if rule.is_plain])
        self._bytes += sum(map(len, keys))

    def plain(self, keys: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Return which of the keys of attributes have a rule that is plain."""
        if keys <= self._of_attributes.plain:
            return keys
        self.learn(keys)
        return keys & self._of_attributes.plain

    def trim(self) -> None:
        """Forget all rules if they have become too many.  To be called when all keys of a request have been seen."""
        tried, self._tried = self._tried, 0
        remembered = (*self._of_attributes, *self._of_entries)
        if tried > _TRIED or sum(map(len, remembered)) > _REMEMBERED or self._bytes > _REMEMBERED_BYTES:
            self._of_attributes, self._of_entries = _Known({}, set()), _Known({}, set())
            self._bytes = 0

    def _what_they_say(self, keys: Sequence[bytes]) -> Mapping[bytes, tuple[Detector | None, bool]]:
        """Return, for keys, the detector that is told by each, or whether it introduces something."""
        found = self._scanner.find_many([text for key in keys for text in _probes(key)])
        says: dict[bytes, tuple[Detector | None, bool]] = {}
        for index, key in enumerate(keys):
            first, *others = (
                {one.detector: None for one in found.get(place, ()) if one.start == len(key) + 1}
                for place in range(index * _KINDS, (index + 1) * _KINDS)
            )
            introduced = any(these.keys() - alone for these, alone in zip(others, self._found_alone, strict=True))
            tells = next(iter(first), None)
            says[key] = tells, tells is None and introduced
        return says

    def _decisions(self, keys: AbstractSet[bytes], *, may_go: bool) -> Mapping[bytes, Decision]:
        """Return what is decided of keys whose values are not looked at."""
        all_may_stay = self._allows_all or not may_go
        if all_may_stay and not (self._ignored or self._ignored_patterns or self._blocked):
            return dict.fromkeys(keys & OWN_KEYS, Decision.OWN)
        decisions = {key: self._decision(key, may_go=may_go) for key in keys}
        return {key: decision for key, decision in decisions.items() if decision is not Decision.LOOK}

    def _decision(self, key: bytes, *, may_go: bool) -> Decision:
        if key in self._ignored or _any(self._ignored_patterns, key):
            return Decision.IGNORE
        if key in OWN_KEYS:  # neither to go nor to be masked in the next collector
            return Decision.OWN
        if may_go and not self._allows_all and key not in self._allowed:
            return Decision.REMOVE
        return Decision.MASK if _any(self._blocked, key) else Decision.LOOK


def _probes(key: bytes) -> list[bytes]:
    return [b"%b=%b" % (key, probe) for probe in (_PROBE, *_INTRODUCED)]


_PROBES = b" ".join(_probes(b"%b"))
"""All of them in one text, to be formatted with as many keys."""


def _any(patterns: list[Any], key: bytes) -> bool:
    return any(pattern.search(key) is not None for pattern in patterns)
