import dataclasses

import pytest
from pydantic import ValidationError

from collector.batch import Signal
from collector.memory import available_bytes
from collector.testing import make_batch, settings
from processors import memory_limiter
from processors.memory_limiter import MIB, MemoryLimiter, MemoryLimiterConfig, Use, limits


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
def limiter(memory, clock, its):
    return MemoryLimiter(MemoryLimiterConfig(limit_mib=100, spike_limit_mib=20, check_interval=1), its)


@pytest.fixture
def its(clock):
    return dataclasses.replace(settings("memory_limiter"), clock=clock)


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


def test_what_data_took_and_left_is_not_in_use_since_the_next_data_takes_it(memory, clock, its, limiter):
    """
    Python gives little back to the system, so a limiter that looks at nothing else would refuse for ever.
    """
    answers = []
    for now, mib, held in [(0, 40, 0), (2, 90, 1000), (4, 90, -900), (6, 90, 0), (8, 90, +400), (10, 90, +400)]:
        memory["mib"], clock.now = mib, now
        its.telemetry.held(Signal.TRACES, held)
        answers.append(limiter.admits(1, 1) is None)

    assert [True, False, True, True, True, False] == answers


@pytest.mark.parametrize(
    ("then", "now", "used"),
    [
        ((100, 1000), (100, 1000), 100),
        ((100, 1000), (100, 500), 70),
        ((100, 1000), (100, 0), 40),
        ((100, 1000), (101, 0), 41),
        ((100, 1000), (60, 0), 40),
        ((100, 1000), (60, 900), 60),
        ((100, 1000), (90, 2000), 90),
        ((100, 1000), (200, 0), 140),
        ((100, 1000), (200, 10), 200),
        ((100, 0), (100, 0), 100),
    ],
    ids=[
        "the same",
        "half",
        "nothing held",
        "blocks that stay",
        "given back",
        "given back, full",
        "smaller items",
        "growth by something else",
        "larger items",
        "growth that was never data",
    ],
)
def test_an_estimate_counts_new_growth_in_full(then, now, used):
    use = Use()
    use.estimate(40, 0)
    use.estimate(*then)

    assert used == use.estimate(*now)


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
