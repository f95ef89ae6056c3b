"""What is remembered of decisions, and for how long."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sampling import threshold
from processors.tail_sampling.policy import Verdict, Vote
from processors.tail_sampling.ring import How, Ring
from processors.tail_sampling.trace import Trace

NOON = 1_700_000_000.0


class Duration:
    """
    A policy that explains, and is not asked to vote here.
    """

    def evaluate(self, trace: Trace, now: float) -> Verdict:
        return Verdict(Vote.SAMPLED, trace.duration)

    def explain(self, verdict: Verdict) -> Mapping[str, Any]:
        return {"duration_ms": verdict.value}


POLICIES = {"slow": Duration(), "errors": Duration(), "some": Duration()}
VERDICTS = (Verdict(Vote.NOT_SAMPLED, 12.5), None)


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def note(ring: Ring, number: int = 1, **how: Any) -> None:
    details = {"at": NOON, "spans": 3, "kept": False, "policy": "", "verdicts": VERDICTS, "how": How.DECISION_WAIT}
    ring.note(trace_id(number), **{**details, **how})


@pytest.fixture
def ring() -> Ring:
    return Ring(10, POLICIES)


def test_says_why_a_trace_was_not_kept(ring: Ring) -> None:
    note(ring)

    assert ring.decisions_on(trace_id(1)) == [
        {
            "decision": "not_sampled",
            "policy": None,
            "decided_at": "2023-11-14T22:13:20.000+00:00",
            "because": "decision_wait",
            "spans": 3,
            "policies": [
                {"policy": "slow", "vote": "not_sampled", "values": {"duration_ms": 12.5}},
                {"policy": "errors", "vote": "error"},
                {"policy": "some", "vote": "not_asked"},
            ],
        }
    ]


def test_says_how_many_a_kept_trace_stands_for(ring: Ring) -> None:
    note(ring, kept=True, policy="some", threshold=threshold(0.25))

    (decision,) = ring.decisions_on(trace_id(1))

    assert (decision["decision"], decision["policy"]) == ("sampled", "some")
    assert (decision["threshold"], decision["adjusted_count"]) == ("c", 4)


@pytest.mark.parametrize("veto", [Vote.DROPPED, Vote.INVERT_NOT_SAMPLED])
def test_a_veto_is_called_dropped(ring: Ring, veto: Vote) -> None:
    note(ring, policy="slow", verdicts=(Verdict(veto),))

    assert ring.decisions_on(trace_id(1))[0]["decision"] == "dropped"


def test_knows_nothing_of_other_traces(ring: Ring) -> None:
    note(ring)

    assert ring.decisions_on(trace_id(2)) == []


def test_late_spans_count_with_the_decision_they_followed(ring: Ring) -> None:
    note(ring)
    for seconds in (5, 6):
        ring.note_late(trace_id(1), at=NOON + seconds, spans=2, kept=False)

    (decision,) = ring.decisions_on(trace_id(1))

    assert (decision["spans"], decision["late_spans"]) == (3, 4)
    assert decision["last_late_at"] == "2023-11-14T22:13:26.000+00:00"


def test_late_spans_of_a_decision_that_is_forgotten_stand_for_it(ring: Ring) -> None:
    ring.note_late(trace_id(1), at=NOON, spans=2, kept=True, policy="slow")

    (decision,) = ring.decisions_on(trace_id(1))

    assert (decision["decision"], decision["because"], decision["policies"]) == ("sampled", "late", [])


def test_a_trace_can_be_decided_on_more_than_once_the_newest_comes_last(ring: Ring) -> None:
    for spans in range(1, 7):
        note(ring, spans=spans)

    assert [decision["spans"] for decision in ring.decisions_on(trace_id(1))] == [3, 4, 5, 6]
    assert len(ring) == 4


def test_the_trace_that_was_decided_on_longest_ago_is_forgotten_first(ring: Ring) -> None:
    for number in (*range(10), 0, 10):
        note(ring, number)

    known = [number for number in range(11) if ring.decisions_on(trace_id(number))]

    assert known == [0, *range(3, 11)]


def test_a_ring_of_no_size_remembers_nothing() -> None:
    ring = Ring(0, POLICIES)

    note(ring)

    assert (len(ring), ring.decisions_on(trace_id(1))) == (0, [])


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 8))
def test_holds_no_more_than_it_may(numbers: list[int], size: int) -> None:
    ring = Ring(size, POLICIES)
    for number in numbers:
        note(ring, number)

    assert len(ring) == sum(len(ring.decisions_on(trace_id(number))) for number in range(13)) <= size


def test_a_decision_with_four_votes_takes_less_than_900_bytes() -> None:
    ring = Ring(2_000, POLICIES)
    tracemalloc.start()
    for number in range(2_000):
        votes = tuple([Verdict(Vote.NOT_SAMPLED, number * 1.5) for _ in range(4)])
        note(ring, number, verdicts=votes, at=NOON + number)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held / 2_000 < 900


@pytest.mark.parametrize("size", [1, 2, 3])
def test_one_trace_decided_on_more_often_than_can_be_remembered_has_its_last_decisions(size: int) -> None:
    ring = Ring(size, POLICIES)
    for decision in range(size + 2):
        note(ring, spans=decision)

    assert [decision["spans"] for decision in ring.decisions_on(trace_id(1))] == [*range(2, size + 2)]
    assert len(ring) == size
