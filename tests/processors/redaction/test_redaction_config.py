import pytest

from collector.errors import ConfigError
from collector.testing import make_spans
from tests.processors.redaction.masking import KEY, attributes, run, text

SHORT = "0123456789"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("detectors: [emial]", "no detector is called 'emial': there are"),
        ("detectors: [email, email]", "named twice: email"),
        ("detectors: {email: {regex: x}}", "email is built in"),
        ("detectors: {own: {regex: '(?<=a)b'}}", "RE2 cannot run the pattern"),
        ("detectors: {own: {regex: '(a)\\1'}}", "RE2 cannot run the pattern"),
        ("detectors: {own: {regex: 'x*'}}", "matches the empty text"),
        ("detectors: {email: {mode: shred}}", "mode"),
        ("detectors: {email: {keep_last: 4, mode: hash}}", "keep_last has no meaning in mode hash"),
        ("detectors: {email: {replacement: x, mode: drop}}", "replacement has no meaning in mode drop"),
        ("detectors: {email: {keep_last: 0}}", "keep_last"),
        ("detectors: {email: {mode: hash}}", "mode hash of email needs an hmac_key of at least 32 bytes"),
        (f"detectors: {{email: {{mode: hash}}}}, hmac_key: '{SHORT}'", "needs an hmac_key of at least 32 bytes"),
        (f"hash_function: hmac-sha512, hmac_key: {KEY}", "hash_function hmac-sha512 needs an hmac_key of at least 64"),
        ("hash_function: sha512", "hash_function"),
        ("blocked_values: ['(']", "RE2 cannot run the pattern"),
        ("blocked_key_patterns: ['(?!x)']", "RE2 cannot run the pattern"),
        ("detectors: {email: {allowed: ['[']}}", "RE2 cannot run the pattern"),
        ("url_sanitizer: {enabled: true}", "url_sanitizer is not supported"),
        ("db_sanitizer: {}", "db_sanitizer is not supported"),
        ("summary: loud", "summary"),
        ("memory_mib: 0", "memory_mib"),
        ("hmac_key_id: 'a b'", "hmac_key_id"),
        ("blocked_vals: []", "blocked_vals"),
    ],
)
def test_a_mistake_is_an_error_at_start_that_says_what_is_wrong(options, sentence):
    with pytest.raises(ConfigError, match=r"processors::redaction") as error:
        run(options)

    assert sentence in str(error.value)


def test_a_key_does_not_show_in_errors():
    with pytest.raises(ConfigError) as error:
        run(f"detectors: {{email: {{mode: hash}}}}, hmac_key: '{SHORT}'")

    assert SHORT not in str(error.value)


@pytest.mark.parametrize(
    "options", ["detectors: [email]", "detectors: {email: }", "detectors: {email: {}}", "detectors: [{email: {}}]"]
)
def test_detectors_can_be_written_as_a_list_or_as_a_mapping(options):
    assert text(options, "a@b.org") == "***@***.***"


def test_with_detectors_and_no_allowed_keys_every_key_is_allowed():
    assert attributes("detectors: [email]", {"a": "b"}) == {"a": "b"}


def test_without_detectors_and_without_allowed_keys_no_attribute_stays():
    assert attributes("blocked_values: [x]", {"a": "b"}) == {}


def test_allow_all_keys_allows_them():
    assert attributes("allow_all_keys: true, blocked_values: [x]", {"a": "b", "c": "x"}) == {"a": "b", "c": "****"}


def test_without_anything_to_look_for_spans_pass():
    assert len(run("allow_all_keys: true", make_spans({}, {})).records) == 2
