"""Whether one record is kept, and what is written about that: the same for spans and log records."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

from collector import sampling
from collector.sampling import ALWAYS, NEVER, TraceState
from processors.probabilistic_sampler.config import SMALLEST, Mode, ProbabilisticSamplerConfig
from processors.probabilistic_sampler.hashing import (
    BUCKETS,
    BUCKETS_LOG2,
    buckets,
    hash32,
    hash32_of_ids,
    randomness_of_hashes,
)

_NO_ID = bytes(16)


class Fault(enum.StrEnum):
    """Why a record cannot be decided on."""

    MISSING_RANDOMNESS = "missing_randomness"
    INCONSISTENT_THRESHOLD = "inconsistent_threshold"
    """It came with a threshold that it cannot have passed."""
    THRESHOLD_IN_USE = "threshold_in_use"
    RANDOMNESS_IN_USE = "randomness_in_use"
    """Another kind of sampler wrote something, which a hash does not go with."""
    MALFORMED = "malformed"
    """What was written cannot be read."""


class Policy(enum.StrEnum):
    """What was decided by, as the Collector calls it in its metrics; else it is the name of an attribute."""

    HASH = "trace_id_hash"
    TRACE_ID = "trace_id_w3c"
    EXPLICIT = "sampling_randomness"
    PRIORITY = "sampling_priority"
    MISSING = "missing_randomness"


class Change(enum.Enum):
    """What becomes of what is written about sampling on a record that is kept."""

    NONE = enum.auto()
    WRITE = enum.auto()
    CLEAR = enum.auto()
    """Its threshold goes, since it is wrong."""


class Decision(NamedTuple):
    """About one record."""

    keep: bool
    policy: str
    change: Change = Change.NONE
    threshold: int = ALWAYS
    """To write."""
    explicit: int | None = None
    """The randomness to write, if it is not that of the trace id."""
    fault: Fault | None = None


class Source(NamedTuple):
    """What is random about a record by itself."""

    randomness: int | None
    """56 bits; None for none."""
    policy: str


NOTHING = Source(None, Policy.MISSING)


def is_id(trace_id: bytes) -> bool:
    """Say whether it is one: W3C Trace Context, "trace-id"."""
    return len(trace_id) == len(_NO_ID) and trace_id != _NO_ID


class Sampler:
    """Decides as the mode says."""

    def __init__(self, config: ProbabilisticSamplerConfig) -> None:
        self.hashes = config.mode is Mode.HASH_SEED
        self.threshold = _threshold(config)
        """Of what no earlier sampler had to do with."""
        self._seed = config.hash_seed
        self._mode = config.mode
        self._fail_closed = config.fail_closed
        self._precision = config.sampling_precision
        self._ratio = config.percentage / 100
        self._keeps_none = self.threshold >= NEVER
        self.policy = Policy.PRIORITY if self._keeps_none else Policy.HASH if self.hashes else Policy.TRACE_ID
        """What a trace id decides by; where nothing is kept but by priority, that is what the Collector counts."""

    def randomness_of(self, ids: Iterable[bytes]) -> dict[bytes, int | None]:
        """Return the 56 bits that decide on each trace; None where an id is none."""
        found: dict[bytes, int | None] = dict.fromkeys(ids)
        valid = [*found] if set(map(len, found)) == {len(_NO_ID)} and _NO_ID not in found else [*filter(is_id, found)]
        if self.hashes:
            values = randomness_of_hashes(hash32_of_ids(valid, self._seed))
        else:
            values = list(map(sampling.randomness, valid))
        found.update(zip(valid, values, strict=True))
        return found

    def source(self, randomness: int | None) -> Source:
        """Return what a trace id with this randomness is for a decision."""
        return NOTHING if randomness is None else Source(randomness, self.policy)

    def of_bytes(self, value: bytes, attribute: str) -> Source:
        """Return the randomness of an attribute's value."""
        if not value:
            return NOTHING
        return Source(randomness_of_hashes([hash32(value, self._seed)])[0], attribute)

    def decide(self, own: Source, state: TraceState, priority: int | None) -> Decision:
        """Decide on a record.

        Args:
            own: what is random about it by itself.
            state: what earlier samplers wrote.
            priority: the threshold that it asks for, NEVER to be dropped; None if it asks for nothing.
        """
        source = own if self.hashes else _consistent(own, state)
        if self._keeps_none and priority is None and not state.fault:
            return Decision(keep=False, policy=Policy.PRIORITY)
        fault = Fault.MALFORMED if state.fault else self._fault_of(source, state)
        if priority is not None:
            return self._by_priority(source, state, priority, fault)
        if fault:
            kept = Change.CLEAR if fault is Fault.INCONSISTENT_THRESHOLD else Change.NONE
            return Decision(not self._fail_closed, source.policy, kept, fault=fault)
        threshold = self._threshold_after(state.threshold)
        if source.randomness is None or source.randomness < threshold:
            return Decision(keep=False, policy=source.policy)
        if threshold == (state.threshold or ALWAYS):  # that is there, or says nothing
            return Decision(keep=True, policy=source.policy)
        return Decision(True, source.policy, Change.WRITE, threshold, self._to_write(source))

    def malformed(self) -> Decision:
        """Return the decision on a record of which nothing can be read, since no receiver has checked it."""
        return Decision(not self._fail_closed, NOTHING.policy, fault=Fault.MALFORMED)

    def _by_priority(self, source: Source, state: TraceState, priority: int, fault: Fault | None) -> Decision:
        is_kept = priority < NEVER and (source.randomness is None or source.randomness >= priority)
        if not is_kept or fault:
            change = Change.CLEAR if fault is Fault.INCONSISTENT_THRESHOLD else Change.NONE
            return Decision(is_kept, Policy.PRIORITY, change, fault=fault)
        if state.threshold is not None and priority <= state.threshold:  # what was lost before does not come back
            return Decision(keep=True, policy=Policy.PRIORITY)
        return Decision(True, Policy.PRIORITY, Change.WRITE, priority, self._to_write(source))

    def _to_write(self, source: Source) -> int | None:
        return source.randomness if self.hashes else None

    def _fault_of(self, source: Source, state: TraceState) -> Fault | None:
        if self.hashes and state.explicit is not None:
            return Fault.RANDOMNESS_IN_USE
        if self.hashes and state.threshold is not None:
            return Fault.THRESHOLD_IN_USE
        if source.randomness is None:
            return Fault.MISSING_RANDOMNESS
        if state.threshold is not None and source.randomness < state.threshold:
            return Fault.INCONSISTENT_THRESHOLD
        return None

    def _threshold_after(self, incoming: int | None) -> int:
        if incoming is None or self.hashes:
            return self.threshold
        if self._mode is Mode.EQUALIZING or self.threshold in {ALWAYS, NEVER}:  # all of what comes, or none
            return max(self.threshold, incoming)
        part = sampling.probability(incoming) * self._ratio
        return sampling.threshold(part, self._precision) if part >= SMALLEST else NEVER


def _consistent(own: Source, state: TraceState) -> Source:
    """Return the randomness that all samplers of a trace agree on."""
    if state.fault:
        return NOTHING
    return own if state.explicit is None else Source(state.explicit, Policy.EXPLICIT)


def _threshold(config: ProbabilisticSamplerConfig) -> int:
    if config.mode is Mode.HASH_SEED:
        kept = buckets(config.percentage)
        return BUCKETS - kept << 56 - BUCKETS_LOG2
    return sampling.threshold(config.percentage / 100, config.sampling_precision)
