import hashlib
import hmac

import pytest

from collector.testing import make_spans
from tests.processors.redaction.masking import ALL, KEY, attributes, counter, log_of, run, text

DETECTORS = f"detectors: {ALL}"


def test_the_value_of_a_key_that_names_a_secret_is_masked_whatever_it_is():
    given = {"api_key": "a", "db.password": "b", "session.token": "c d", "clientSecret": "é", "user": "x"}

    masked = attributes(DETECTORS, given)

    assert masked == {**dict.fromkeys(given, "***"), "user": "x"}


@pytest.mark.parametrize(
    ("key", "value", "replacement"),
    [
        ("ssn", "219099999", "***-**-****"),
        ("customer.ssn", "219099999", "***-**-****"),
        ("social_security_number", "219099999", "***-**-****"),
        ("passport", "219099999", "*********"),
        ("us_passport_number", "C12345678", "*********"),
        ("rrn", "9001011234567", "******-*******"),
        ("phone", "2125550100", "***-****"),
        ("user.phoneNumber", "0301234567", "***-****"),
        ("fax", "030 1234567", "***-****"),
        ("전화", "0212345678", "***-****"),
        ("card_number", "4012888888881881003", "****-****-****-****"),
        ("aws_access", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "***"),
        ("http.request.header.authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
    ],
)
def test_a_number_is_what_its_key_says(key, value, replacement):
    assert attributes(DETECTORS, {key: value}) == {key: replacement}
    assert attributes(DETECTORS, {"other": value}) == {"other": value}


def test_a_key_says_it_of_all_that_is_in_a_map_or_an_array():
    given = {"ssn": ["219099999", {"value": "219099999"}], "password": {"old": "a", "new": ["b"]}}

    masked = attributes(DETECTORS, given)

    assert masked == {
        "ssn": ["***-**-****", {"value": "***-**-****"}],
        "password": {"old": "***", "new": ["***"]},
    }


def test_keys_in_maps_and_in_bodies_say_it_too():
    given = {"deep": [{"ssn": "219099999", "password": "a", "x": "219099999"}]}
    expected = {"deep": [{"ssn": "***-**-****", "password": "***", "x": "219099999"}]}

    assert attributes(DETECTORS, given) == expected
    assert log_of(DETECTORS, body=given).body == expected


def test_a_key_says_nothing_of_what_is_no_number_of_its_kind():
    given = {"ssn": "unknown", "phone": "home", "passport": "yes"}

    assert attributes(DETECTORS, given) == given


def test_what_a_key_says_is_masked_in_the_mode_of_its_detector():
    options = "detectors: {ssn: {keep_last: 4}, api_key: {mode: remove}, email: {}}"

    assert attributes(options, {"ssn": "219099999", "password": "x", "a": "b"}) == {"ssn": "*****9999", "a": "b"}


def test_only_allowed_keys_stay_and_what_went_is_counted():
    outcome = run("allowed_keys: [a, b], blocked_values: [x]", make_spans({"attributes": {"a": "1x", "c": "2"}}))

    assert dict(outcome.records[0].items()) == {"a": "1****"}
    assert counter(outcome, "removed_keys") == 1


def test_allowed_keys_are_asked_of_the_maps_in_bodies_but_not_of_those_in_attributes():
    options = "allowed_keys: [a, m]"
    given = {"a": "1", "c": "2", "m": {"c": "3", "a": "4"}}

    assert attributes(options, given) == {"a": "1", "m": {"c": "3", "a": "4"}}
    assert log_of(options, body=given).body == {"a": "1", "m": {"a": "4"}}


def test_ignored_keys_go_before_all_other_rules():
    options = (
        f"{DETECTORS}, allowed_keys: [a], ignored_keys: [safe], ignored_key_patterns: ['^ok\\.'], "
        "blocked_key_patterns: ['safe']"
    )
    given = {"safe": "a@b.org", "ok.x": "a@b.org", "a": "a@b.org", "c": "d"}

    assert attributes(options, given) == {"safe": "a@b.org", "ok.x": "a@b.org", "a": "***@***.***"}


def test_ignored_keys_are_ignored_in_maps():
    options = f"{DETECTORS}, ignored_keys: [safe]"
    given = {"m": {"safe": {"password": "x"}, "to": "a@b.org"}}

    assert attributes(options, given) == {"m": {"safe": {"password": "x"}, "to": "***@***.***"}}


@pytest.mark.parametrize("setting", ["blocked_key_patterns", "blocked_keys"])
def test_the_whole_value_of_a_blocked_key_is_masked_whatever_type_it_has(setting):
    given = {"my.token": "x", "token_count": 7, "tokens": ["a", "b"], "token": {"a": "b"}, "a": "b"}

    masked = attributes(f"allow_all_keys: true, {setting}: ['tok']", given)

    assert masked == {**dict.fromkeys(given, "****"), "a": "b"}


def test_blocked_keys_are_blocked_in_maps_and_in_bodies():
    options = "allow_all_keys: true, blocked_key_patterns: ['^pin$']"
    given = {"m": [{"pin": "1234", "a": "b"}]}

    assert attributes(options, given) == {"m": [{"pin": "****", "a": "b"}]}
    assert log_of(options, body=given).body == {"m": [{"pin": "****", "a": "b"}]}


def test_allowed_values_go_before_blocked_keys_and_blocked_values_in_attributes():
    options = "allow_all_keys: true, blocked_keys: [pin], blocked_values: ['\\d+'], allowed_values: ['^00+$']"

    assert attributes(options, {"pin": "000", "a": "000", "b": "7 000"}) == {"pin": "000", "a": "000", "b": "**** ****"}


def test_blocked_keys_go_before_allowed_values_in_bodies():
    options = "allow_all_keys: true, blocked_keys: [pin], allowed_values: ['^000$']"

    assert log_of(options, body={"pin": "000"}).body == {"pin": "****"}


def test_allowed_values_are_left_by_detectors_too():
    assert text("detectors: [email], allowed_values: ['@example\\.com$']", "x@example.com") == "x@example.com"


@pytest.mark.parametrize(
    ("function", "digest"),
    [
        ("md5", hashlib.md5),
        ("sha1", hashlib.sha1),
        ("sha3", hashlib.sha3_256),
    ],
)
def test_blocked_keys_and_values_are_hashed_in_hexadecimal(function, digest):
    options = f"allow_all_keys: true, blocked_keys: [pin], blocked_values: ['secret'], hash_function: {function}"

    masked = attributes(options, {"pin": "1234", "a": "a secret!"})

    assert masked == {"pin": digest(b"1234").hexdigest(), "a": f"a {digest(b'secret').hexdigest()}!"}


@pytest.mark.parametrize(("function", "name"), [("hmac-sha256", "sha256"), ("hmac-sha512", "sha512")])
def test_hashes_with_a_key_are_hmacs(function, name):
    options = f"allow_all_keys: true, blocked_keys: [pin], hash_function: {function}, hmac_key: {KEY * 2}"

    assert attributes(options, {"pin": "1234"}) == {"pin": hmac.new((KEY * 2).encode(), b"1234", name).hexdigest()}


def test_a_key_that_the_user_allows_by_name_is_not_masked_itself():
    options = "detectors: [email], allowed_keys: ['a@b.org'], redact_keys: true"

    assert attributes(options, {"a@b.org": "1", "c@d.org": "2"}) == {"a@b.org": "1"}


def test_a_long_key_is_looked_at_like_a_short_one():
    key = "x" * 300 + ".password"

    assert attributes(DETECTORS, {key: "a", "b": "c"}) == {key: "***", "b": "c"}
