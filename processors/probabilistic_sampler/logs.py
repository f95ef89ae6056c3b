"""What a log record says about sampling, and how a decision is written on it: in attributes."""

from __future__ import annotations

from typing import Any

from collector import sampling
from collector.api import LogRecord
from collector.records.text import as_text
from collector.sampling import ALWAYS, NEVER, TraceState
from processors.probabilistic_sampler.config import AttributeSource, ProbabilisticSamplerConfig
from processors.probabilistic_sampler.decisions import NOTHING, Change, Decision, Sampler, Source

THRESHOLD, RANDOMNESS = "sampling.threshold", "sampling.randomness"
_READERS = {"threshold": (THRESHOLD, sampling.decode), "explicit": (RANDOMNESS, sampling.decode_randomness)}
_SAMPLING = b"sampling."
"""What both begin with."""
_UNTOUCHED = TraceState()
_ALL = 100


def state_of(log: LogRecord) -> TraceState:
    """Return what earlier samplers wrote, as it would stand in a trace state."""
    found: dict[str, Any] = {}
    for field, (key, read) in _READERS.items():
        text = log.get(key)
        if isinstance(text, str) and text:
            try:
                found[field] = read(text)
            except ValueError as error:
                found["fault"] = f"{key}: {error}"
    return TraceState(**found)


def priority_of(log: LogRecord, key: str, precision: int) -> int | None:
    """Return the threshold of the percentage that a log record asks for; None if it asks for nothing.

    OpenTelemetry Collector, probabilistic_sampler README, "Sampling priority": 0 drops, 100 and more keeps.
    """
    value = log.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    if value == 0:
        return NEVER
    return ALWAYS if value >= _ALL else min(sampling.threshold(value / _ALL, precision), NEVER - 1)


def bytes_of(log: LogRecord, key: str) -> bytes:
    """Return the value of an attribute as what is hashed: bytes as they are, anything else as text."""
    value = log.get(key)
    return value if isinstance(value, bytes) else as_text(value).encode()


class Logs:
    """Implements `records.Records`."""

    counter = "otelcol_processor_probabilistic_sampler_count_logs_sampled"
    help = "Count of log records that were sampled or not."

    def __init__(self, sampler: Sampler, config: ProbabilisticSamplerConfig) -> None:
        self._sampler = sampler
        self._precision = config.sampling_precision
        self._priority = config.sampling_priority
        self._attribute = config.from_attribute
        self.looks_at_all = config.attribute_source is AttributeSource.RECORD
        self.needles: tuple[bytes, ...] = (_SAMPLING, *filter(None, [self._priority.encode()]))

    def needs_a_look(self, own: Source) -> bool:
        return self.looks_at_all or (own is NOTHING and bool(self._attribute))

    def decide(self, wire: bytes, own: Source, state: bytes) -> Decision:
        log = LogRecord(wire)
        if self.needs_a_look(own):
            own = self._sampler.of_bytes(bytes_of(log, self._attribute), self._attribute)
        priority = priority_of(log, self._priority, self._precision) if self._priority else None
        return self._sampler.decide(own, state_of(log), priority)

    def decide_by_head(self, own: Source, state: bytes) -> Decision:
        return self._sampler.decide(own, _UNTOUCHED, None)

    def written(self, wire: bytes, decision: Decision) -> bytes:
        if decision.change is Change.NONE:
            return wire
        log = LogRecord(wire)
        if decision.change is Change.CLEAR:
            log.pop(THRESHOLD, None)
            return log.wire
        log[THRESHOLD] = sampling.encode(decision.threshold)
        if decision.explicit is not None:
            log[RANDOMNESS] = sampling.encode_randomness(decision.explicit)
        return log.wire
