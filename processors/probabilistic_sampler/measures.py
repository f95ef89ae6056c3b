"""The processor's own counters, under the names that dashboards for the Collector know."""

from __future__ import annotations

from collections.abc import Mapping

from collector.api import Counter, Settings
from processors.probabilistic_sampler.decisions import Fault

_ERRORS = "pyotelcol_processor_probabilistic_sampler_errors"
_REASONS: Mapping[Fault, str] = {
    Fault.MISSING_RANDOMNESS: "it has no trace id, nor an attribute to decide by",
    Fault.INCONSISTENT_THRESHOLD: "it has a threshold that it cannot have passed",
    Fault.THRESHOLD_IN_USE: "it has a threshold of another sampler, with which mode hash_seed does not go",
    Fault.RANDOMNESS_IN_USE: "it has a randomness of another sampler, with which mode hash_seed does not go",
    Fault.MALFORMED: "what it says about sampling cannot be read",
}


class Measures:
    """Counts what was sampled and what could not be decided on, and says the first of each fault."""

    def __init__(self, settings: Settings, *, fail_closed: bool) -> None:
        self._settings = settings
        self._consequence = "dropped" if fail_closed else "kept"
        self._sampled: dict[tuple[str, str, bool], Counter] = {}
        self._faults: dict[Fault, Counter] = {}

    def sampled(self, name: str, help: str, counts: Mapping[tuple[str, bool], int]) -> None:
        """Count records by what was decided by (policy) and whether they are kept."""
        for (policy, kept), count in counts.items():
            counter = self._sampled.get((name, policy, kept))
            if counter is None:
                labels = {"policy": policy, "sampled": "true" if kept else "false"}
                counter = self._sampled[name, policy, kept] = self._settings.telemetry.counter(name, help, **labels)
            counter.add(count)

    def faults(self, counts: Mapping[Fault, int]) -> None:
        """Count records that could not be decided on."""
        for fault, count in counts.items():
            counter = self._faults.get(fault)
            if counter is None:
                counter = self._faults[fault] = self._settings.telemetry.counter(
                    _ERRORS, "Count of records that could not be decided on.", error=fault
                )
                self._settings.logger.warning(
                    "%s: a record cannot be decided on and is %s, unless it has a priority; further ones are only "
                    "counted: %s",
                    self._settings.id,
                    self._consequence,
                    _REASONS[fault],
                )
            counter.add(count)
