"""What a file of sampling strategies means, and what can be wrong with one."""

import re

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from collector.extensions.jaeger_remote_sampling.answers import MESSAGES, as_json, as_protobuf
from collector.extensions.jaeger_remote_sampling.strategies import Strategy, parse
from tests.collector.extensions.sampling_files import FIRST, TOLD, operation, text


def strategy(content, service):
    strategies = parse(text(content), 0.001)
    return strategies.services.get(service, strategies.default)


@pytest.mark.parametrize(("content", "service", "told"), TOLD)
def test_services_are_told_what_jaeger_tells_them(content, service, told):
    assert orjson.dumps(told) == as_json(strategy(content, service))


@pytest.mark.parametrize(("content", "service", "told"), TOLD)
def test_over_grpc_they_are_told_the_same(content, service, told):
    answer = MESSAGES["SamplingStrategyResponse"].FromString(as_protobuf(strategy(content, service)))

    # enums are numbers here, and zeros are left out
    expected = _without_zeros({**told, "strategyType": int(told["strategyType"] == "RATE_LIMITING")})
    assert expected == _without_zeros(MessageToDict(answer))


def _without_zeros(value):
    if isinstance(value, dict):
        return {key: _without_zeros(item) for key, item in value.items() if item != 0}
    return [_without_zeros(item) for item in value] if isinstance(value, list) else value


def test_the_bytes_over_grpc_are_these():
    assert "08011a02082a" == as_protobuf(Strategy(rate=42)).hex()
    assert "120909000000000000e03f" == as_protobuf(Strategy(0.5)).hex()


def test_operations_with_a_rate_are_left_out_with_a_warning():
    warnings = parse(text(FIRST), 0.001).warnings

    assert [
        "default_strategy.operation_strategies[2]: an operation cannot be ratelimiting; 'spam' is left out",
        "service_strategies[0].operation_strategies[2]: an operation cannot be ratelimiting; 'op2' is left out",
        "service_strategies[1].operation_strategies[1]: an operation cannot be ratelimiting; 'op4' is left out",
    ] == list(warnings)


@pytest.mark.parametrize("given_type", [{"type": "adaptive"}, {}, {"type": None}])
def test_an_unknown_type_is_the_default_probability_with_a_warning(given_type):
    strategies = parse(text({"service_strategies": [{"service": "a", "param": 0.7, **given_type}]}), 0.25)

    assert Strategy(0.25) == strategies.services["a"]
    (warning,) = strategies.warnings
    assert warning.startswith("service_strategies[0]: unknown type")
    assert warning.endswith("probabilistic with 0.25 is used")


def test_an_operation_of_unknown_type_is_the_default_probability_too():
    content = {
        "default_strategy": {"type": "probabilistic", "param": 1, "operation_strategies": [operation("a", "x", 1)]}
    }

    assert (("a", 0.25),) == parse(text(content), 0.25).default.operations.listed


@pytest.mark.parametrize(
    ("type_", "param", "expected"),
    [
        ("probabilistic", 1.5, Strategy(1.0)),
        ("probabilistic", -1, Strategy(0.0)),
        ("ratelimiting", -1, Strategy(rate=0)),
        ("ratelimiting", 1e10, Strategy(rate=2**31 - 1)),
    ],
)
def test_a_number_that_no_sampler_takes_becomes_the_nearest_with_a_warning(type_, param, expected):
    strategies = parse(text({"default_strategy": {"type": type_, "param": param}}), 0.001)

    assert expected == strategies.default
    assert "is not between" in strategies.warnings[0]


def test_keys_that_mean_nothing_are_warned_of():
    content = {"defaults": {}, "default_strategy": {"type": "probabilistic", "param": 1, "parm": 2}}

    assert (
        "defaults: unknown key; it is ignored",
        "default_strategy.parm: unknown key; it is ignored",
    ) == parse(text(content), 0.001).warnings


def test_of_a_service_that_is_there_twice_the_last_one_counts():
    services = [{"service": "a", "type": "probabilistic", "param": param} for param in (0.1, 0.2)]

    strategies = parse(text({"service_strategies": services}), 0.001)

    assert Strategy(0.2) == strategies.services["a"]
    assert ("service_strategies[1]: 'a' is there twice; the last one counts",) == strategies.warnings


@pytest.mark.parametrize("nothing", ["null", "{}", '{"default_strategy": null, "service_strategies": null}'])
def test_nothing_is_the_default_probability(nothing):
    assert Strategy(0.001) == parse(nothing, 0.001).default


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1', "not JSON"),
        ("\ud800", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("5", "must be an object"),
        ('"text"', "must be an object"),
        ('{"default_strategy": []}', "default_strategy: must be an object"),
        ('{"default_strategy": {"param": "0.5"}}', "default_strategy.param: must be a valid number"),
        ('{"default_strategy": {"param": true}}', "default_strategy.param: must be a valid number"),
        ('{"default_strategy": {"type": 5}}', "default_strategy.type: must be a valid string"),
        ('{"service_strategies": {}}', "service_strategies: must be a valid list"),
        ('{"service_strategies": [{"service": 5}]}', "service_strategies[0].service: must be a valid string"),
        (
            '{"service_strategies": [{}, {"operation_strategies": [{"operation": []}]}]}',
            "service_strategies[1].operation_strategies[0].operation: must be a valid string",
        ),
    ],
)
def test_what_is_of_the_wrong_type_is_named_with_its_place(content, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(content, 0.001)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "default_strategy",
                    "service_strategies",
                    "operation_strategies",
                    "service",
                    "type",
                    "param",
                    "operation",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(_JSON)
def test_any_json_is_strategies_or_a_mistake(content):
    try:
        strategies = parse(orjson.dumps(content), 0.001)
    except ValueError:
        return

    for each in (strategies.default, *strategies.services.values()):
        MESSAGES["SamplingStrategyResponse"].FromString(as_protobuf(each))
        assert "strategyType" in orjson.loads(as_json(each))


@pytest.mark.parametrize("each", [5, {"unknown": 1}])
def test_what_is_wrong_throughout_a_file_is_not_said_of_every_place(each):
    content = text({"service_strategies": [each] * 10_000})

    try:
        complaints = list(parse(content, 0.001).warnings)
    except ValueError as error:
        complaints = str(error).split("; ")

    assert 21 == len(complaints)
    assert re.fullmatch(r"and \d+ more", complaints[-1])
