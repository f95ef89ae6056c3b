"""
What is remembered of values changes nothing but the time it takes.
"""

import pytest

from collector.actions.config import ActionConfig
from collector.actions.groups import grouped
from collector.actions.pairs import head_of
from collector.actions.steps import steps_of
from collector.actions.values import text_pair
from tests.processors.attributes.changing import sha

TAG = 0x4A


@pytest.mark.parametrize(
    ("values", "text"),
    [(10, "{}"), (600, "{}"), (600, "{}" + "x" * 300), pytest.param(17_000, "{}", marks=pytest.mark.slow)],
)
def test_values_are_hashed_alike_when_new_when_known_and_when_forgotten(values, text):
    (group,) = grouped(tuple(steps_of(ActionConfig(action="hash", key="k"))), TAG)
    texts = [text.format(number).encode() for number in range(values)] * 2
    portions = [texts[start : start + 500] for start in range(0, len(texts), 500)] * 2

    for portion in portions:
        ((*fields,),) = group.fields([[text_pair(head_of(b"k"), value) for value in portion]])

        assert [b"J\x47\x0a\x01k\x12\x42\x0a\x40" + sha(value).encode() for value in portion] == fields


def test_steps_with_keys_in_common_go_together_and_others_by_themselves():
    actions = [
        {"key": "a", "action": "delete"},
        {"key": "b", "from_attribute": "c", "action": "upsert"},
        {"key": "d", "action": "hash"},
        {"key": "c", "action": "delete"},
        {"key": "d", "action": "delete"},
    ]
    steps = [step for action in actions for step in steps_of(ActionConfig(**action))]

    groups = grouped(tuple(steps), TAG)

    assert [(b"a",), (b"b", b"c"), (b"d",)] == sorted(group.keys for group in groups)
    assert [b"", None, None] == [group.constant for group in sorted(groups, key=lambda group: group.keys)]
