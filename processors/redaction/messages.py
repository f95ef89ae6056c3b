"""Masking attributes and bodies one by one: whatever they hold, down to the last map in an array in a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from processors.redaction.config import RedactionConfig, Summary, UnknownFields
from processors.redaction.detectors.effort import NODE, Effort
from processors.redaction.keys import Decision, KeyRules, Rule
from processors.redaction.policy import Masked, Policy
from processors.redaction.scalars import NESTED, NUMBERS, TEXTS, readable
from processors.redaction.summary import Outcome
from processors.redaction.texts import Asked, TextMask
from processors.redaction.verdicts import Verdict

BLOCKED_KEYS = "blocked_key_patterns"
"""What masked values of blocked keys are counted under."""
BODY = "body"
"""What a body is called where summaries tell of it."""


@dataclass
class _Work:
    """What was done within one attribute or body."""

    is_body: bool
    hits: list[str] = field(default_factory=list)
    drops: bool = False
    outcomes: list[tuple[Outcome, str]] = field(default_factory=list)

    def note(self, masked: Masked, path: str) -> None:
        self.hits += masked.hits
        self.drops |= masked.drops
        self.outcomes.append((Outcome.MASKED, path))


class MessageMask:
    """Masks what is more than a key and a text, as official messages."""

    def __init__(self, config: RedactionConfig, policy: Policy, text: TextMask, keys: KeyRules, effort: Effort) -> None:
        self._policy = policy
        self._text = text
        self._keys = keys
        self._effort = effort
        self._all_types = config.redact_all_types
        self._in_keys = config.redact_keys
        self._tells = config.summary is not Summary.SILENT
        self._drops_unknown = config.unknown_fields is UnknownFields.DROP
        self._found: dict[Asked, Masked | None] = {}
        """What becomes of texts in maps and arrays."""

    def pairs(self, attributes: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of serialised KeyValues; those that stay are left out."""
        verdicts: dict[bytes, Verdict] = {}
        messages = [KeyValue.FromString(attribute) for attribute in attributes]
        self._find_inner([(one.value, self._keys.rule(one.key.encode())) for one in messages])
        for attribute, message in zip(attributes, messages, strict=True):
            if verdict := self._pair(attribute, message):
                verdicts[attribute] = verdict
        return verdicts

    def bodies(self, bodies: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of serialised AnyValues; those that stay are left out."""
        verdicts: dict[bytes, Verdict] = {}
        messages = [AnyValue.FromString(body) for body in bodies]
        self._find_inner([(one, Rule(Decision.LOOK)) for one in messages], is_body=True)
        for body, message in zip(bodies, messages, strict=True):
            if verdict := self._body(body, message):
                verdicts[body] = verdict
        return verdicts

    def _find_inner(self, values: Sequence[tuple[Any, Rule]], *, is_body: bool = False) -> None:
        """Search all texts in maps and arrays at once, for when they are masked one by one."""
        asked: dict[Asked, None] = {}
        for value, rule in values:
            if rule.decision is Decision.LOOK and value.WhichOneof("value") in NESTED:
                self._ask_inner(value, rule, asked, is_body)
        self._found = dict(zip(asked, self._text.many(list(asked)), strict=True))

    def _ask_inner(self, value: Any, rule: Rule, asked: dict[Asked, None], is_body: bool) -> None:
        self._effort.spend(NODE)
        kind = value.WhichOneof("value")
        if kind == "kvlist_value":
            for entry in value.kvlist_value.values:
                own = self._keys.rule(entry.key.encode(), may_go=is_body)
                if own.decision is Decision.LOOK:
                    around = rule if own.is_plain and not rule.is_plain else own
                    self._ask_inner(entry.value, around, asked, is_body)
        elif kind == "array_value":
            for item in value.array_value.values:
                self._ask_inner(item, rule, asked, is_body)
        elif kind in TEXTS and not rule.tells:
            asked[readable(value), rule.before, rule.introduces] = None

    def _pair(self, attribute: bytes, message: KeyValue) -> Verdict | None:
        if self._drops_unknown:
            message.DiscardUnknownFields()
        if self._keys.rule(message.key.encode()).decision is Decision.IGNORE:
            return Verdict(attribute, outcomes=((Outcome.IGNORED, message.key),)) if self._tells else None
        work = _Work(is_body=False)
        if self._entry(message, work, "", Rule(Decision.LOOK)):
            return Verdict(None, tuple(work.hits), work.drops, tuple(work.outcomes))
        return self._verdict(attribute, message, work)

    def _masked(self, text: bytes, rule: Rule) -> Masked | None:
        if rule.tells and text:
            return self._text.as_secret(text, rule.tells)
        asked = text, rule.before, rule.introduces
        if asked in self._found:
            return self._found[asked]
        return self._text(text, rule.before, is_introduced=rule.introduces)

    def _body(self, body: bytes, message: AnyValue) -> Verdict | None:
        work = _Work(is_body=True)
        self._value(message, work, "", Rule(Decision.LOOK))
        return self._verdict(body, message, work)

    def _verdict(self, before: bytes, message: Message, work: _Work) -> Verdict | None:
        # what a parser overwrites or does not know was not looked at, so it goes with what was
        message.DiscardUnknownFields()
        after = message.SerializeToString(deterministic=True)
        if after == before and not (self._tells and work.outcomes):
            return None
        return Verdict(after, tuple(work.hits), work.drops, tuple(work.outcomes))

    def _entry(self, pair: Any, work: _Work, path: str, around: Rule) -> bool:
        """Mask an attribute, or an entry of a map; return whether it goes.

        Args:
            pair: the attribute.
            work: of all of it.
            path: the way to the map.
            around: the rule of the next key around that says something about values.
        """
        here = f"{path}.{pair.key}" if path else pair.key
        rule = self._keys.rule(pair.key.encode(), may_go=work.is_body or not path)
        if rule.decision is Decision.IGNORE:
            work.outcomes.append((Outcome.IGNORED, here))
            return False
        if rule.decision is Decision.REMOVE:
            work.outcomes.append((Outcome.REDACTED, here))
            return True
        goes = False
        if rule.decision is Decision.MASK:
            if not work.is_body and self._is_allowed(pair.value):
                work.outcomes.append((Outcome.ALLOWED, here))
            else:
                self._mask_whole(pair.value, work, here)
        elif rule.decision is Decision.LOOK or pair.value.WhichOneof("value") not in NUMBERS:
            goes = self._value(pair.value, work, here, around if rule.is_plain and not around.is_plain else rule)
        is_named = rule.is_listed or rule.decision is Decision.OWN
        return (self._in_keys and not is_named and self._key(pair, work, here)) or goes

    def _key(self, pair: Any, work: _Work, path: str) -> bool:
        masked = self._text(pair.key.encode())
        if masked is None:
            return False
        work.note(masked, path)
        pair.key = masked.text.decode()
        return masked.removes

    def _mask_whole(self, value: Any, work: _Work, path: str) -> None:
        text, mask = readable(value), self._policy.mask
        if not mask.writes or text != mask.writes:
            new = mask.replace(text)
            work.note(Masked(new, (BLOCKED_KEYS,), removes=False, drops=False), path)
            value.string_value = new.decode()

    def _is_allowed(self, value: Any) -> bool:
        kind = value.WhichOneof("value")
        is_looked_at = kind in TEXTS or (kind in NUMBERS and self._all_types)
        return is_looked_at and self._policy.allows(readable(value))

    def _value(self, value: Any, work: _Work, path: str, rule: Rule) -> bool:
        """Mask a value in its place; return whether it goes."""
        kind = value.WhichOneof("value")
        if kind == "kvlist_value":
            entries = value.kvlist_value.values
            _keep(entries, [entry for entry in entries if not self._entry(entry, work, path, rule)])
        elif kind == "array_value":
            items = value.array_value.values
            _keep(items, [v for i, v in enumerate(items) if not self._value(v, work, _element(path, i), rule)])
        elif kind in TEXTS or (kind in NUMBERS and self._all_types):
            return self._scalar(value, kind, work, path, rule)
        return False

    def _scalar(self, value: Any, kind: str, work: _Work, path: str, rule: Rule) -> bool:
        text = readable(value)
        if self._policy.allows(text):
            work.outcomes.append((Outcome.ALLOWED, path or BODY))
            return False
        masked = self._masked(text, rule)
        if masked is None:
            return False
        work.note(masked, path or BODY)
        if kind == "bytes_value":
            value.bytes_value = masked.text
        else:
            value.string_value = masked.text.decode()
        return masked.removes


def _keep(repeated: Any, kept: list[Any]) -> None:
    if len(kept) < len(repeated):
        del repeated[:]
        repeated.extend(kept)


def _element(path: str, index: int) -> str:
    return f"{path}.[{index}]" if path else f"[{index}]"
