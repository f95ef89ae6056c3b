import random

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from collector.batch import Batch, Signal
from collector.registry import Kind, load_factory
from collector.testing import make_logs, settings
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN
from tests.processors.redaction.masking import KEY
from tests.processors.redaction.requests import random_request

MODES = {
    "replace": {},
    "a replacement that is a finding": {"replacement": "me@example.com 123-45-6789 token=x"},
    "a replacement that introduces": {"replacement": "token="},
    "keep_last": {"keep_last": 5},
    "remove": {"mode": "remove"},
    "hash": {"mode": "hash"},
    "drop": {"mode": "drop"},
}
OTHERS = {
    "all types": {"redact_all_types": True},
    "keys": {"redact_keys": True},
    "allowed keys": {"redact_keys": True, "allowed_keys": ["a", "b.c", "ssn", "user.token", "x@example.com"]},
    "blocked keys": {"blocked_keys": ["^na", "c$"], "redact_keys": True},
    "blocked values": {"blocked_values": [r"leak\w+", r"\d{3}"]},
    "allowed values": {"allowed_values": ["^4111", "x{20}"]},
    "summary info": {"summary": "info", "redact_all_types": True, "ignored_keys": ["a"], "blocked_values": [r"\d+"]},
    "summary debug": {
        "summary": "debug",
        "redact_keys": True,
        "redact_all_types": True,
        "ignored_keys": ["a"],
        "allowed_keys": ["a", "b.c", "ssn", "password", "name"],
        "allowed_values": ["^4111"],
        "blocked_keys": ["^na", "keys$"],
    },
    "known fields only": {"unknown_fields": "drop", "summary": "debug"},
}
SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS]


def build(**options):
    factory = load_factory(Kind.PROCESSOR, "redaction")
    return factory.build(RedactionConfig.model_validate(options), settings("redaction"))


def twice(options):
    """
    Returns two of the same configuration, since one would remember what it wrote.
    """
    detectors = options.pop("detectors", list(BUILT_IN))
    return [build(detectors=detectors, hmac_key=KEY, **options) for _ in range(2)]


@pytest.fixture(scope="module", params=MODES)
def in_mode(request):
    detectors = dict.fromkeys(BUILT_IN, MODES[request.param])
    return twice({"detectors": detectors})


@pytest.fixture(scope="module", params=OTHERS)
def with_options(request):
    return twice(dict(OTHERS[request.param]))


def _assert_twice_is_once(pair, batch):
    once, again = pair
    first = once.process(batch)
    if first is None:
        return
    wire = first.wire

    assert again.process(Batch(batch.signal, wire=wire)).wire == wire


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS))
@how(max_examples=12)
def test_what_was_masked_in_any_mode_stays_as_it_is(in_mode, seed, signal):
    _assert_twice_is_once(in_mode, Batch(signal, wire=random_request(random.Random(seed), signal).SerializeToString()))


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS))
@how(max_examples=12)
def test_what_was_masked_with_any_options_stays_as_it_is(with_options, seed, signal):
    _assert_twice_is_once(
        with_options, Batch(signal, wire=random_request(random.Random(seed), signal).SerializeToString())
    )


PIECES = [
    "%",
    "%40",
    "@",
    ".org",
    "1",
    "555-123-4567",
    "123-45-6789",
    "4111111111111111",
    "token=",
    "password:",
    "=",
    '"',
    "'",
    "\\",
    "api_key",
    "ssn",
    "passport",
    "user@example.com",
    "AKIAIOSFODNN7EXAMPLE",
    "DE89370400440532013000",
    "10.1.2.3",
    "2001:db8::1",
    "aa:bb:cc:dd:ee:01",
    "900101-1234567",
    "123456789",
    "https://u:p@h/",
    "eyJhbGciOi.eyJzdWIi.abc",
    ",",
    ":",
    "&",
    "é",
    "x",
    "-",
    "--",
    "***",
    "****",
    "phone",
    "Bearer abc12345678",
    "4111 1111 1111 1111",
    "hmac-sha256:k:00000000000000000000000000000000",
    "-----BEGIN PRIVATE KEY-----",
    " ",
    "\n",
]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)


@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
@how(max_examples=40)
def test_texts_of_which_one_secret_runs_into_another_stay_as_they_are(in_mode, texts):
    _assert_twice_is_once(in_mode, make_logs(*({"body": text, "attributes": {"ssn": text}} for text in texts)))


def test_one_collector_after_another_with_another_key_does_not_hash_hashes():
    first = build(detectors={"email": {"mode": "hash"}}, hmac_key=KEY)
    second = build(detectors={"email": {"mode": "hash"}}, hmac_key=KEY[::-1])
    wire = first.process(make_logs({"body": "to a@b.org"})).wire

    assert second.process(Batch(Signal.LOGS, wire=wire)).wire == wire
