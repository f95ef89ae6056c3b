"""Values of telemetry that are nobody's secret and look like numbers of people: timestamps, ids, versions, names."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Mapping

_NOW = 1_796_000_000
"""About when the timestamps are from, in seconds."""
_NAMES = ("orders", "users", "sessions", "jobs", "events")


def _epoch(digits: int) -> Callable[[random.Random], str]:
    def make(dice: random.Random) -> str:
        seconds = _NOW - dice.randrange(10**8)
        stamp = str(seconds) + "".join(dice.choices("0123456789", k=digits - 10))
        return dice.choice(["{}", "ts={}", '{{"timestamp":{}}}', "at {} ms", "start_time: {}"]).format(stamp)

    return make


def _hex(dice: random.Random) -> str:
    identity = f"{dice.getrandbits(64):016x}"
    return dice.choice(["{}", "span_id={}", "0x{}", '{{"span_id":"{}"}}']).format(identity)


def _traceparent(dice: random.Random) -> str:
    return f"00-{dice.getrandbits(128):032x}-{dice.getrandbits(64):016x}-01"


def _version(dice: random.Random) -> str:
    numbers = ".".join(str(dice.randrange(200)) for _ in range(dice.choice([3, 4])))
    forms = ("v{}", "version {}", "Chrome/{} Safari/537.36", "package-{}.jar", "release={}", "Windows NT 10.0.19045.{}")
    return dice.choice(forms).format(numbers)


def _path(dice: random.Random) -> str:
    return f"/api/v1/{dice.choice(_NAMES)}/{dice.randrange(10 ** dice.randrange(1, 19))}/items"


def _pod(dice: random.Random) -> str:
    letters = "bcdfghjklmnpqrstvwxz2456789"
    return f"checkout-{''.join(dice.choices(letters, k=9))}-{''.join(dice.choices(letters, k=5))}"


def _counter(dice: random.Random) -> str:
    name = dice.choice(["offset", "trace_id", "total_bytes", "seq", "job_id", "parentId", "dd.trace_id"])
    return f"{name}={dice.getrandbits(dice.choice([32, 53, 63, 64]))}"


KINDS: Mapping[str, Callable[[random.Random], str]] = {
    "epoch_s": _epoch(10),
    "epoch_ms": _epoch(13),
    "epoch_us": _epoch(16),
    "epoch_ns": _epoch(19),
    "hex": _hex,
    "uuid": lambda dice: str(uuid.UUID(int=dice.getrandbits(128), version=4)),
    "traceparent": _traceparent,
    "version": _version,
    "path": _path,
    "pod": _pod,
    "counter": _counter,
}
"""How a value of each kind is made.  Numbers of 16 digits that stand alone are none: nobody tells them from cards."""


def negatives(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` values, each with its kind; the same seed makes the same ones."""
    dice = random.Random(seed)
    kinds = list(KINDS)
    for index in range(count):
        kind = kinds[index % len(kinds)]
        yield kind, KINDS[kind](dice).encode()
