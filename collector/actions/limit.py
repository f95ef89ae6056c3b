"""A bound on how many values a key has: the first ones stay, any others become one."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from collector.actions.config import LimitConfig
from collector.actions.pairs import head_of
from collector.actions.steps import KeyEdit, Matching, Step
from collector.actions.values import text_pair
from collector.component import Counter, Settings

_MOST_KEYS = 1000
"""Keys that are remembered where none are named, since a sender decides how many there are."""
_LONGEST_KEY = 256
"""Bytes of a key that is remembered where none are named."""
_LONGEST = 64
"""Bytes of a KeyValue that is remembered as it is; of longer ones a digest is."""
_FURTHER_KEYS = ""
"""The label of values that overflow since there are too many keys."""


def limit_steps(config: LimitConfig, settings: Settings) -> Sequence[Step]:
    """Return what keeps to a limit; the instances of one component share what they have seen."""
    seen: dict[bytes, set[bytes]] = settings.common.setdefault("values seen", {})
    counters = _Counters(settings)
    if config.keys is None:
        return [Matching(lambda _: True, lambda key: _edit_of_any(key, config, seen, counters), is_counted=True)]
    return [_edit(key.encode(), config, seen, counters) for key in dict.fromkeys(config.keys)]


def _edit(key: bytes, config: LimitConfig, seen: dict[bytes, set[bytes]], counters: _Counters) -> KeyEdit:
    seen_of_key = seen.setdefault(key, set())
    limited = _Limited(key, config.max_values_per_key, seen_of_key, config.overflow_value, counters.of(key.decode()))
    return KeyEdit(key, limited, is_counted=True, rewrite_many=limited.of_many, all_stay=limited.all_stay)


def _edit_of_any(key: bytes, config: LimitConfig, seen: dict[bytes, set[bytes]], counters: _Counters) -> KeyEdit:
    if len(key) <= _LONGEST_KEY and (key in seen or len(seen) < _MOST_KEYS):
        return _edit(key, config, seen, counters)
    limited = _Limited(key, 0, set(), config.overflow_value, counters.of(_FURTHER_KEYS))
    return KeyEdit(key, limited, is_counted=True, rewrite_many=limited.of_many)


class _Counters:
    """How many values overflowed, by key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = f"pyotelcol_processor_{settings.id.type}_overflowed_values"
        self._by_key: dict[str, Counter] = {}

    def of(self, key: str) -> Counter:
        if key not in self._by_key:
            help_ = "Number of values beyond the limit of their key, by key; those of too many keys have none."
            self._by_key[key] = self._settings.telemetry.counter(self._name, help_, key=key)
        return self._by_key[key]


class _Limited:
    """What becomes of the values of one key."""

    def __init__(self, key: bytes, most: int, seen: set[bytes], overflow_value: str, counter: Counter) -> None:
        self._most = most
        self._seen = seen
        self._overflow = text_pair(head_of(key), overflow_value.encode())
        self._counter = counter

    def __call__(self, pair: bytes) -> bytes:
        return self.of_many([pair])[0]

    def of_many(self, pairs: Sequence[bytes]) -> list[bytes]:
        """Return what becomes of many KeyValues; what is empty stays so."""
        after, beyond = [], 0
        for pair in pairs:
            known = pair if len(pair) <= _LONGEST else blake2b(pair, digest_size=16).digest()
            if pair and known not in self._seen and pair != self._overflow:
                if len(self._seen) < self._most:
                    self._seen.add(known)
                else:
                    pair, beyond = self._overflow, beyond + 1  # noqa: PLW2901  it is what the pair becomes
            after.append(pair)
        if beyond:
            self._counter.add(beyond)
        return after

    def all_stay(self, pairs: Sequence[bytes]) -> bool:
        """Whether all of these were seen before; empty ones are none."""
        return all(map(self._seen.__contains__, filter(None, pairs)))
