"""
Attributes of one key are judged at once where that is quicker, and what comes out is what each alone becomes.
"""

import random

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from processors.redaction.columns import columns
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN
from processors.redaction.pairs import read
from processors.redaction.texts import TextMask
from processors.redaction.values import ValueMask
from tests.bad_input.messages import field, number, text
from tests.processors.redaction.masking import KEY

KINDS = (
    lambda n: b"10.0.%d.%d" % (n % 256, n % 7),
    lambda n: b"10.0.0.%d-10.0.0.%d" % (n % 200, n % 200 + 5),
    lambda n: b"u%d@example.com" % n,
    lambda n: b"2001:db8::%x" % n,
    lambda n: b"+44 20 7946 %04d" % (n % 10_000),
    lambda n: b"123-45-%04d" % (n % 10_000),
    lambda n: b"plain %d" % n,
    lambda n: b"from 10.0.0.%d" % (n % 256),
    lambda n: b"127.0.0.1",
    lambda n: b"***.***.***.***",
    lambda n: b"219%06d" % (n % 10**6),
    lambda n: b"10.0.0.1 " + b"x" * (n % 300),
    lambda n: b"hmac-sha256:k:%032x" % n,
    lambda n: b"4111111111111111",
)
"""
Texts that are, or are not, what one detector finds as they stand.
"""
KEYS = [b"a", b"client.address", b"ssn", b"password", b"", b"version", b"k" * 130, b"blocked", b"\xc3\xa9"]
OPTIONS = {
    "all detectors": {"detectors": list(BUILT_IN)},
    "of which two find the same": {"detectors": {"own": {"regex": r"10\.\d+\.\d+\.\d+"}, "ipv4": {}}},
    "that look at edges": {"detectors": {"own": {"regex": r"^10\.[0-9.]+$"}}},
    "one that finds what was written": {"detectors": {"ipv4": {"replacement": "a@b.org"}, "email": {}}},
    "remove": {"detectors": {"ipv4": {"mode": "remove"}, "email": {"mode": "drop"}}},
    "keep_last": {"detectors": {"ipv4": {"keep_last": 2}, "email": {"mode": "hash"}}, "hmac_key": KEY},
    "some findings allowed": {"detectors": {"ipv4": {"allowed": ["^10.0.1"]}, "email": {}}},
    "some values allowed": {"detectors": ["ipv4", "email"], "allowed_values": ["^10.0.1"], "summary": "debug"},
    "summary": {"detectors": list(BUILT_IN), "summary": "debug"},
    "some keys": {"detectors": list(BUILT_IN), "blocked_keys": ["block"], "ignored_keys": ["client.address"]},
    "keys too": {"detectors": list(BUILT_IN), "redact_keys": True},
}


def pair(key, value):
    return field(1, key) + field(2, value)


def mask_of(options):
    return ValueMask(RedactionConfig.model_validate(OPTIONS[options]))


def _alone(mask, attribute):
    mask.effort.begin(1 << 30)
    return mask.pairs([attribute])


@pytest.fixture(scope="module", params=OPTIONS)
def masks(request):
    return mask_of(request.param), mask_of(request.param)


@given(seed=st.integers(0, 2**32))
@how(max_examples=15)
def test_attributes_of_one_key_become_what_each_becomes_alone(masks, seed):
    dice = random.Random(seed)
    chosen = {key: dice.sample(KINDS, dice.choice([1, 1, 1, 2])) for key in dice.sample(KEYS, 4)}
    attributes = {
        pair(key, text(dice.choice(kinds)(dice.randrange(1000)))): None
        for key, kinds in chosen.items()
        for _ in range(dice.choice([1, 4, 9]))
    }
    mask, alone = masks
    mask.effort.begin(1 << 30)

    together = mask.pairs(list(attributes))

    assert together == {key: verdict for one in attributes for key, verdict in _alone(alone, one).items()}


ODD = {
    "two keys": field(1, b"a") + pair(b"b", text(b"c")),
    "no key": field(2, text(b"b")),
    "value first": field(2, text(b"b")) + field(1, b"a"),
    "a longer length": b"\x0a\x81\x00a" + field(2, text(b"b")),
    "a field of tomorrow": pair(b"a", text(b"b")) + field(1999, b"new"),
    "two texts": pair(b"a", text(b"b") + text(b"c")),
}
"""
Attributes that are not as encoders write them.
"""
NEIGHBOURS = [pair(b"a", text(b"b")), pair(b"password", text(b"b")), pair(b"a", field(5, b"")), *ODD.values()]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_attribute_without_a_secret_stays_as_it_is_whatever_stands_beside_it(odd):
    mask = mask_of("all detectors")

    for others in [[], *([other] for other in NEIGHBOURS), NEIGHBOURS]:
        assert ODD[odd] not in mask.pairs(list(dict.fromkeys([*others, ODD[odd]])))


@pytest.mark.parametrize("kind", [text(b"b") + number(3, 1), text(b"b") + text(b"c")])
@pytest.mark.parametrize("others", [[], [field(5, b"")]])
def test_an_odd_body_without_a_secret_stays_as_it_is_whatever_stands_beside_it(kind, others):
    assert kind not in mask_of("all detectors").values([*others, kind])


def test_addresses_of_one_key_are_not_searched_one_by_one(monkeypatch):
    searched = []
    monkeypatch.setattr(TextMask, "many", lambda _, asked: searched.extend(asked) or [None] * len(asked))
    mask = mask_of("all detectors")

    mask.pairs([pair(b"client.address", text(b"10.0.0.%d" % n)) for n in range(9)])
    mask.pairs([pair(b"to", text(b"u%d@example.com" % n)) for n in range(9)])

    assert not searched


@given(
    st.lists(
        st.one_of(
            st.builds(
                lambda key, value: pair(key, text(value)),
                st.sampled_from([b"a", b"bc", b"", b"k" * 127, b"k" * 128]),
                st.binary(max_size=3) | st.sampled_from([b"x" * 123, b"x" * 124, b"x" * 130]),
            ),
            st.binary(max_size=9),
            st.sampled_from(
                [
                    pair(b"a", number(3, 1)),
                    field(1, b"a") + field(2, text(b"x")) + field(2, text(b"y")),
                    field(2, text(b"x")) + field(1, b"a"),
                    field(1, b"a") + field(2, text(b"x") + text(b"y")),
                    field(1, b"a"),
                ]
            ),
        ),
        max_size=40,
    )
)
def test_a_column_is_made_of_attributes_with_one_key_and_one_text(attributes):
    found, others = columns(attributes)

    assert sorted(attributes) == sorted([*others, *(one for column in found for one in column.attributes)])
    for key, these, texts in found:
        assert [(key, value) for value in texts] == [read(one) for one in these]
