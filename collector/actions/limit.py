"""A bound on how many values a key has: the first ones stay, any others become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from hashlib import blake2b

from collector.actions.config import LimitConfig
from collector.actions.pairs import head_of
from collector.actions.steps import KeyEdit, Step
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


def limit_steps(config: LimitConfig, settings: Settings) -> Iterable[Step]:
    """Return what keeps to a limit; the instances of one component share what they have seen."""
    seen: dict[bytes, set[bytes]] = settings.common.setdefault("values seen", {})
    counters = _Counters(settings)
    if config.keys is None:
        yield _AllKeys(config, seen, counters)
        return
    for key in dict.fromkeys(config.keys):
        wire = key.encode()
        values = seen.setdefault(wire, set())
        yield KeyEdit(wire, _Limited(config, wire, values, counters.of(key)), is_counted=True)


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

    def __init__(self, config: LimitConfig, key: bytes, seen: set[bytes], counter: Counter) -> None:
        self._counter = counter
        self._most = config.max_values_per_key
        self._seen = seen
        self._overflow = text_pair(head_of(key), config.overflow_value.encode())

    def __call__(self, pair: bytes) -> bytes:
        known = pair if len(pair) <= _LONGEST else blake2b(pair, digest_size=16).digest()
        if known in self._seen or pair == self._overflow:
            return pair
        if len(self._seen) < self._most:
            self._seen.add(known)
            return pair
        self._counter.add(1)
        return self._overflow


class _AllKeys:
    """Limits every key there is."""

    keys = None
    adds = False

    def __init__(self, config: LimitConfig, seen: dict[bytes, set[bytes]], counters: _Counters) -> None:
        self._config = config
        self._seen = seen
        self._counters = counters
        self._limited: dict[bytes, _Limited] = {}

    def bind(self, metadata: Mapping[str, str]) -> Step:
        return self

    def __call__(self, state: MutableMapping[bytes, bytes]) -> None:
        for key, pair in list(state.items()):
            state[key] = (self._limited.get(key) or self._begin(key))(pair)

    def _begin(self, key: bytes) -> _Limited:
        if len(key) > _LONGEST_KEY or (key not in self._seen and len(self._seen) >= _MOST_KEYS):
            none = self._config.model_copy(update={"max_values_per_key": 0})
            return _Limited(none, key, set(), self._counters.of(_FURTHER_KEYS))
        seen = self._seen.setdefault(key, set())
        self._limited[key] = _Limited(self._config, key, seen, self._counters.of(key.decode()))
        return self._limited[key]
