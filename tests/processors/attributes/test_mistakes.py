import pytest
from pydantic import ValidationError

from processors.attributes import AttributesConfig


@pytest.mark.parametrize(
    ("action", "mistake"),
    [
        ({"action": "insert", "value": 1}, "the action insert needs a key"),
        ({"action": "delete"}, "needs a key or a pattern"),
        ({"action": "upsert", "key": "a"}, "needs one of value, from_attribute, from_context, default_value"),
        ({"action": "upsert", "key": "a", "value": 1, "from_attribute": "b"}, "only one of value, from_attribute"),
        ({"action": "upsert", "key": "a", "value": "", "from_context": "b"}, "only one of value, from_context"),
        ({"action": "delete", "key": "a", "value": 1}, "value has no meaning for the action delete"),
        ({"action": "hash", "key": "a", "value": ""}, "value has no meaning for the action hash"),
        ({"action": "insert", "key": "a", "value": 1, "pattern": "x"}, "pattern has no meaning for the action insert"),
        ({"action": "extract", "key": "a"}, "extract needs a pattern"),
        ({"action": "extract", "key": "a", "pattern": "x"}, "needs a group with a name"),
        ({"action": "extract", "key": "a", "pattern": "(?P<b>x)(y)"}, "every group in the pattern"),
        ({"action": "extract", "pattern": "(?P<b>x)"}, "the action extract needs a key"),
        ({"action": "delete", "pattern": "("}, "RE2 cannot run"),
        ({"action": "convert", "key": "a"}, "needs a converted_type: int, double, string"),
        ({"action": "convert", "key": "a", "converted_type": "bool"}, "'int', 'double' or 'string'"),
        ({"action": "rename", "key": "a"}, "'insert', 'update'"),
        ({"action": "insert", "key": "a", "from_context": "auth.subject"}, "auth.subject is not known here"),
        ({"action": "insert", "key": "a", "from_context": "metadata."}, "needs the name of a header"),
        ({"action": "insert", "key": "a", "value": 2**64}, "[Oo]ut of range|out of range|64"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(action, mistake):
    with pytest.raises(ValidationError, match=mistake):
        AttributesConfig.model_validate({"actions": [action]})


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        ({}, "needs at least one of actions, keep_keys, keep_key_patterns, limit"),
        ({"keep_keys": []}, "at least 1 item"),
        ({"limit": {}}, "max_values_per_key"),
        ({"limit": {"max_values_per_key": 0}}, "greater than or equal to 1"),
        ({"limit": {"max_values_per_key": 1, "keys": []}}, "at least 1 item"),
    ],
)
def test_a_configuration_that_does_nothing_is_refused(config, mistake):
    with pytest.raises(ValidationError, match=mistake):
        AttributesConfig.model_validate(config)
