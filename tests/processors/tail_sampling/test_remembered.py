"""What was decided is remembered for as many traces as was configured, in little memory."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sampling import ALWAYS
from processors.tail_sampling.remembered import DroppedTraces, Kept, KeptTraces, Reason


def trace_id(number):
    return number.to_bytes(16, "big")


KEPT = Kept(Reason("slow"), ALWAYS, None, 1.0)


def test_the_kept_trace_that_was_asked_for_longest_ago_is_forgotten_first():
    kept = KeptTraces(2)
    kept.add(trace_id(1), KEPT)
    kept.add(trace_id(2), KEPT)
    kept.find(trace_id(1))
    kept.add(trace_id(3), KEPT)

    assert [KEPT, None, KEPT] == [kept.find(trace_id(number)) for number in (1, 2, 3)]


def test_a_memory_of_no_size_remembers_nothing():
    kept, dropped = KeptTraces(0), DroppedTraces(0)
    kept.add(trace_id(1), KEPT)
    dropped.add([trace_id(1)])

    assert (None, False) == (kept.find(trace_id(1)), trace_id(1) in dropped)


@pytest.mark.slow
@given(st.sets(st.binary(min_size=16, max_size=16), max_size=100), st.binary(min_size=16, max_size=16))
def test_a_dropped_trace_is_known_and_no_other(ids, other):
    dropped = DroppedTraces(1000)
    for id_ in ids:
        dropped.add([id_])

    assert all(id_ in dropped for id_ in ids)
    assert (other in dropped) == (other in ids)


def test_a_fingerprint_is_not_made_of_parts_of_two_others():
    dice = random.Random(1)
    dropped, prints = DroppedTraces(98), []
    for _ in range(128):
        trace_id = dice.randbytes(16)
        dropped.add([trace_id])
        prints.append(dropped._place(trace_id)[1:])

    known = {(first, rest) for first, _ in prints for _, rest in prints if _finds(dropped, first, rest)}

    assert set(prints) == known


def test_what_was_never_written_is_no_fingerprint():
    dropped = DroppedTraces(98)
    ids = [trace_id(number) for number in range(20_000)]  # so many that all first bytes occur, whatever Python's hash

    firsts = {dropped._place(id_)[1] for id_ in ids}
    assert not _finds(dropped, min(firsts), bytes(5))
    assert set(range(1, 256)) == firsts
    assert not any(id_ in dropped for id_ in ids)
    assert set() == dropped.among(ids)


def _finds(dropped, first, rest):
    dropped._place = lambda _: (0, first, rest)
    return b"" in dropped


@pytest.mark.slow
def test_of_the_last_dropped_traces_hardly_any_is_forgotten_and_no_other_is_taken_for_one():
    """
    A million of them in production; with fewer, chance is the same: 12 are forgotten on average, 80 in one of a million
    runs.
    """
    size = 200_000
    dice = random.Random(2)
    ids = [dice.randbytes(16) for _ in range(3 * size)]
    dropped = DroppedTraces(size)
    dropped.add(ids)

    forgotten = sum(id_ not in dropped for id_ in ids[-size:])
    taken_for_one = sum(dice.randbytes(16) in dropped for _ in range(size))

    assert dropped.memory / size < 8
    assert forgotten < 80
    assert 0 == taken_for_one


def test_dropped_traces_take_less_than_8_bytes_each():
    """
    All of which it says it takes: what is not in the table, whose memory is that of the system, is next to nothing.
    """
    size = 20_000
    ids = [trace_id(number) for number in range(3 * size)]
    tracemalloc.start()
    dropped = DroppedTraces(size)
    dropped.add(ids)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held + len(dropped._table) < 8 * size
    assert held + len(dropped._table) - 1000 < dropped.memory


@pytest.mark.slow
def test_a_kept_trace_takes_about_260_bytes():
    tracemalloc.start()
    kept = KeptTraces(20_000)
    for number in range(20_000):
        kept.add(trace_id(number), Kept(KEPT.reason, number << 40, None, float(number)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 20_000 == len(kept)
    assert 200 < held / 20_000 < 320


def test_asking_for_many_is_asking_for_each():
    dropped, kept = DroppedTraces(1000), KeptTraces(1000)
    some = [trace_id(number) for number in range(300)]
    for each in some[:100]:
        dropped.add([each])
    for each in some[100:200]:
        kept.add(each, KEPT)
    asked = dict.fromkeys(some[50:250])

    assert set(some[50:100]) == dropped.among(asked) == {one for one in asked if one in dropped}
    assert set(some[100:200]) == kept.among(asked.keys())
    assert set() == DroppedTraces(0).among(asked)
