"""Attributes that tell what was masked, removed and left: names and meaning are the Collector's.

What masking and removing is told of adds to what an earlier collector told, since neither happens twice to a value;
what is left is told as it is now.  So a second pass tells what the first one did.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_PREFIX = "redaction."
_SEPARATOR = ","


class Outcome(enum.Enum):
    """What was done with a key, as summaries call it."""

    REDACTED = "redacted"
    MASKED = "masked"
    ALLOWED = "allowed"
    IGNORED = "ignored"


_HAPPENS_ONCE = frozenset({Outcome.REDACTED, Outcome.MASKED})
Outcomes = Sequence[tuple[Outcome, str]]
"""Each with the key, or the way to it through maps and arrays."""
Text = Callable[[str], str]


def _name(outcome: Outcome, what: str, *, is_body: bool) -> str:
    return f"{_PREFIX}{'body.' if is_body else ''}{outcome.value}.{what}"


OWN_KEYS = frozenset(
    _name(outcome, what, is_body=is_body).encode()
    for outcome, what, is_body in product(Outcome, ("keys", "count"), (False, True))
)


class Audit:
    """Adds to attributes what was done."""

    def __init__(self, mask: Text, *, with_keys: bool) -> None:
        """Create it.

        Args:
            mask: masks the keys that are told, since they can be secrets themselves.
            with_keys: whether keys are told, or only how many there are.
        """
        self._mask = mask
        self._with_keys = with_keys

    def __call__(self, attributes: Sequence[bytes], outcomes: Outcomes, is_body: bool) -> list[bytes]:
        """Return serialised attributes with a summary among them, where one stood already or at the end."""
        told = list(attributes)
        places = {key: index for index, attribute in enumerate(told) if (key := _own_key(attribute))}
        for outcome in Outcome:
            keys = [key for done, key in outcomes if done is outcome]
            for pair in self._pairs(outcome, keys, [told[at] for at in places.values()], is_body=is_body):
                new = pair.SerializeToString()
                if pair.key in places:
                    told[places[pair.key]] = new
                else:
                    told.append(new)
        return told

    def _pairs(
        self, outcome: Outcome, keys: Sequence[str], before: Sequence[bytes], *, is_body: bool
    ) -> Iterator[KeyValue]:
        if not keys:
            return
        known = {}
        if outcome in _HAPPENS_ONCE:
            known = {pair.key: pair.value for pair in map(KeyValue.FromString, before)}
        name = _name(outcome, "keys", is_body=is_body)
        if self._with_keys and outcome is not Outcome.IGNORED:
            told = known.get(name, AnyValue()).string_value
            all_keys = {*map(self._mask, keys), *(told.split(_SEPARATOR) if told else ())}
            text = self._mask(_SEPARATOR.join(sorted(all_keys)))
            yield KeyValue(key=name, value=AnyValue(string_value=text))
        name = _name(outcome, "count", is_body=is_body)
        count = known.get(name, AnyValue()).int_value + len(keys)
        yield KeyValue(key=name, value=AnyValue(int_value=min(count, 2**63 - 1)))


def _own_key(attribute: bytes) -> str:
    """Return the key of an attribute of a summary; empty for another one."""
    if _PREFIX.encode() not in attribute:
        return ""
    key: str = KeyValue.FromString(attribute).key
    return key if key.encode() in OWN_KEYS else ""
