import dataclasses

import pytest
from pydantic import ValidationError

from collector.memory import available_bytes
from collector.testing import make_batch, settings
from processors import memory_limiter
from processors.memory_limiter import MIB, MemoryLimiter, MemoryLimiterConfig, limits


class Stopped:
    """
    A clock that moves only when told.
    """

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def memory(monkeypatch):
    """
    How many MiB the process seems to use.
    """
    used = {"mib": 0}
    monkeypatch.setattr(memory_limiter, "resident_bytes", lambda: used["mib"] * MIB)
    return used


@pytest.fixture
def clock():
    return Stopped()


@pytest.fixture
def limiter(memory, clock):
    its = dataclasses.replace(settings("memory_limiter"), clock=clock)
    return MemoryLimiter(MemoryLimiterConfig(limit_mib=100, spike_limit_mib=20, check_interval=1), its)


def test_takes_data_below_the_soft_limit(memory, limiter):
    memory["mib"] = 79

    assert limiter.admits(10, 100) is None


def test_refuses_from_the_soft_limit_on_and_says_when_to_come_back(memory, limiter):
    memory["mib"] = 80

    refusal = limiter.admits(10, 100)

    assert ("memory", 1.0) == (refusal.reason, refusal.retry_after)


def test_counts_an_announced_body_as_used_already(memory, limiter):
    memory["mib"] = 70

    assert limiter.admits(0, 11 * MIB) is not None


def test_takes_data_again_once_memory_fell(memory, clock, limiter):
    memory["mib"] = 90
    limiter.admits(1, 1)
    memory["mib"], clock.now = 50, 2.0

    assert limiter.admits(1, 1) is None


def test_believes_a_measurement_for_the_check_interval(memory, clock, limiter):
    limiter.admits(1, 1)
    memory["mib"], clock.now = 90, 0.5

    assert limiter.admits(1, 1) is None


@pytest.mark.parametrize(("mib", "ready"), [(90, True), (100, False)])
def test_is_not_ready_from_the_hard_limit_on(memory, limiter, mib, ready):
    memory["mib"] = mib

    assert ready is limiter.is_ready()


def test_passes_on_what_was_admitted(limiter):
    batch = make_batch()

    assert batch is limiter.process(batch)


def test_a_fifth_is_kept_for_spikes_unless_told_otherwise():
    assert (100 * MIB, 80 * MIB) == limits(MemoryLimiterConfig(limit_mib=100))


def test_percentages_are_of_the_memory_this_process_may_use():
    total = available_bytes()

    assert (total // 2, total // 2 - total // 10) == limits(
        MemoryLimiterConfig(limit_percentage=50, spike_limit_percentage=10)
    )


@pytest.mark.parametrize(
    "config", [{}, {"limit_mib": 10, "spike_limit_mib": 10}, {"limit_percentage": 5, "spike_limit_percentage": 6}]
)
def test_limits_that_make_no_sense_are_refused(config):
    with pytest.raises(ValidationError):
        MemoryLimiterConfig(**config)
