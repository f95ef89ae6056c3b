"""Masking attributes and values: whatever they hold, down to the last map in an array in a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from processors.redaction.columns import Column, columns
from processors.redaction.config import RedactionConfig, Summary, UnknownFields
from processors.redaction.detectors.effort import NODE, Effort, ExhaustedError
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.keys import Decision, KeyRules, Rule
from processors.redaction.looking import depending_on_keys
from processors.redaction.pairs import read, read_text, write, write_text
from processors.redaction.scalars import NUMBERS, TEXTS, readable, with_numbers
from processors.redaction.summary import Audit, Outcome
from processors.redaction.texts import TOO_MANY, Asked, Masked, Policy, TextMask

BLOCKED_KEYS = "blocked_key_patterns"
"""What masked values of blocked keys are counted under."""
_NESTED = {"array_value", "kvlist_value"}
_WHOLE = "***"
_BODY = "body"


class Verdict(NamedTuple):
    """What becomes of an attribute, a body or a text."""

    new: bytes | None
    """Its bytes from now on; None if it goes."""
    hits: tuple[str, ...] = ()
    """The detector of each value that was masked."""
    drops: bool = False
    """Whether the record goes with it."""
    outcomes: tuple[tuple[Outcome, str], ...] = ()
    """What a summary tells of it: keys, nested ones with the way to them."""


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


class ValueMask:
    """Masks serialised attributes, bodies and texts, many at a time."""

    def __init__(self, config: RedactionConfig) -> None:
        self._policy = Policy(config)
        self._scanner = Scanner(self._policy.detectors)
        self.effort = Effort()
        """What the request may cost that is looked at."""
        self._text = TextMask(self._policy, self._scanner, self.effort)
        self._found: dict[Asked, Masked | None] = {}
        self._keys = KeyRules(config, self._scanner)
        self._all_types = config.redact_all_types
        self._in_keys = config.redact_keys
        self._tells = config.summary is not Summary.SILENT
        drops_unknown = config.unknown_fields is UnknownFields.DROP
        # who tells what was allowed has to look at what is, too
        self._looks_at_all = drops_unknown or (self._tells and bool(config.allowed_values))
        self._drops_unknown = drops_unknown
        self.audit = Audit(self._told, with_keys=config.summary is Summary.DEBUG) if self._tells else None
        """Writes summaries; None for none."""

    def texts(self, texts: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of names, messages and the like; those that stay are left out.

        Raises:
            UnicodeDecodeError: one is none.
        """
        hits = [_valid(texts[index]) for index in self._scanner.hits(texts)]
        found = zip(hits, self._text.many([(text, b"", False) for text in hits]), strict=True)
        return {text: Verdict(new.text, new.hits, new.drops) for text, new in found if new is not None}

    def pairs(self, attributes: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of serialised KeyValues; those that stay are left out.

        Raises:
            google.protobuf.message.DecodeError: one is none.
            UnicodeDecodeError: the text of one is none.
        """
        try:
            verdicts = self._pairs(attributes)
        except ExhaustedError:
            nested, flat = _apart(attributes, KeyValue)
            verdicts = {**self._pairs(flat), **{one: self._as_whole(one) for one in nested}}
        self._keys.trim()
        return verdicts

    def _pairs(self, attributes: Sequence[bytes]) -> dict[bytes, Verdict]:
        verdicts: dict[bytes, Verdict] = {}
        kept: list[tuple[bytes, bytes]] = []
        asked: list[Asked] = []
        others: list[bytes] = []
        alike, looked_at = columns([attributes[index] for index in self._to_look_at(attributes, KeyValue)])
        _valid(b" ".join([column.key for column in alike]))
        self._keys.learn({column.key for column in alike})
        for column in alike:
            if verdict := self._of_column(column):
                verdicts.update(dict.fromkeys(column.attributes, verdict))
            else:
                looked_at += column.attributes
        pairs = [read(attribute) or (b"", b"") for attribute in looked_at]
        keys = {key for key, _ in pairs}
        _valid(b" ".join(keys))
        self._keys.learn(keys)
        for attribute, (key, text) in zip(looked_at, pairs, strict=True):
            rule = self._keys.rule(key) if key else None
            if rule and rule.needs_text_only and not self._in_keys:
                kept.append((attribute, key))
                asked.append((text, rule.before, rule.introduces))
            elif rule and rule.tells and text and rule.decision is Decision.LOOK and not self._in_keys:
                if verdict := self._of_text(attribute, key, text, self._text.as_secret(_valid(text), rule.tells)):
                    verdicts[attribute] = verdict
            else:
                others.append(attribute)
        return {**verdicts, **self._messages(others), **self._texts_of(kept, asked)}

    def _of_column(self, column: Column) -> Verdict | None:
        """Return what becomes of each attribute of a column; None if that is not the same, or not quickly known."""
        rule = self._keys.rule(column.key)
        if not rule.needs_text_only or self._in_keys:
            return None
        masked = self._text.whole(column.texts, rule.before)
        if masked is None:
            return None
        _valid(b" ".join(column.texts))
        return self._of_text(b"", column.key, b"", masked)

    def _texts_of(self, pairs: Sequence[tuple[bytes, bytes]], asked: Sequence[Asked]) -> dict[bytes, Verdict]:
        """Return what becomes of attributes, each with its key, of which only the text decides."""
        verdicts: dict[bytes, Verdict] = {}
        _valid(b" ".join([text for text, _, _ in asked]))  # at once, since a blank is no part of any other character
        same: dict[tuple[bytes, Masked], Verdict | None] = {}
        for (attribute, key), (text, _, _), masked in zip(pairs, asked, self._text.many(asked), strict=True):
            verdict = same.get((key, masked)) if masked else None
            if verdict is None and (verdict := self._of_text(attribute, key, text, masked)) and masked:
                same[key, masked] = verdict
            if verdict:
                verdicts[attribute] = verdict
        return verdicts

    def _messages(self, attributes: Sequence[bytes]) -> dict[bytes, Verdict]:
        verdicts: dict[bytes, Verdict] = {}
        messages = [KeyValue.FromString(attribute) for attribute in attributes]
        self._find_inner([(one.value, self._keys.rule(one.key.encode())) for one in messages])
        for attribute, message in zip(attributes, messages, strict=True):
            if verdict := self._pair(attribute, message):
                verdicts[attribute] = verdict
        return verdicts

    def _of_text(self, attribute: bytes, key: bytes, text: bytes, masked: Masked | None) -> Verdict | None:
        if masked is not None:
            new = None if masked.removes else write(key, masked.text)
            return Verdict(new, masked.hits, masked.drops, self._noted(Outcome.MASKED, key))
        if self._tells and self._policy.allows(text):
            return Verdict(attribute, outcomes=self._noted(Outcome.ALLOWED, key))
        return None

    def _as_whole(self, attribute: bytes) -> Verdict:
        """Mask all of an attribute of which too much would have to be looked at."""
        pair = KeyValue.FromString(attribute)
        key = pair.key.encode()
        decision = self._keys.rule(key).decision
        if decision is Decision.IGNORE:
            return Verdict(attribute, outcomes=self._noted(Outcome.IGNORED, key))
        if decision is Decision.REMOVE:
            return Verdict(None, outcomes=((Outcome.REDACTED, pair.key),))
        if self._in_keys and (masked := self._text(key)):
            key = masked.text
        new = KeyValue(key=key.decode(), value=AnyValue(string_value=_WHOLE))
        return Verdict(new.SerializeToString(), (TOO_MANY.name,), outcomes=self._noted(Outcome.MASKED, key))

    def values(self, values: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of serialised AnyValues, the bodies of log records; those that stay are left out.

        Raises:
            google.protobuf.message.DecodeError: one is none.
            UnicodeDecodeError: the text of one is none.
        """
        try:
            verdicts = self._values(values)
        except ExhaustedError:
            nested, flat = _apart(values, AnyValue)
            whole = AnyValue(string_value=_WHOLE).SerializeToString()
            masked = Verdict(whole, (TOO_MANY.name,), outcomes=self._noted(Outcome.MASKED, _BODY.encode()))
            verdicts = {**self._values(flat), **dict.fromkeys(nested, masked)}
        self._keys.trim()
        return verdicts

    def _values(self, values: Sequence[bytes]) -> dict[bytes, Verdict]:
        verdicts: dict[bytes, Verdict] = {}
        others: list[bytes] = []
        texts: list[tuple[bytes, Asked]] = []
        for index in self._to_look_at(values, AnyValue):
            body = values[index]
            text = read_text(body)
            if text is not None and not self._tells:
                texts.append((body, (_valid(text), b"", False)))
            else:
                others.append(body)
        messages = [AnyValue.FromString(body) for body in others]
        self._find_inner([(one, Rule(Decision.LOOK)) for one in messages], is_body=True)
        for body, message in zip(others, messages, strict=True):
            if verdict := self._body(body, message):
                verdicts[body] = verdict
        for (body, _), masked in zip(texts, self._text.many([one for _, one in texts]), strict=True):
            if masked is not None:
                verdicts[body] = Verdict(write_text(masked.text), masked.hits, masked.drops)
        return verdicts

    def _find_inner(self, values: Sequence[tuple[Any, Rule]], *, is_body: bool = False) -> None:
        """Search all texts in maps and arrays at once, for when they are masked one by one."""
        asked: dict[Asked, None] = {}
        for value, rule in values:
            if rule.decision is Decision.LOOK and value.WhichOneof("value") in _NESTED:
                self._ask_inner(value, rule, asked, is_body)
        self._found = dict(zip(asked, self._text.many(list(asked)), strict=True))

    def _ask_inner(self, value: Any, rule: Rule, asked: dict[Asked, None], is_body: bool) -> None:
        self.effort.spend(NODE)
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

    def _to_look_at(self, pieces: Sequence[bytes], type_: type[Message]) -> Sequence[int]:
        """Return the indices of what may change: all that does, and some others."""
        if self._looks_at_all:
            return range(len(pieces))
        texts = pieces if not self._all_types else [with_numbers(piece, type_, self.effort) for piece in pieces]
        hits = self._scanner.hits(texts, are_framed=True)
        by_key = depending_on_keys(pieces, type_, self._keys, self.effort)
        return sorted({*hits, *by_key}) if by_key else hits

    def _told(self, key: str) -> str:
        masked = self._text(key.encode())
        return masked.text.decode() if masked else key

    def _noted(self, outcome: Outcome, key: bytes) -> tuple[tuple[Outcome, str], ...]:
        return ((outcome, key.decode()),) if self._tells else ()

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
            work.outcomes.append((Outcome.ALLOWED, path or _BODY))
            return False
        masked = self._masked(text, rule)
        if masked is None:
            return False
        work.note(masked, path or _BODY)
        if kind == "bytes_value":
            value.bytes_value = masked.text
        else:
            value.string_value = masked.text.decode()
        return masked.removes


def _valid(text: bytes) -> bytes:
    """Return a text that every parser takes.

    Raises:
        UnicodeDecodeError: it is none.
    """
    text.decode()
    return text


def _apart(pieces: Sequence[bytes], type_: type[Message]) -> tuple[list[bytes], list[bytes]]:
    """Return the pieces with maps or arrays in them, and the others."""
    both: tuple[list[bytes], list[bytes]] = [], []
    for piece in pieces:
        message: Any = type_.FromString(piece)
        value = message.value if type_ is KeyValue else message
        both[value.WhichOneof("value") not in _NESTED].append(piece)
    return both


def _keep(repeated: Any, kept: list[Any]) -> None:
    if len(kept) < len(repeated):
        del repeated[:]
        repeated.extend(kept)


def _element(path: str, index: int) -> str:
    return f"{path}.[{index}]" if path else f"[{index}]"
