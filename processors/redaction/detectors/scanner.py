"""All detectors at once: whether there may be anything in a buffer, where, and what."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from collector.patterns import compile_pattern
from processors.redaction.detectors.detector import Detector, Finding

EDGE = b"\xff"
"""Separates texts in a buffer: no UTF-8 has it, so no pattern matches across it."""
_MEMORY = 64 << 20
"""Bytes that RE2 may take for what it remembers of all hints."""


class Scanner:
    """Finds what any of its detectors finds, in the order of their configuration where they find the same."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = [(detector, compile_pattern(detector.pattern)) for detector in detectors]
        self._order = {detector: index for index, detector in enumerate(detectors)}
        self._hints = _one_for_each(detectors)
        self._hint = compile_pattern("|".join([f"(?:{detector.hint})" for detector in detectors]) or r"[^\s\S]")

    def may_hit(self, buffer: bytes) -> bool:
        """Say whether a text in a buffer may have a finding; the buffer may be anything that holds the text's bytes.

        Returns:
            False only if none has.
        """
        return self._hint.search(buffer) is not None

    def hits(self, values: Sequence[bytes]) -> Sequence[int]:
        """Return the indices, ascending, of the values that may have a finding: all that have, and some others."""
        ends = list(accumulate([len(value) + 1 for value in values]))
        found: dict[int, None] = {}
        for match in self._hint.finditer(EDGE.join(values)):
            start, end = match.span()
            for index in range(bisect_right(ends, start), min(bisect_right(ends, end) + 1, len(values))):
                found[index] = None
        return list(found)

    def find(self, text: bytes) -> list[Finding]:
        """Return what is in one text, sorted by offset and without overlaps.

        Where two findings overlap, the one that starts first stays, then the longer one, then that of the detector
        that was configured first.  What is left of the other beyond its end is found too, unless the first `settles`.
        """
        asked = [self._detectors[index] for index in sorted(self._hints.Match(text) or ())]
        if not asked and self.may_hit(text):
            asked = self._detectors  # RE2 says of a set of patterns that ran out of memory that none matched
        found = [finding for detector, pattern in asked for finding in _findings(text, detector, pattern)]
        return _without_overlaps(found, self._order) if found else found


def _one_for_each(detectors: Sequence[Detector]) -> Any:
    import re2  # noqa: PLC0415  what most configurations do not need costs them nothing

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    hints = re2.Set.SearchSet(options)
    for detector in detectors:
        hints.Add(detector.hint.encode())
    hints.Compile()
    return hints


def _findings(text: bytes, detector: Detector, pattern: Any) -> Iterator[Finding]:
    position = 0
    while position < len(text) and (match := pattern.search(text, position)):
        start, end = match.span()
        if span := detector.accept(text, match):
            yield Finding(*span, detector)
            position = max(span[1], start + 1)
        elif detector.skips_rejected:
            position = max(end, start + 1)
        else:
            position = max(end - len(text[start:end].lstrip(b"0123456789")), start + 1)


def _without_overlaps(found: list[Finding], order: dict[Detector, int]) -> list[Finding]:
    found.sort(key=lambda finding: (finding.start, -finding.end, order[finding.detector]))
    kept: list[Finding] = []
    end = 0
    for finding in found:
        is_apart = finding.start >= end
        if finding.end > end and (is_apart or not kept[-1].detector.settles):
            kept.append(finding if is_apart else finding._replace(start=end))
            end = finding.end
    return kept
