"""All that a processor does to attributes, and how: with bytes where it can, with messages where it has to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Protocol

from collector.actions.config import ActionConfig, LimitConfig
from collector.actions.groups import MOST_KEYS, grouped
from collector.actions.layout import Holder
from collector.actions.limit import limit_steps
from collector.actions.portions import edited
from collector.actions.steps import Matching, Step, apply, delete, steps_of
from collector.batch import Batch
from collector.component import Settings
from collector.patterns import compile_pattern


class NamesIn(Protocol):
    """Finds the keys that attributes of a request have."""

    def __call__(self, wire: bytes, *, asks_for_none: bool) -> frozenset[bytes]:
        """Return them; if it is asked for, an empty one too for an attribute that does not say which key it has."""


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

    return Matching(is_meant, delete)


class Program:
    """Steps in their order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def bound(self, batch: Batch, names_in: NamesIn) -> Bound | None:
        """Return what there is to do to a request; None for nothing.

        Args:
            batch: the request and its headers.
            names_in: returns all keys that its attributes have; told whether an empty one counts.
        """
        steps = [bound for step in self._steps if (bound := step.bind(batch.metadata))]
        matching = [step for step in steps if isinstance(step, Matching)]
        if matching:
            names = names_in(batch.wire, asks_for_none=any(step.is_meant(b"") for step in matching))
            steps = _among(steps, names)
        if not any(step.adds or step.keys is None for step in steps):
            mentioned = names if matching else {key for step in steps for key in step.keys or () if batch.holds(key)}
            steps = _with_work(steps, set(mentioned))
        return Bound(tuple(steps)) if steps else None


def _among(steps: list[Step], names: frozenset[bytes]) -> list[Step]:
    """Return steps of which none looks at all attributes, since their keys are known; if there are many, the same."""
    there, left = set(names), []
    for step in steps:
        if not isinstance(step, Matching):
            there |= step.keys or frozenset()
            left.append(step)
            continue
        meant = list(islice(filter(step.is_meant, there), MOST_KEYS + 1))
        if len(meant) > MOST_KEYS:
            return steps
        left += step.among(sorted(meant))
    return left


def _with_work(steps: Iterable[Step], mentioned: set[bytes]) -> list[Step]:
    """Return the steps that have something to do where only these keys are, and none adds a key from nowhere."""
    left = []
    for step in steps:
        keys = step.keys or frozenset()
        if not mentioned.isdisjoint(keys):
            mentioned |= keys
            left.append(step)
    return left


class Bound:
    """What to do to one request."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps

    def edit(self, records: Sequence[bytes], holder: Holder) -> Sequence[bytes]:
        """Return serialised records with their attributes changed; those that stay are equal.

        Raises:
            google.protobuf.message.DecodeError: something in `records` is no message of this kind.
        """
        by_itself = _ByItself(self._steps, holder)
        groups = grouped(self._steps, holder.tag)
        return list(map(by_itself, records)) if groups is None else edited(records, groups, holder.tag, by_itself)


class _ByItself:
    """Changes one record by taking it apart."""

    def __init__(self, steps: Sequence[Step], holder: Holder) -> None:
        self._steps = steps
        self._holder = holder
        keys = [step.keys for step in steps if step.keys is not None]
        self._keys = frozenset[bytes]().union(*keys) if len(keys) == len(steps) else None
        self._is_for_all = self._keys is None or any(step.adds for step in steps)

    def __call__(self, record: bytes) -> bytes:
        if not self._is_for_all and not any(key in record for key in self._keys or ()):
            return record
        message: Any = self._holder.message.FromString(record)
        before = message.attributes[:]
        after = apply(self._steps, before, self._keys)
        if after == before:
            return record
        del message.attributes[:]
        message.attributes.extend(after)
        return bytes(message.SerializeToString())
