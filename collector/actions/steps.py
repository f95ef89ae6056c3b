"""Actions made ready to run: each a step on the attributes of one record, as KeyValues by their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

from collector.actions.config import DEEPEST, ActionConfig, ActionName
from collector.actions.pairs import fields_of, head_of, key_of, renamed
from collector.actions.values import Hasher, Rewrite, converter, extractor, targets
from collector.patterns import compile_pattern
from collector.records.values import write_pair

State: TypeAlias = MutableMapping[bytes, bytes]
"""Serialised KeyValues by key."""
_NOTHING = b"\x0a\x00"
"""The same as a KeyValue that has no bytes, since those stand for none."""
_REMEMBERED = 2048
_LONGEST = 128


class Step(Protocol):
    """One change to the attributes of a record."""

    @property
    def keys(self) -> frozenset[bytes] | None:
        """The keys that it looks at; None for all that are there."""

    @property
    def adds(self) -> bool:
        """Whether it may change attributes among which there is none of its keys."""

    @property
    def is_counted(self) -> bool:
        """Whether it would be seen that it ran twice, or in another order of records."""

    def bind(self, metadata: Mapping[str, str]) -> Step | None:
        """Return the step for a batch with this metadata; None if it does nothing there."""

    def __call__(self, state: State) -> None:
        """Change the attributes."""


@dataclass(frozen=True)
class Constant:
    """Makes the same of every attribute."""

    pair: bytes
    """The KeyValue that comes instead; empty for none."""

    def __call__(self, pair: bytes) -> bytes:
        return self.pair


def keep(pair: bytes) -> bytes:
    """Return what becomes of an attribute that stays."""
    return pair


@dataclass(frozen=True)
class KeyEdit:
    """A change that depends on one key alone and touches no other one."""

    key: bytes
    rewrite: Rewrite
    absent: bytes = b""
    """The KeyValue that is added where the key is not there; empty for none."""
    is_counted: bool = False
    rewrite_many: Callable[[Sequence[bytes]], list[bytes]] | None = None
    """The same as `rewrite` for many; what is empty, as there is none, stays so, and `absent` is empty."""
    fields_of_many: Callable[[Sequence[bytes], int], list[bytes]] | None = None
    """The same as `rewrite_many`, as fields of a tag."""
    all_stay: Callable[[Sequence[bytes]], bool] | None = None
    """Says of many, some of which may be empty, whether `rewrite` makes the same of all."""

    @cached_property
    def keys(self) -> frozenset[bytes]:
        return frozenset({self.key})

    @property
    def adds(self) -> bool:
        return bool(self.absent)

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: State) -> None:
        pair = state.get(self.key)
        new = self.absent if pair is None else self.rewrite(pair)
        if new:
            state[self.key] = new
        elif pair is not None:
            del state[self.key]

    def rewritten(self, pairs: Sequence[bytes]) -> list[bytes]:
        """Return what becomes of the KeyValues of many records; one that is not there is empty."""
        if self.rewrite_many:
            return self.rewrite_many(pairs)
        rewrite, absent = self.rewrite, self.absent
        return [rewrite(pair) if pair else absent for pair in pairs]

    def fields(self, pairs: Sequence[bytes], tag: int) -> list[bytes]:
        """Return the same as fields of this tag; nothing of what is empty."""
        return self.fields_of_many(pairs, tag) if self.fields_of_many else fields_of(self.rewritten(pairs), tag)


@dataclass(frozen=True)
class FromContext:
    """A change to one key whose value is a header of the request."""

    action: ActionName
    key: bytes
    header: str
    default: bytes
    is_counted = False

    @cached_property
    def keys(self) -> frozenset[bytes]:
        return frozenset({self.key})

    @property
    def adds(self) -> bool:
        return self.action is not ActionName.UPDATE

    def bind(self, metadata: Mapping[str, str]) -> Step | None:
        value = metadata.get(self.header)
        if value is None:
            return _put(self.action, self.key, self.default) if self.default else None
        # headers may hold bytes that are no text, as surrogates
        text = value.encode(errors="surrogateescape").decode(errors="replace")
        return _put(self.action, self.key, write_pair(self.key.decode(), text, 1))

    def __call__(self, state: State) -> None:
        raise TypeError("the value is that of a batch: bind it first")


@dataclass(frozen=True)
class FromAttribute:
    """A change to one key whose value is that of another."""

    action: ActionName
    key: bytes
    source: bytes
    default: bytes
    is_counted = False

    @cached_property
    def keys(self) -> frozenset[bytes]:
        return frozenset({self.key, self.source})

    @property
    def adds(self) -> bool:
        return bool(self.default) and self.action is not ActionName.UPDATE

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: State) -> None:
        pair = state.get(self.source)
        is_there = self.key in state
        if (is_there and self.action is ActionName.INSERT) or (not is_there and self.action is ActionName.UPDATE):
            return
        if pair is not None:
            state[self.key] = renamed(pair, head_of(self.source), head_of(self.key))
        elif self.default:
            state[self.key] = self.default


class Extract:
    """New attributes from the parts of a text."""

    adds = False
    is_counted = False

    def __init__(self, key: bytes, pattern: str) -> None:
        self._key = key
        self._extract = extractor(key, pattern)
        self.keys = frozenset({key}) | targets(pattern)

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: State) -> None:
        pair = state.get(self._key)
        if pair is not None:
            state.update(self._extract(pair))


class Matching:
    """A change to every attribute whose key is meant."""

    keys = None
    adds = False

    def __init__(
        self, is_meant: Callable[[bytes], bool], edit_of: Callable[[bytes], KeyEdit], *, is_counted: bool = False
    ) -> None:
        """Do with each attribute whose key is meant what is returned for that key, which adds none."""
        self.is_meant = is_meant
        self.is_counted = is_counted
        self._edit_of = edit_of
        self._edits: dict[bytes, KeyEdit | None] = {}

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def among(self, names: Iterable[bytes]) -> list[KeyEdit]:
        """Return what is done where there are no keys but these."""
        return [edit for name in names if (edit := self._edit(name))]

    def __call__(self, state: State) -> None:
        for edit in self.among(list(state)):
            edit(state)

    def _edit(self, key: bytes) -> KeyEdit | None:
        if key in self._edits:
            return self._edits[key]
        edit = self._edit_of(key) if self.is_meant(key) else None
        if len(self._edits) >= _REMEMBERED:
            self._edits.clear()
        if len(key) <= _LONGEST:
            self._edits[key] = edit
        return edit


def steps_of(action: ActionConfig) -> Iterator[Step]:
    """Return what an action does, in its order."""
    key = action.key.encode()
    match action.action:
        case ActionName.DELETE:
            yield from _by_key_and_pattern(action, delete)
        case ActionName.HASH:
            yield from _by_key_and_pattern(action, _hash)
        case ActionName.EXTRACT if action.pattern:
            yield Extract(key, action.pattern)
        case ActionName.CONVERT if action.converted_type:
            yield KeyEdit(key, converter(key, action.converted_type))
        case _:
            yield _put_step(action, key)


_GONE = Constant(b"")


def delete(key: bytes) -> KeyEdit:
    return KeyEdit(key, _GONE)


def _hash(key: bytes) -> KeyEdit:
    hasher = Hasher(key)
    return KeyEdit(key, hasher, rewrite_many=hasher.of_many, fields_of_many=hasher.fields_of_many)


def _by_key_and_pattern(action: ActionConfig, edit_of: Callable[[bytes], KeyEdit]) -> Iterator[Step]:
    if action.key:
        yield edit_of(action.key.encode())
    if action.pattern:
        search = compile_pattern(action.pattern).search
        yield Matching(lambda key: search(key) is not None, edit_of)


def _put_step(action: ActionConfig, key: bytes) -> Step:
    default = b"" if action.default_value is None else write_pair(action.key, action.default_value, DEEPEST)
    if action.from_attribute:
        return FromAttribute(action.action, key, action.from_attribute.encode(), default)
    if action.from_context:
        return FromContext(action.action, key, action.header, default)
    return _put(action.action, key, default if action.value is None else write_pair(action.key, action.value, DEEPEST))


def _put(action: ActionName, key: bytes, pair: bytes) -> KeyEdit:
    if action is ActionName.INSERT:
        return KeyEdit(key, keep, pair, all_stay=all)
    return KeyEdit(key, Constant(pair), b"" if action is ActionName.UPDATE else pair)


def apply(steps: Sequence[Step], pairs: list[bytes], keys: frozenset[bytes] | None) -> list[bytes]:
    """Run steps over the attributes of one record, and return them as they are then.

    OTLP wants keys to be unique. Of a key that comes several times the last one counts, as for whoever reads them into
    a map, and the others go where a step looks at that key, so that none of them is left as it was.

    Args:
        steps: what to do.
        pairs: serialised KeyValues.
        keys: those that the steps look at; None for all.

    Raises:
        google.protobuf.message.DecodeError: something in `pairs` is no KeyValue.
    """
    names = list(map(key_of, pairs))
    state = {name: pair or _NOTHING for name, pair in zip(names, pairs, strict=True) if keys is None or name in keys}
    for step in steps:
        step(state)
    after = []
    for name, pair in zip(names, pairs, strict=True):
        if keys is not None and name not in keys:
            after.append(pair)
        elif name in state:
            after.append(state.pop(name))
    after += state.values()
    return [b"" if pair is _NOTHING else pair for pair in after]
