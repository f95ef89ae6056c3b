"""All that a processor does to attributes, and how: with bytes where it can, with messages where it has to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from collector.actions.config import ActionConfig, LimitConfig
from collector.actions.layout import Holder, Layout, Siblings, begin, records_in
from collector.actions.limit import limit_steps
from collector.actions.splicing import splice
from collector.actions.steps import KeyEdit, Matching, Step, apply, combined, delete, steps_of
from collector.component import Settings
from collector.patterns import compile_pattern

_MOST_KEYS = 64
"""Keys up to which looking for each costs no more than looking at all attributes."""
_TAG = 0x0A
_REMEMBERED = 64
_LONGEST = 0x7F
"""Bytes of a key that is looked for in records."""


def program(
    actions: Iterable[ActionConfig],
    keep_keys: Sequence[str] | None,
    keep_key_patterns: Sequence[str] | None,
    limit: LimitConfig | None,
    settings: Settings,
) -> Program:
    """Make a program of what a user wrote: the actions in their order, then the allow-list, then the limit."""
    steps = [step for action in actions for step in steps_of(action)]
    if keep_keys is not None or keep_key_patterns is not None:
        steps.append(_allow_list(keep_keys or (), keep_key_patterns or ()))
    if limit is not None:
        steps += limit_steps(limit, settings)
    return Program(steps)


def _allow_list(keys: Sequence[str], patterns: Sequence[str]) -> Step:
    kept = frozenset(key.encode() for key in keys)
    searches = [compile_pattern(pattern).search for pattern in patterns]

    def is_meant(key: bytes) -> bool:
        return key not in kept and not any(search(key) for search in searches)

    return Matching(is_meant, lambda _: delete)


class Program:
    """Steps in their order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def bound(self, wire: bytes, metadata: Mapping[str, str]) -> Bound | None:
        """Return what there is to do to a request with these bytes and this metadata; None for nothing."""
        steps = [bound for step in self._steps if (bound := step.bind(metadata))]
        needs_none = any(step.adds or step.keys is None for step in steps)
        if not needs_none:
            mentioned = frozenset(key for step in steps for key in step.keys or () if key in wire)
            steps = _with_work(steps, mentioned)
        keys = _keys(steps)
        return Bound(steps, keys, None if needs_none else keys, _passes(tuple(steps))) if steps else None


def _with_work(steps: list[Step], mentioned: frozenset[bytes]) -> list[Step]:
    """Return the steps that have something to do where only these keys are, and none adds a key from nowhere."""
    there, left = set(mentioned), []
    for step in steps:
        keys = step.keys or frozenset()
        if not there.isdisjoint(keys):
            there |= keys
            left.append(step)
    return left


def _keys(steps: list[Step]) -> frozenset[bytes] | None:
    keys: set[bytes] = set()
    for step in steps:
        if step.keys is None:
            return None
        keys |= step.keys
    return frozenset(keys)


@lru_cache(_REMEMBERED)
def _passes(steps: tuple[Step, ...]) -> list[list[KeyEdit]] | None:
    """Return edits that can be done to the bytes of records, all of one pass at once; None if others are among them."""
    edits = [step for step in steps if isinstance(step, KeyEdit) and 0 < len(step.key) <= _LONGEST]
    if len(edits) < len(steps) or len({edit.key for edit in edits}) > _MOST_KEYS:
        return None
    by_key: dict[tuple[bool, bytes], list[KeyEdit]] = {}
    for edit in edits:
        by_key.setdefault((edit.is_counted, edit.key), []).append(edit)
    # edits of different keys do not see each other; a limit comes last
    passes = [
        [combined(edits) for (is_counted, _), edits in by_key.items() if is_counted is last] for last in (False, True)
    ]
    return [together for together in passes if together]


class Bound(NamedTuple):
    """What to do to one request."""

    steps: list[Step]
    keys: frozenset[bytes] | None
    """The keys that are looked at; None for all."""
    wants: frozenset[bytes] | None
    """The keys one of which has to be there for anything to be done; None if there may be none."""
    passes: list[list[KeyEdit]] | None
    """The same as edits of single keys, if that is what they all are: those of each pass are done at once."""

    def splice(self, wire: bytes, layout: Layout) -> bytes:
        """Return a request with its records edited in all passes; see `splicing.splice`."""
        for edits in self.passes or ():
            wire = splice(wire, layout, edits)
        return wire

    def edit(self, records: list[bytes], holder: Holder) -> list[bytes]:
        """Return serialised records with their attributes changed; those that stay are equal.

        Raises:
            google.protobuf.message.DecodeError: something in `records` is no message of this kind.
        """
        if self.passes is None:
            return [self._edit_one(record, holder) for record in records]
        wire = b"".join([begin(_TAG, len(record)) + record for record in records])
        wire = self.splice(wire, Siblings(_TAG, holder))
        return [wire[start:stop] for _, start, stop in records_in(wire, 0, len(wire), _TAG)]

    def _edit_one(self, record: bytes, holder: Holder) -> bytes:
        if self.wants is not None and not any(key in record for key in self.wants):
            return record
        message: Any = holder.message.FromString(record)
        return bytes(message.SerializeToString()) if self.edit_message(message) else record

    def edit_message(self, message: Any) -> bool:
        """Change the attributes of a projection in which they are bytes, and say whether anything changed."""
        before = message.attributes[:]
        after = apply(self.steps, before, self.keys)
        if after == before:
            return False
        del message.attributes[:]
        message.attributes.extend(after)
        return True
