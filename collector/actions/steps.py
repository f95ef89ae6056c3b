"""Actions made ready to run: each a step on the attributes of one record, as KeyValues by their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from collector.actions.config import DEEPEST, ActionConfig, ActionName
from collector.actions.pairs import head_of, key_of, renamed
from collector.actions.values import OfText, Rewrite, converter, extractor, hasher, targets, text_hasher
from collector.patterns import compile_pattern
from collector.records.values import write_pair

State: TypeAlias = MutableMapping[bytes, bytes]
"""Serialised KeyValues by key."""
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

    def bind(self, metadata: Mapping[str, str]) -> Step | None:
        """Return the step for a batch with this metadata; None if it does nothing there."""

    def __call__(self, state: State) -> None:
        """Change the attributes."""


@dataclass(frozen=True)
class KeyEdit:
    """A change that depends on one key alone and touches no other one, so that it can be done on a record's bytes."""

    key: bytes
    rewrite: Rewrite
    absent: bytes = b""
    """The KeyValue that is added where the key is not there; empty for none."""
    is_counted: bool = False
    """Whether rewriting the same attribute twice would be seen."""
    constant: bytes | None = None
    """What `rewrite` returns if that is always the same, but for an attribute that is that already."""
    of_text: OfText | None = None
    """The same as `rewrite` for texts that are not empty."""

    @property
    def keys(self) -> frozenset[bytes]:
        return frozenset({self.key})

    @property
    def adds(self) -> bool:
        return bool(self.absent)

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: State) -> None:
        pair = state.get(self.key)
        if pair is None:
            if self.absent:
                state[self.key] = self.absent
            return
        new = self.rewrite(pair)
        if not new:
            del state[self.key]
        elif new is not pair:
            state[self.key] = new


def delete(pair: bytes) -> bytes:
    """Return what becomes of an attribute that goes."""
    return b""


def combined(edits: Sequence[KeyEdit]) -> KeyEdit:
    """Return what does the same to one key as several changes to it do in their order; none of them is counted."""
    first, *others = edits
    if not others:
        return first

    def rewrite(pair: bytes) -> bytes:
        for edit in edits:
            pair = edit.rewrite(pair) if pair else edit.absent
        return pair

    absent = first.absent
    for edit in others:
        absent = edit.rewrite(absent) if absent else edit.absent
    return KeyEdit(first.key, rewrite, absent)


def keep(pair: bytes) -> bytes:
    """Return what becomes of an attribute that stays."""
    return pair


@dataclass(frozen=True)
class FromContext:
    """A change to one key whose value is a header of the request."""

    action: ActionName
    key: bytes
    header: str
    default: bytes

    @property
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

    @property
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

    def __init__(self, key: bytes, pattern: str) -> None:
        self._key = key
        self._extract = extractor(pattern)
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

    def __init__(self, is_meant: Callable[[bytes], bool], rewriter: Callable[[bytes], Rewrite]) -> None:
        """Have the attributes of keys that are meant rewritten by what `rewriter` returns for their keys."""
        self._is_meant = is_meant
        self._rewriter = rewriter
        self._rewrites: dict[bytes, Rewrite] = {}

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: State) -> None:
        for key, pair in list(state.items()):
            rewrite = self._rewrites.get(key) or self._decide(key)
            new = rewrite(pair)
            if new is pair and rewrite is not delete:  # an attribute with neither key nor value has no bytes
                continue
            if new:
                state[key] = new
            else:
                del state[key]

    def _decide(self, key: bytes) -> Rewrite:
        rewrite = self._rewriter(key) if self._is_meant(key) else keep
        if len(self._rewrites) >= _REMEMBERED:
            self._rewrites.clear()
        if len(key) <= _LONGEST:
            self._rewrites[key] = rewrite
        return rewrite


def steps_of(action: ActionConfig) -> Iterator[Step]:
    """Return what an action does, in its order."""
    key = action.key.encode()
    match action.action:
        case ActionName.DELETE:
            yield from _by_key_and_pattern(action, lambda _: delete)
        case ActionName.HASH:
            yield from _by_key_and_pattern(action, hasher, text_hasher(key))
        case ActionName.EXTRACT if action.pattern:
            yield Extract(key, action.pattern)
        case ActionName.CONVERT if action.converted_type:
            yield KeyEdit(key, converter(key, action.converted_type))
        case _:
            yield _put_step(action, key)


def _by_key_and_pattern(
    action: ActionConfig, rewriter: Callable[[bytes], Rewrite], of_text: OfText | None = None
) -> Iterator[Step]:
    key = action.key.encode()
    if key:
        rewrite = rewriter(key)
        yield KeyEdit(key, rewrite, of_text=of_text, constant=b"" if rewrite is delete else None)
    if action.pattern:
        search = compile_pattern(action.pattern).search
        yield Matching(lambda key: search(key) is not None, rewriter)


def _put_step(action: ActionConfig, key: bytes) -> Step:
    default = b"" if action.default_value is None else write_pair(action.key, action.default_value, DEEPEST)
    if action.from_attribute:
        return FromAttribute(action.action, key, action.from_attribute.encode(), default)
    if action.from_context:
        return FromContext(action.action, key, action.header, default)
    return _put(action.action, key, default if action.value is None else write_pair(action.key, action.value, DEEPEST))


def _put(action: ActionName, key: bytes, pair: bytes) -> KeyEdit:
    def replace(old: bytes) -> bytes:
        return pair if old != pair else old

    if action is ActionName.INSERT:
        return KeyEdit(key, keep, pair)
    return KeyEdit(key, replace, b"" if action is ActionName.UPDATE else pair, constant=pair)


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
    if keys is None:
        state = dict(zip(names, pairs, strict=True))
        for step in steps:
            step(state)
        return list(state.values())
    state = {name: pair for name, pair in zip(names, pairs, strict=True) if name in keys}
    for step in steps:
        step(state)
    after = []
    for name, pair in zip(names, pairs, strict=True):
        if name not in keys:
            after.append(pair)
        elif name in state:
            after.append(state.pop(name))
    return [*after, *state.values()]
