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


class Scanner:
    """Finds what any of its detectors finds, in the order of their configuration where they find the same."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = [(detector, compile_pattern(detector.pattern)) for detector in detectors]
        self._hint = compile_pattern(
            "|".join([f"(?:{detector.hint})" for detector in detectors]) or r"[^\x00-\x{10FFFF}]"
        )

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
        that was configured first; what is left of the other beyond its end is found too.
        """
        found = [finding for detector, pattern in self._detectors for finding in _findings(text, detector, pattern)]
        return _without_overlaps(found, {id(d): n for n, (d, _) in enumerate(self._detectors)}) if found else found


def _findings(text: bytes, detector: Detector, pattern: Any) -> Iterator[Finding]:
    position = 0
    while match := pattern.search(text, position):
        if span := detector.accept(text, match):
            yield Finding(*span, detector)
            position = max(span[1], match.start() + 1)
        else:
            position = match.start() + 1


def _without_overlaps(found: list[Finding], order: dict[int, int]) -> list[Finding]:
    found.sort(key=lambda finding: (finding.start, -finding.end, order[id(finding.detector)]))
    kept: list[Finding] = []
    end = 0
    for finding in found:
        if finding.end > end:
            kept.append(finding if finding.start >= end else finding._replace(start=end))
            end = finding.end
    return kept
