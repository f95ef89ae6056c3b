"""What the processor masks of a corpus, against what it should."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from bench.pii import places
from bench.pii.corpus import Sample
from bench.processing import built
from collector.api import Processor
from collector.batch import SHAPES, Batch, Signal

_BATCH = 64
_SHOWN = 20
_ROOTS = {Signal.TRACES: "resource_spans", Signal.LOGS: "resource_logs", Signal.METRICS: "resource_metrics"}
_MASK = re.compile("\u00ab([a-z_0-9]+)\u00bb")


class Masked(NamedTuple):
    """What one detector masked of a text: offsets in characters of what was there before."""

    start: int
    end: int
    detector: str


@dataclass
class Score:
    """Counts of occurrences by detector, and examples of what went wrong."""

    labels: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    places_found: Counter[str] = field(default_factory=Counter)
    misses: dict[str, list[str]] = field(default_factory=dict)
    false_hits: dict[str, list[str]] = field(default_factory=dict)

    def recall(self, detector: str) -> float:
        return self.found[detector] / self.labels[detector] if self.labels[detector] else 1.0

    def precision(self, detector: str) -> float:
        return self.right[detector] / self.masked[detector] if self.masked[detector] else 1.0

    def add(self, sample: Sample, masks: Sequence[Masked]) -> None:
        """Count one text: a label is found if all of it is masked, a mask is right if it is within a label."""
        for label in sample.labels:
            detector = label.detectors[0]
            meant = {c for m in masks if m.detector in label.detectors for c in range(m.start, m.end)}
            is_found = meant.issuperset(range(label.start, label.end))
            self.labels[detector] += 1
            self.places[sample.place.name] += 1
            self.found[detector] += is_found
            self.places_found[sample.place.name] += is_found
            if not is_found:
                self._note(self.misses, detector, sample)
        for mask in masks:
            is_right = any(
                mask.detector in label.detectors and label.start <= mask.start and mask.end <= label.end
                for label in sample.labels
            )
            self.masked[mask.detector] += 1
            self.right[mask.detector] += is_right
            if not is_right:
                self._note(self.false_hits, mask.detector, sample, sample.text[mask.start : mask.end])

    def _note(self, notes: dict[str, list[str]], detector: str, sample: Sample, what: str = "") -> None:
        known = notes.setdefault(detector, [])
        if len(known) < _SHOWN:
            text = what or " ".join(sample.text[label.start : label.end] for label in sample.labels)
            known.append(f"{sample.origin}; {sample.place.name}; {text!r} in {sample.text[:160]!r}")


def score(samples: Iterable[Sample], detectors: Sequence[str]) -> Score:
    """Have the samples masked by the processor, each detector with a mask of its own."""
    masks = {name: {"replacement": f"\u00ab{name}\u00bb"} for name in detectors}
    processor, result = built("redaction", {"detectors": masks}), Score()
    by_signal: dict[Signal, list[Sample]] = {}
    for sample in samples:
        by_signal.setdefault(sample.place.signal, []).append(sample)
    for signal, some in by_signal.items():
        rest = iter(some)
        while batch := list(islice(rest, _BATCH)):
            for sample, text in zip(batch, _masked(processor, signal, batch), strict=True):
                result.add(sample, list(aligned(sample.text, text)))
    return result


def _masked(processor: Processor, signal: Signal, samples: Sequence[Sample]) -> list[str]:
    request: Any = SHAPES[signal].request()
    nodes = getattr(request, _ROOTS[signal])
    for sample in samples:
        places.write(sample.place, nodes.add(), sample.key, sample.text)
    batch = processor.process(Batch(signal, wire=request.SerializeToString(), items=len(samples)))
    if batch is None:
        raise ValueError("a batch went that should have been masked")
    after = getattr(SHAPES[signal].request.FromString(batch.wire), _ROOTS[signal])
    return [places.read(sample.place, node) for sample, node in zip(samples, after, strict=True)]


def aligned(before: str, after: str) -> Iterator[Masked]:
    """Yield what was masked, from the texts before and after.

    Raises:
        ValueError: something else became of the text than masks in it.
    """
    parts = _MASK.split(after)
    pattern = "(.+?)".join(re.escape(part) for part in parts[::2])
    match = re.fullmatch(pattern, before, re.DOTALL)
    if match is None:
        raise ValueError(f"no masks make {after!r} of {before!r}")
    for group, detector in enumerate(parts[1::2], 1):
        yield Masked(*match.span(group), detector)
