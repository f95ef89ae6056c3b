"""Masking many texts, attributes and bodies at a time: what may have something, as far as possible all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from processors.redaction.columns import FEWEST, Column, columns
from processors.redaction.config import Mode, RedactionConfig, Summary, UnknownFields
from processors.redaction.dependence import depending_on_keys
from processors.redaction.detectors.effort import Effort, ExhaustedError
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.keys import Decision, KeyRules, Rule
from processors.redaction.messages import BODY, MessageMask
from processors.redaction.pairs import read, read_text, write, write_text
from processors.redaction.policy import TOO_MANY, Masked, Policy
from processors.redaction.scalars import NESTED, with_numbers
from processors.redaction.summary import Audit, Outcome
from processors.redaction.texts import Asked, TextMask
from processors.redaction.verdicts import Verdict

_WHOLE = "***"
_FEW, _ONE_OF = 16, 16
"""Of so many pieces, and one more of so many, it is asked one by one what their keys say; beyond that, of all."""
_PAUSE = 15
"""Requests."""
_NO_TEXT = Rule(Decision.IGNORE)
"""Stands for the rule of what is no key with a text."""


class ValueMask:
    """Masks serialised attributes, bodies and texts, many at a time."""

    def __init__(self, config: RedactionConfig) -> None:
        self._policy = Policy(config)
        self._scanner = Scanner(self._policy.detectors)
        self.effort = Effort()
        """What the request may cost that is looked at."""
        self._text = TextMask(self._policy, self._scanner, self.effort)
        self._keys = KeyRules(config, self._scanner)
        self._messages = MessageMask(config, self._policy, self._text, self._keys, self.effort)
        self._are_known_by_name = self._scanner.names_are_known and self._keys.say_something_by_name
        self._pause = 0
        """For how many requests names are not searched for."""
        self._all_types = config.redact_all_types
        self._in_keys = config.redact_keys
        self._tells = config.summary is not Summary.SILENT
        drops_unknown = config.unknown_fields is UnknownFields.DROP
        # who tells what was allowed has to look at what is, too
        self._looks_at_all = drops_unknown or (self._tells and bool(config.allowed_values))
        is_enough = self._are_known_by_name and not self._looks_at_all and not self._all_types
        self.may_sift = is_enough and not any(one.mode is Mode.DROP for one in config.detectors.values())
        """Whether `suspects` finds every record that may change, and none of them goes."""
        self.audit = Audit(self._told, with_keys=config.summary is Summary.DEBUG) if self._tells else None
        """Writes summaries; None for none."""

    def suspects(self, records: Sequence[bytes], most: int) -> Sequence[int] | None:
        """Return the indices, ascending, of serialised records in which something may be; None for more than `most`."""
        found = self._scanner.suspects(records, most)
        suspects = sorted({*found[0], *found[1]}) if found else ()
        return None if found is None or len(suspects) > most else suspects

    def texts(self, texts: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Return what becomes of names, messages and the like; those that stay are left out.

        Raises:
            UnicodeDecodeError: one is none.
        """
        hits = [_valid(texts[index]) for index in self._scanner.hits(texts)]
        if len(hits) >= FEWEST and (whole := self._text.whole(hits, b"")):
            return dict.fromkeys(hits, Verdict(whole.text, whole.hits, whole.drops))
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
            verdicts = {**self._pairs(flat), **self._as_wholes(nested)}
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
        keys = dict.fromkeys([key for key, _ in pairs]).keys()
        _valid(b" ".join(keys))
        self._keys.learn(keys)
        rule_of, secret = self._keys.rule, self._text.as_secret
        for attribute, (key, text) in zip(looked_at, pairs, strict=True):
            decision, before, tells, introduces, _ = rule_of(key) if key else _NO_TEXT
            if decision is not Decision.LOOK or self._in_keys:
                others.append(attribute)
            elif tells is None:
                kept.append((attribute, key))
                asked.append((text, before, introduces))
            elif not text:
                others.append(attribute)
            elif verdict := self._of_text(attribute, key, text, secret(_valid(text), tells)):
                verdicts[attribute] = verdict
        return {**verdicts, **self._messages.pairs(others), **self._texts_of(kept, asked)}

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

    def _of_text(self, attribute: bytes, key: bytes, text: bytes, masked: Masked | None) -> Verdict | None:
        if masked is not None:
            new = None if masked.removes else write(key, masked.text)
            return Verdict(new, masked.hits, masked.drops, self._noted(Outcome.MASKED, key))
        if self._tells and self._policy.allows(text):
            return Verdict(attribute, outcomes=self._noted(Outcome.ALLOWED, key))
        return None

    def _as_wholes(self, attributes: Sequence[bytes]) -> dict[bytes, Verdict]:
        """Mask all of each attribute, since too much would have to be looked at."""
        verdicts: dict[bytes, Verdict] = {}
        by_key: dict[str, Verdict | None] = {}
        for attribute in attributes:
            key = KeyValue.FromString(attribute).key
            if key not in by_key:
                by_key[key] = self._as_whole(key)
            ignored = self._noted(Outcome.IGNORED, key.encode())
            verdicts[attribute] = by_key[key] or Verdict(attribute, outcomes=ignored)
        return verdicts

    def _as_whole(self, key: str) -> Verdict | None:
        """Return what becomes of an attribute that is masked as a whole; None if its key is ignored."""
        raw = key.encode()
        decision = self._keys.rule(raw).decision
        if decision is Decision.IGNORE:
            return None
        if decision is Decision.REMOVE:
            return Verdict(None, outcomes=((Outcome.REDACTED, key),))
        outcomes = self._noted(Outcome.MASKED, raw)
        if self._in_keys and (masked := self._text(raw)):
            raw = masked.text
        new = KeyValue(key=raw.decode(), value=AnyValue(string_value=_WHOLE))
        return Verdict(new.SerializeToString(), (TOO_MANY.name,), outcomes=outcomes)

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
            masked = Verdict(
                AnyValue(string_value=_WHOLE).SerializeToString(),
                (TOO_MANY.name,),
                outcomes=self._noted(Outcome.MASKED, BODY.encode()),
            )
            verdicts = {**self._values(flat), **dict.fromkeys(nested, masked)}
        self._keys.trim()
        return verdicts

    def _values(self, values: Sequence[bytes]) -> dict[bytes, Verdict]:
        others: list[bytes] = []
        texts: list[tuple[bytes, Asked]] = []
        for index in self._to_look_at(values, AnyValue):
            body = values[index]
            text = read_text(body)
            if text is not None and not self._tells:
                texts.append((body, (_valid(text), b"", False)))
            else:
                others.append(body)
        verdicts = self._messages.bodies(others)
        for (body, _), masked in zip(texts, self._text.many([one for _, one in texts]), strict=True):
            if masked is not None:
                verdicts[body] = Verdict(write_text(masked.text), masked.hits, masked.drops)
        return verdicts

    def _to_look_at(self, pieces: Sequence[bytes], type_: type[Message]) -> Sequence[int]:
        """Return the indices of what may change: all that does, and some others."""
        if self._looks_at_all:
            return range(len(pieces))
        texts = pieces if not self._all_types else [with_numbers(piece, type_, self.effort) for piece in pieces]
        if self._are_known_by_name and (found := self._by_name(pieces, texts, type_)) is not None:
            return found
        hits = self._scanner.hits(texts)
        by_key = depending_on_keys(pieces, type_, self._keys, self.effort)
        if by_key and self._are_known_by_name:
            by_key = self._with_names(by_key, texts)
        return sorted({*hits, *by_key}) if by_key else hits

    def _with_names(self, indices: Sequence[int], texts: Sequence[bytes]) -> Sequence[int]:
        """Return those that `_by_name` would return too, so that it makes no difference which of both is asked."""
        found = self._scanner.suspects([texts[index] for index in indices], len(indices))
        return indices if found is None else [indices[place] for both in found for place in both]

    def _by_name(self, pieces: Sequence[bytes], texts: Sequence[bytes], type_: type[Message]) -> Sequence[int] | None:
        """Return the same without a look at keys that have no name of a secret in them; None if most might have one."""
        if self._pause:
            self._pause -= 1
            return None
        found = self._scanner.suspects(texts, _FEW + len(texts) // _ONE_OF)
        if found is None:
            self._pause = _PAUSE
            return None
        certain, unsure = found
        if not unsure:
            return sorted(set(certain))
        hits = self._scanner.hits([texts[index] for index in unsure])
        by_key = depending_on_keys([pieces[index] for index in unsure], type_, self._keys, self.effort)
        return sorted({*certain, *[unsure[place] for place in (*hits, *by_key)]})

    def _told(self, key: str) -> str:
        masked = self._text(key.encode())
        return masked.text.decode() if masked else key

    def _noted(self, outcome: Outcome, key: bytes) -> tuple[tuple[Outcome, str], ...]:
        return ((outcome, key.decode()),) if self._tells else ()


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
        both[value.WhichOneof("value") not in NESTED].append(piece)
    return both
