"""What is known of the spans of a trace without a second look at them: read when they come, and added up.

Policies ask for it when it is time to decide.  By then the spans have left the processor's cache, and to look at them
costs more than all else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from processors.tail_sampling.reading import Reading

Facts: TypeAlias = tuple[int, int, int, int]
"""Of some spans of one trace: the first start and the last end, in nanoseconds, 0 for none; which status codes there
are, each as the bit of its number; and what is mentioned, each as the bit of its place among all that is sought."""
NO_FACTS: Facts = (0, 0, 0, 0)

# OTLP, Status.StatusCode
UNSET = 0
_MOST_CODE = 2


class Sought(NamedTuple):
    """A text that is looked for in every span that comes."""

    text: bytes
    in_state: bool = False
    """Whether only in its trace state, and not in all of its bytes."""


def facts_of(
    reading: Reading, begins: Sequence[int], wire: bytes, bounds: Sequence[int], sought: Sequence[Sought]
) -> Iterable[Facts]:
    """Return the facts on each stretch of some spans.

    Args:
        reading: of all spans.
        begins: the place of the first span of each stretch; the first is 0.
        wire: the spans, framed.
        bounds: where each stretch begins in there, and where the last one ends.
        sought: what to look for.
    """
    ends = [*begins[1:], len(reading.starts)]
    return zip(
        _all(min, reading.starts, begins, ends),
        _all(max, reading.ends, begins, ends),
        _codes(reading, begins, ends),
        _mentions(reading, begins, wire, bounds, sought),
        strict=True,
    )


def _all(
    of: Callable[[Iterable[int]], int], times: Sequence[int], begins: Sequence[int], ends: Sequence[int]
) -> Sequence[int]:
    """Return the first or the last time of each stretch; a time of 0 is none."""
    if 0 in times:
        return [of([*filter(None, times[begin:end])] or [0]) for begin, end in zip(begins, ends, strict=True)]
    return [of(times[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def _codes(reading: Reading, begins: Sequence[int], ends: Sequence[int]) -> Sequence[int]:
    codes = [1 << UNSET] * len(begins)
    written: defaultdict[int, list[int]] = defaultdict(list)
    for place, code in reading.codes.items():
        written[bisect_right(begins, place) - 1].append(code)
    for stretch, found in written.items():
        are_all_written = len(found) == ends[stretch] - begins[stretch]
        codes[stretch] = 0 if are_all_written else 1 << UNSET
        for code in set(found):
            if UNSET <= code <= _MOST_CODE:
                codes[stretch] |= 1 << code
    return codes


def _mentions(
    reading: Reading, begins: Sequence[int], wire: bytes, bounds: Sequence[int], sought: Sequence[Sought]
) -> Sequence[int]:
    mentions = [0] * len(begins)
    for place, (text, in_state) in enumerate(sought):
        found = _with_state(reading, begins, text) if in_state else _with_text(wire, bounds, text)
        for stretch in found:
            mentions[stretch] |= 1 << place
    return mentions


def _with_state(reading: Reading, begins: Sequence[int], text: bytes) -> Iterable[int]:
    return {bisect_right(begins, place) - 1 for place, state in reading.states.items() if text in state}


def _with_text(wire: bytes, bounds: Sequence[int], text: bytes) -> Iterator[int]:
    """Yield the stretches in whose bytes a text stands, and maybe some others."""
    at = wire.find(text)
    while at >= 0:
        stretch = bisect_right(bounds, at) - 1
        if stretch == len(bounds) - 1:
            break  # an empty text stands behind the last one, too
        yield stretch
        at = wire.find(text, bounds[stretch + 1])
