"""
What is remembered of pieces: never what comes out, only what it costs.
"""

import tracemalloc

from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from processors.redaction.memory import Memory
from processors.redaction.verdicts import Verdict

ROOM = 1 << 20


class Judge:
    """
    Masks what begins with `x`, and counts what it is asked.
    """

    def __init__(self):
        self.asked = 0

    def __call__(self, pieces):
        assert len(set(pieces)) == len(pieces)
        self.asked += len(pieces)
        return {piece: Verdict(b"***", ("x",)) for piece in pieces if piece.startswith(b"x")}


def requests(count, size=100, start=0):
    return [
        [b"%s number %d" % (b"x" if i % 9 == 0 else b"y", n * size + i) for i in range(size)]
        for n in range(start, start + count)
    ]


@given(
    requests=st.lists(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=3), max_size=60),
    room=st.sampled_from([200, 4000, ROOM]),
)
@how(max_examples=30)
def test_what_comes_out_is_the_same_whatever_is_remembered(requests, room):
    memory = Memory(Judge(), room)
    for request in requests:
        lists = [[b"x%d" % n if n % 5 == 0 else b"y%d" % n for n in numbers] for numbers in request]
        changes, chosen = memory.changes(lists)

        expected = [[piece for piece in pieces if piece.startswith(b"x")] for pieces in lists]
        assert expected == [list(these) for these in chosen] or not any(expected)
        assert {changes[piece].new for these in expected for piece in these} <= {b"***"}


def test_pieces_that_come_again_are_judged_once():
    memory = Memory(judge := Judge(), ROOM)
    cycle = requests(8)
    for request in cycle * 8:
        memory.changes([request])
    judge.asked = 0
    for request in cycle:
        memory.changes([request])

    assert judge.asked == 0


def test_what_is_remembered_stays_within_its_room():
    memory = Memory(judge := Judge(), ROOM)
    (again,) = requests(1)
    tracemalloc.start()
    for n in range(1, 300):
        memory.changes([again, *requests(1, start=n)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    judge.asked = 0
    memory.changes(requests(9, start=291))

    assert ROOM // 4 < held < 1.5 * ROOM
    assert judge.asked == 0


def test_of_pieces_that_never_come_again_few_are_remembered():
    memory = Memory(judge := Judge(), ROOM)
    new = requests(100)
    for request in new:
        memory.changes([request])
    judge.asked = 0
    memory.changes(new)

    assert judge.asked > 9000


def test_pieces_that_begin_to_come_again_are_remembered_soon():
    memory = Memory(judge := Judge(), ROOM)
    for request in requests(100):
        memory.changes([request])
    cycle = requests(5, start=100)
    for request in cycle * 16:
        memory.changes([request])
    judge.asked = 0
    for request in cycle:
        memory.changes([request])

    assert judge.asked == 0


def test_pieces_that_come_again_beside_new_ones_are_remembered():
    memory = Memory(judge := Judge(), ROOM)
    (again,) = requests(1)
    new = requests(100, start=1)
    for request in new[:50]:
        memory.changes([again, request])
    judge.asked = 0
    for request in new[50:]:
        memory.changes([again, request])

    assert judge.asked == 50 * 100
