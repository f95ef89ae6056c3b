import pytest

from exporters.elasticsearch.fragments import Memory


@pytest.mark.parametrize("question", [b"x" * 20_000, ("a", ("b", "x" * 20_000), 5)])
def test_what_is_large_is_answered_and_not_remembered(question):
    asked = []
    memory = Memory(lambda question: asked.append(question) or len(asked), 4)

    assert [1, 2] == [memory[question] for _ in range(2)]
    assert {} == memory


def test_two_generations_are_remembered():
    asked = []
    memory = Memory(lambda question: asked.append(question) or question * 2, 2)

    assert [2, 4, 6, 2, 4, 6] == [memory[n] for n in (1, 2, 3, 1, 2, 3)]
    assert [1, 2, 3] == asked
