from collector.wire.memo import Memo


class Rewriting:
    def __init__(self):
        self.asked = []

    def __call__(self, key_value):
        self.asked.append(key_value)
        return key_value.upper()


def test_an_answer_is_given_from_memory_the_second_time():
    rewrite = Rewriting()
    memo = Memo(rewrite)

    assert [b"A", b"A"] == memo.all([b"a", b"a"])
    assert [b"a"] == rewrite.asked


def test_what_is_asked_for_again_and_again_outlives_what_is_not():
    rewrite = Rewriting()
    memo = Memo(rewrite, size=2)

    for rare in (b"r1", b"r2", b"r3", b"r4", b"r5"):
        memo.all([b"often", rare])

    assert 1 == rewrite.asked.count(b"often")


def test_what_is_long_is_not_remembered():
    rewrite = Rewriting()
    memo = Memo(rewrite, longest=3)

    assert [b"LONG", b"LONG"] == memo.all([b"long", b"long"])
    assert [b"long", b"long"] == rewrite.asked


def test_no_bytes_delete():
    memo = Memo(lambda key_value: b"")

    assert [] == memo.all([b"a"])
