"""Masking attributes and values: whatever they hold, down to the last map in an array in a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.records.text import number
from processors.redaction.config import RedactionConfig, Summary, UnknownFields
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.keys import Decision, KeyRules, Rule
from processors.redaction.looking import depending_on_keys
from processors.redaction.pairs import read, read_text, write, write_text
from processors.redaction.summary import Audit, Outcome
from processors.redaction.texts import Asked, Masked, Policy, TextMask

BLOCKED_KEYS = "blocked_key_patterns"
"""What masked values of blocked keys are counted under."""
_TEXTS = {"string_value", "bytes_value"}
_NUMBERS = {"int_value", "double_value", "bool_value"}
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
        self._text = TextMask(self._policy, self._scanner)
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
        verdicts: dict[bytes, Verdict] = {}
        kept: list[tuple[bytes, bytes]] = []
        asked: list[Asked] = []
        looked_at = [attributes[index] for index in self._to_look_at(attributes, KeyValue)]
        pairs = [read(attribute) or (b"", b"") for attribute in looked_at]
        self._keys.learn({key for key, _ in pairs})
        for attribute, (key, text) in zip(looked_at, pairs, strict=True):
            if key and (rule := self._keys.rule(key)).needs_text_only and not self._in_keys:
                kept.append((attribute, key))
                _valid(key)
                asked.append((_valid(text), rule.before, rule.introduces))
            elif verdict := self._pair(attribute):
                verdicts[attribute] = verdict
        for (attribute, key), one, masked in zip(kept, asked, self._text.many(asked), strict=True):
            if masked is not None:
                new = None if masked.removes else write(key, masked.text)
                verdicts[attribute] = Verdict(new, masked.hits, masked.drops, self._noted(Outcome.MASKED, key))
            elif self._tells and self._policy.allows(one[0]):
                verdicts[attribute] = Verdict(attribute, outcomes=self._noted(Outcome.ALLOWED, key))
        self._keys.trim()
        return verdicts

    def values(self, values: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of serialised AnyValues, the bodies of log records; those that stay are left out.

        Raises:
            google.protobuf.message.DecodeError: one is none.
            UnicodeDecodeError: the text of one is none.
        """
        verdicts: dict[bytes, Verdict] = {}
        texts: list[tuple[bytes, Asked]] = []
        for index in self._to_look_at(values, AnyValue):
            body = values[index]
            text = read_text(body)
            if text is not None and not self._tells:
                texts.append((body, (_valid(text), b"", False)))
            elif verdict := self._body(body):
                verdicts[body] = verdict
        for (body, _), masked in zip(texts, self._text.many([one for _, one in texts]), strict=True):
            if masked is not None:
                verdicts[body] = Verdict(write_text(masked.text), masked.hits, masked.drops)
        self._keys.trim()
        return verdicts

    def _to_look_at(self, pieces: Sequence[bytes], type_: type[Message]) -> Sequence[int]:
        """Return the indices of what may change: all that does, and some others."""
        if self._looks_at_all:
            return range(len(pieces))
        texts = pieces if not self._all_types else [_with_numbers(piece, type_) for piece in pieces]
        hits = self._scanner.hits(texts)
        by_key = depending_on_keys(pieces, type_, self._keys)
        return sorted({*hits, *by_key}) if by_key else hits

    def _told(self, key: str) -> str:
        masked = self._text(key.encode())
        return masked.text.decode() if masked else key

    def _noted(self, outcome: Outcome, key: bytes) -> tuple[tuple[Outcome, str], ...]:
        return ((outcome, key.decode()),) if self._tells else ()

    def _pair(self, attribute: bytes) -> Verdict | None:
        message = KeyValue.FromString(attribute)
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
        return self._text(text, rule.before, is_introduced=rule.introduces)

    def _body(self, body: bytes) -> Verdict | None:
        message = AnyValue.FromString(body)
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
        elif rule.decision is Decision.LOOK or pair.value.WhichOneof("value") not in _NUMBERS:
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
        text, mask = _readable(value), self._policy.mask
        if not mask.writes or text != mask.writes:
            new = mask.replace(text)
            work.note(Masked(new, (BLOCKED_KEYS,), removes=False, drops=False), path)
            value.string_value = new.decode()

    def _is_allowed(self, value: Any) -> bool:
        kind = value.WhichOneof("value")
        is_looked_at = kind in _TEXTS or (kind in _NUMBERS and self._all_types)
        return is_looked_at and self._policy.allows(_readable(value))

    def _value(self, value: Any, work: _Work, path: str, rule: Rule) -> bool:
        """Mask a value in its place; return whether it goes."""
        kind = value.WhichOneof("value")
        if kind == "kvlist_value":
            entries = value.kvlist_value.values
            _keep(entries, [entry for entry in entries if not self._entry(entry, work, path, rule)])
        elif kind == "array_value":
            items = value.array_value.values
            _keep(items, [v for i, v in enumerate(items) if not self._value(v, work, _element(path, i), rule)])
        elif kind in _TEXTS or (kind in _NUMBERS and self._all_types):
            return self._scalar(value, kind, work, path, rule)
        return False

    def _scalar(self, value: Any, kind: str, work: _Work, path: str, rule: Rule) -> bool:
        text = _readable(value)
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


def _readable(value: Any) -> bytes:
    """Return the text of a value; empty for one that is made of others."""
    kind = value.WhichOneof("value")
    match kind:
        case "string_value":
            return bytes(value.string_value.encode())
        case "bytes_value":
            return bytes(value.bytes_value)
        case "int_value":
            return b"%d" % value.int_value
        case "double_value":
            return number(value.double_value).encode()
        case "bool_value":
            return b"true" if value.bool_value else b"false"
    return b""


def _valid(text: bytes) -> bytes:
    """Return a text that every parser takes.

    Raises:
        UnicodeDecodeError: it is none.
    """
    text.decode()
    return text


def _keep(repeated: Any, kept: list[Any]) -> None:
    if len(kept) < len(repeated):
        del repeated[:]
        repeated.extend(kept)


def _element(path: str, index: int) -> str:
    return f"{path}.[{index}]" if path else f"[{index}]"


def _with_numbers(piece: bytes, type_: type[Message]) -> bytes:
    """Return the bytes with the numbers in them as text behind."""
    message = type_.FromString(piece)
    numbers = [_readable(value) for value in _leaves(message) if value.WhichOneof("value") in _NUMBERS]
    return b"\xff".join([piece, *numbers]) if numbers else piece


def _leaves(message: Any) -> Iterator[Any]:
    value = message.value if isinstance(message, KeyValue) else message
    match value.WhichOneof("value"):
        case "array_value":
            for item in value.array_value.values:
                yield from _leaves(item)
        case "kvlist_value":
            for entry in value.kvlist_value.values:
                yield from _leaves(entry)
        case _:
            yield value
