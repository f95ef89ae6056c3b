"""What the key of an attribute or of a map's entry decides."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import filterfalse
from typing import Any, NamedTuple

from collector.patterns import compile_pattern
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.detector import Detector
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.policy import TOO_MANY
from processors.redaction.summary import OWN_KEYS

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
_PROBES = b" ".join([b"%%b=%b" % probe for probe in (_PROBE, *_INTRODUCED)])
"""All of them in one text, to be formatted with the key as often."""


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


_SAYS_TOO_MUCH = Rule(Decision.LOOK, tells=TOO_MANY)
"""Of one key of too many."""


class _Known(NamedTuple):
    """What has been found out about keys."""

    rules: dict[bytes, Rule]
    plain: set[bytes]
    """Keys that say nothing, as nearly all; those that are listed, or were asked for one by one, have a rule too."""


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

    @property
    def say_something_by_name(self) -> bool:
        """Whether keys say only what detectors take from their names: none is ignored, blocked or has to go."""
        return self._allows_all and not (self._ignored or self._ignored_patterns or self._blocked)

    def rule(self, key: bytes, *, may_go: bool = True) -> Rule:
        """Return the rule for a key, UTF-8; it need not be allowed where it may not go: in maps in attributes."""
        rules, plain = known = self._of_attributes if may_go else self._of_entries
        found = rules.get(key)
        if found is None:
            if key not in plain:
                self._learn([key], known, may_go=may_go)
            found = rules.setdefault(key, Rule(Decision.LOOK, b"%b=" % key))
        return found

    def learn(self, keys: AbstractSet[bytes], *, may_go: bool = True) -> None:
        """Find the rules of many keys at once, at a tenth of what they cost one by one."""
        rules, plain = known = self._of_attributes if may_go else self._of_entries
        new = list(filterfalse(rules.__contains__, filterfalse(plain.__contains__, keys)))
        if new:
            self._learn(new, known, may_go=may_go)

    def _learn(self, keys: Sequence[bytes], known: _Known, *, may_go: bool) -> None:
        self._bytes += sum(map(len, keys))
        decisions = self._decisions(keys, may_go=may_go)
        known.rules.update({key: Rule(decision, b"%b=" % key) for key, decision in decisions.items()})
        looked_at = list(filterfalse(decisions.__contains__, keys)) if decisions else keys
        telling = [looked_at[index] for index in self._scanner.hits([_PROBES % ((key,) * _KINDS) for key in looked_at])]
        left = max(_TRIED - self._tried, 0)
        self._tried += len(telling)
        listed = self._allowed.intersection(looked_at)
        says = {**dict.fromkeys(telling[left:], _SAYS_TOO_MUCH), **self._what_they_say(telling[:left])}
        known.rules.update(says)
        known.rules.update(
            {key: says.get(key, Rule(Decision.LOOK, b"%b=" % key))._replace(is_listed=True) for key in listed}
        )
        known.plain.update(filterfalse(says.__contains__, looked_at))

    def plain(self, keys: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Return which of the keys of attributes have a rule that is plain."""
        plain = self._of_attributes.plain
        if not keys <= plain:
            self.learn(keys)
        return keys if keys <= plain else set(filter(plain.__contains__, keys))

    def trim(self) -> None:
        """Forget all rules if they have become too many.  To be called when all keys of a request have been seen."""
        tried, self._tried = self._tried, 0
        remembered = (*self._of_attributes, *self._of_entries)
        if tried > _TRIED or sum(map(len, remembered)) > _REMEMBERED or self._bytes > _REMEMBERED_BYTES:
            self._of_attributes, self._of_entries = _Known({}, set()), _Known({}, set())
            self._bytes = 0

    def _what_they_say(self, keys: Sequence[bytes]) -> Mapping[bytes, Rule]:
        """Return, for keys that may say something of values, the rules of those that do."""
        says: dict[bytes, Rule] = {}
        found = self._behind(keys, _PROBE)
        for key, detectors in zip(keys, found, strict=True):
            if detectors:
                says[key] = Rule(Decision.LOOK, b"%b=" % key, tells=detectors[0])
        left = [key for key in keys if key not in says]
        for probe, alone in zip(_INTRODUCED, self._found_alone, strict=True):
            for key, detectors in zip(left, self._behind(left, probe), strict=True):
                if not alone.issuperset(detectors):
                    says[key] = Rule(Decision.LOOK, b"%b=" % key, introduces=True)
        return says

    def _behind(self, keys: Sequence[bytes], probe: bytes) -> Sequence[Sequence[Detector]]:
        """Return, for each key, what finds something that begins behind it."""
        found = self._scanner.find_many([b"%b=%b" % (key, probe) for key in keys])
        return [
            [one.detector for one in found.get(index, ()) if one.start == len(key) + 1]
            for index, key in enumerate(keys)
        ]

    def _decisions(self, keys: Sequence[bytes], *, may_go: bool) -> Mapping[bytes, Decision]:
        """Return what is decided of keys whose values are not looked at."""
        all_may_stay = self._allows_all or not may_go
        if all_may_stay and not (self._ignored or self._ignored_patterns or self._blocked):
            return dict.fromkeys(OWN_KEYS.intersection(keys), Decision.OWN)
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


def _any(patterns: list[Any], key: bytes) -> bool:
    return any(pattern.search(key) is not None for pattern in patterns)
