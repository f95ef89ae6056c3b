"""All detectors at once: whether there may be anything in a buffer, where, and what."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, repeat
from operator import add
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Finding
from processors.redaction.detectors.effort import CANDIDATE, Effort

EDGE = b"\xff"
"""Separates texts in a buffer: no UTF-8 has it, so no pattern matches across it."""
_MEMORY = 64 << 20
"""Bytes that RE2 may take for what it remembers of all hints."""

_LONG, _SOME = 256, 16
"""Bytes of values, on the average: to look for a byte in each of those costs less than for `re` to look at all bytes.
And how many are looked at to tell whether it is in few of them."""
_UNBOUNDED = 1 << 60

_Found = tuple[int, bool, int, int]
"""Start, whether it does not settle, the negative of the end, and index of the detector: as they are to be sorted."""


class _Needle:
    """See `Detector.needles`."""

    def __init__(self, beginning: bytes, rest: bytes) -> None:
        literal = re.escape(beginning)
        self._first = beginning[0]
        self._is_one_byte = len(beginning) == 1
        self._search_beginning = compile_pattern(literal.decode()).search
        self._pattern = re.compile(literal + rest)
        self.search = self._pattern.search

    def starts(self, buffer: bytes) -> list[int]:
        """Return where it matches, ascending."""
        if not self._search_beginning(buffer):  # ten times as fast as `re`
            return []
        return [match.start() for match in self._pattern.finditer(buffer)]

    def is_seldom_in(self, values: Sequence[bytes]) -> bool:
        """Say whether few of some values hold the byte that it begins with."""
        first, some = self._first, values[:_SOME]
        return sum([first in value for value in some]) * 2 < len(some)

    def holders(self, values: Sequence[bytes], buffer: bytes) -> list[int]:
        """Return the indices of the values in which it matches, less than half of which hold its first byte."""
        if not self._is_one_byte and not self._search_beginning(buffer):
            return []
        first, search = self._first, self.search
        return [index for index, value in enumerate(values) if first in value and search(value)]


class Scanner:
    """Finds what any of its detectors finds, in the order of their configuration where they find the same."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._patterns = [_compiled(detector) for detector in detectors]
        self._alone = [re.compile(b"(?:(?:%b)\\xff)*+" % one.alone) if one.alone else None for one in detectors]
        self._hints = _one_for_each(detectors)
        hints = [detector.hint for detector in detectors if not detector.needles]
        self._hint = _one_of(hints)
        self.names_are_known = all(one.names is not None for one in detectors)
        """Whether `suspects` finds every name behind which more is found than elsewhere."""
        self._hint_or_name = _one_of([*hints, *filter(None, [one.names for one in detectors])])
        self._needles = [_Needle(*needle) for detector in detectors for needle in detector.needles]
        self._always_hits = self._hint.search(b"") is not None

    def may_hit(self, buffer: bytes) -> bool:
        """Say whether a text in a buffer may have a finding; the buffer may be anything that holds the text's bytes.

        Returns:
            False only if none has.
        """
        return any(needle.search(buffer) for needle in self._needles) or self._hint.search(buffer) is not None

    def hits(self, values: Sequence[bytes]) -> Sequence[int]:
        """Return the indices, ascending, of the values that may have a finding: all that have, and some others."""
        if self._always_hits:
            return range(len(values))
        certain, others = self._hits(values, self._hint, _UNBOUNDED)
        return sorted({*certain, *others}) if certain and others else sorted(set(certain or others))

    def suspects(self, values: Sequence[bytes], most: int) -> tuple[Sequence[int], Sequence[int]] | None:
        """Return the indices of the values that may have a finding, or a name that says that they have one.

        Returns:
            Those that may have a finding, and those that may have that or a name, neither of which has all that it
            might; None if the latter are more than `most`, and it was not looked further.
        """
        certain, others = self._hits(values, self._hint_or_name, most)
        return (certain, others) if len(others) <= most else None

    def _hits(self, values: Sequence[bytes], hint: Any, most: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return the indices of the values in which needles match, and where a hint does, until these are too many."""
        buffer = EDGE.join(values)
        are_long = len(buffer) > _LONG * len(values)
        certain: list[int] = []
        starts: list[int] = []
        for needle in self._needles:
            if are_long and needle.is_seldom_in(values):
                certain += needle.holders(values, buffer)
            else:
                starts += needle.starts(buffer)
        match = hint.search(buffer)
        if match is None and not starts:
            return certain, ()
        ends = _ends(values)
        certain += [bisect_right(ends, start) for start in starts]
        return certain, _matching(buffer, hint.search, ends, match, most)

    def find(self, text: bytes) -> list[Finding]:
        """Return what is in one text, sorted by offset and without overlaps.

        Where two findings overlap, the one that starts first stays, then one that `settles`, then the longer one, then
        that of the detector that was configured first.  What is left of the other beyond its end is found too, unless
        the first `settles`.
        """
        return self.find_many((text,)).get(0, [])

    def find_many(self, texts: Sequence[bytes], effort: Effort | None = None) -> Mapping[int, list[Finding]]:
        """Return what `find` returns for each text, by its index; texts in which nothing is have no entry.

        All together cost less than half of what they cost one by one.

        Raises:
            ExhaustedError: more than `effort` allows would have to be looked at.
        """
        effort = effort or Effort(_UNBOUNDED)
        buffer = EDGE.join(texts)
        asked: Sequence[int] = sorted(self._hints.Match(buffer) or ())
        if not asked and self.may_hit(buffer):
            asked = range(len(self._detectors))  # RE2 says of patterns that ran out of memory that none matched
        found = [one for index in asked for one in self._found(index, buffer, texts, effort)]
        found.sort()
        return self._by_text(found, texts) if found else {}

    def whole(self, texts: Sequence[bytes], effort: Effort) -> Detector | None:
        """Return the detector to which each of the texts is a finding as it stands, if nothing else is found in any.

        Returns:
            None if that is not so, or was not asked, since to find out costs more than to find them.
        """
        buffer = EDGE.join(texts)
        asked: Sequence[int] = self._hints.Match(buffer) or ()
        if len(asked) != 1:
            return None
        (index,) = asked
        detector, alone = self._detectors[index], self._alone[index]
        if alone is not None and alone.fullmatch(buffer + EDGE):
            return detector
        cost = CANDIDATE * len(texts)
        if detector.sees_edges or effort.left < cost:
            return None
        ends = _ends(texts)
        wholes = zip([0, *ends], [end - 1 for end in ends], strict=False)
        if [detector.accept(buffer, match) for match in self._patterns[index].finditer(buffer)] != list(wholes):
            return None
        effort.left -= cost
        return detector

    def _found(self, index: int, buffer: bytes, texts: Sequence[bytes], effort: Effort) -> Sequence[_Found]:
        detector, pattern = self._detectors[index], self._patterns[index]
        if not detector.sees_edges:
            return _findings(buffer, 0, index, detector, pattern, effort)
        offsets = [0, *_ends(texts)]
        each = [_findings(text, at, index, detector, pattern, effort) for text, at in zip(texts, offsets, strict=False)]
        return list(chain.from_iterable(each))

    def _by_text(self, found: Sequence[_Found], texts: Sequence[bytes]) -> Mapping[int, list[Finding]]:
        ends = _ends(texts)
        findings: dict[int, list[Finding]] = {}
        reached = index = offset = 0
        settles = False
        new_tuple = tuple.__new__  # half of what `Finding()` takes
        for start, _, negative, order in found:
            end, detector = -negative, self._detectors[order]
            if start < reached:
                if end <= reached or settles:
                    continue
                start = reached  # noqa: PLW2901  what is left of it
            if start >= ends[index]:
                index = bisect_right(ends, start)
                offset = ends[index - 1]
            finding = new_tuple(Finding, (start - offset, end - offset, detector))
            if index in findings:
                findings[index].append(finding)
            else:
                findings[index] = [finding]
            reached, settles = end, detector.settles
        return findings


def _matching(buffer: bytes, search: Any, ends: Sequence[int], match: Any, most: int) -> list[int]:
    """Return the indices of the values in which a hint matches, from its first match on, until they are too many."""
    index = 0
    found: list[int] = []
    while match is not None and len(found) <= most:
        start, end = match.span()
        if start >= ends[index]:  # where many hit, the next one often stands in the next value
            index = bisect_right(ends, start, index)
        found.append(index)
        while end > ends[index]:
            index += 1
            found.append(index)
        match = search(buffer, ends[index])
        index += 1
    return found


def _ends(values: Sequence[bytes]) -> list[int]:
    """Return where the next value begins after each, in the buffer of all."""
    return list(accumulate(map(add, map(len, values), repeat(1))))


def _compiled(detector: Detector) -> Any:
    return re.compile(detector.pattern.encode()) if detector.in_python else compile_pattern(detector.pattern)


def _one_of(hints: Sequence[str]) -> Any:
    import re2  # noqa: PLC0415  what most configurations do not need costs them nothing

    pattern = "|".join([f"(?:{hint})" for hint in hints]) or r"[^\s\S]"
    return re2.compile(pattern.encode(), _options())


def _one_for_each(detectors: Sequence[Detector]) -> Any:
    import re2  # noqa: PLC0415  what most configurations do not need costs them nothing

    hints = re2.Set.SearchSet(_options())
    for detector in detectors:
        hints.Add(detector.hint.encode())
    hints.Compile()
    return hints


def _options() -> Any:
    import re2  # noqa: PLC0415  what most configurations do not need costs them nothing

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    options.longest_match = True  # fewer states: one fourth less time
    return options


def _findings(
    text: bytes, offset: int, index: int, detector: Detector, pattern: Any, effort: Effort
) -> Sequence[_Found]:
    """Return what a detector finds in a text that begins at an offset."""
    found: list[_Found] = []
    accept, follows, size = detector.accept, not detector.settles, len(text)
    position = 0
    while position < size:
        for match in pattern.finditer(text, position):
            start, end = match.span()
            effort.left -= CANDIDATE
            if effort.left < 0:
                effort.spend(0)
            if span := accept(text, match):
                found.append((offset + span[0], follows, -offset - span[1], index))
                position = span[1]
            else:
                position = end if detector.skips_rejected else _after_digits(text, start, end)
            if position != end or start == end:  # the next match may begin within this one
                position = max(position, start + 1)
                break
        else:
            break
    return found


def _after_digits(text: bytes, start: int, end: int) -> int:
    return end - len(text[start:end].lstrip(b"0123456789"))
