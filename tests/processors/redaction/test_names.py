"""
Which keys say something of their values is known by the names in them, without a look at all others.
"""

import random

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN
from processors.redaction.values import ValueMask
from tests.processors.redaction.requests import unusual

_PARTS = (
    "password passwd pass_ pwd pass secret token credentials api app _key .key - _ . : = > < -- \" ' [ ] ( ) \\ ssn "
    "social security phone Phone tel Tel telno telefon teléfono mobile cell fax sms whatsapp number no 전화 연락처 rrn "
    "resident registration 주민번호 passport aws Aws authorization bearer basic card + 1 82 ab x-amz-signature authkey "
    "é %3D \\u003d https:// @ a.b 10. 4111 DE89 eyJ redaction.masked.keys telemetry tokens"
)
KEYS = st.lists(st.sampled_from([*_PARTS.split(), " "]), min_size=1, max_size=5).map("".join)
VALUES = st.sampled_from(["", "a", "219099999", "2125550100", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a@b.org", 7])


def _masks():
    """
    Returns what goes by names, and what has a look at all keys.
    """
    config = RedactionConfig.model_validate({"detectors": list(BUILT_IN)})
    by_name, one_by_one = ValueMask(config), ValueMask(config)
    one_by_one._are_known_by_name = False
    return by_name, one_by_one


BY_NAME, ONE_BY_ONE = _masks()
PAUSED, _ = _masks()
PAUSED._pause = 1 << 60


def _value(value):
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)


def _pair(key, value):
    return KeyValue(key=key, value=value).SerializeToString(deterministic=True)


def _nested(key, value):
    inner = KeyValueList(values=[KeyValue(key=key, value=_value(value))])
    return AnyValue(array_value=ArrayValue(values=[AnyValue(kvlist_value=inner)]))


@given(KEYS)
@how(max_examples=300)
def test_every_key_that_says_something_has_a_name_in_it(key):
    rule = ONE_BY_ONE._keys.rule(key.encode())

    says_something = rule.tells is not None or rule.introduces
    assert not says_something or BY_NAME._scanner.suspects([_pair(key, _value("x"))], 9) != ((), ())


@given(st.lists(st.tuples(KEYS, VALUES, st.booleans()), max_size=5))
@how(max_examples=150)
def test_what_becomes_of_attributes_and_bodies_is_the_same_as_if_all_keys_were_looked_at(given):
    attributes = [_pair(key, _nested("x", value) if deep else _value(value)) for key, value, deep in given]
    deeper = [_pair("x", _nested(key, value)) for key, value, _ in given]
    bodies = [_nested(key, value).SerializeToString(deterministic=True) for key, value, _ in given]

    assert BY_NAME.pairs([*attributes, *deeper]) == ONE_BY_ONE.pairs([*attributes, *deeper])
    assert BY_NAME.values(bodies) == ONE_BY_ONE.values(bodies)


@given(st.lists(st.tuples(KEYS, VALUES, st.integers(0, 2**32)), max_size=5))
@how(max_examples=150)
def test_what_becomes_of_attributes_in_odd_writing_depends_on_nothing_but_them(given):
    odd = [
        unusual(_pair(key, _nested("x", value)), KeyValue.DESCRIPTOR, random.Random(seed)) for key, value, seed in given
    ]
    alone = {piece: verdict for one in odd for piece, verdict in BY_NAME.pairs([one]).items()}

    assert BY_NAME._pause == 0
    assert PAUSED.pairs(odd) == alone


def test_where_many_have_a_name_all_keys_are_looked_at_and_as_much_is_found():
    mask, one_by_one = _masks()
    attributes = [_pair(f"token{'s' * (n % 2)}", _value(f"x{n}")) for n in range(500)]
    few = [_pair("password", _value("x")), *[_pair(f"n{n}", _value("x")) for n in range(500)]]

    assert mask.pairs(attributes) == one_by_one.pairs(attributes)
    assert mask._pause > 0
    assert list(mask.pairs(few)) == few[:1]


@pytest.mark.parametrize("config", [{"detectors": {"own": {"regex": r"own=(\w+)"}}}, {"blocked_keys": ["own"]}])
def test_users_patterns_and_lists_of_keys_have_all_keys_looked_at(config):
    mask = ValueMask(RedactionConfig.model_validate({"allow_all_keys": True, **config}))
    attributes = [_pair("own", _value("x")), _pair("other", _value("x"))]

    assert not mask._are_known_by_name
    assert list(mask.pairs(attributes)) == attributes[:1]
