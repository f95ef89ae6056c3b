"""
Bugs that other redactors were shipped with.
"""

import hashlib
import time

import pytest

from collector.batch import Batch, Signal
from collector.testing import make_logs, make_metrics, make_spans
from tests.processors.redaction.masking import ALL, KEY, attributes, log_of, run, span_of, text

MILLISECONDS = [1_700_000_000_000 + 37_777 * i for i in range(2000)]
NANOSECONDS = [1_700_000_000_000_000_000 + 37_777_777_777 * i for i in range(2000)]


def test_blocked_values_are_masked_where_no_key_is_blocked():
    options = "allow_all_keys: true, blocked_values: ['[0-9]{3}-[0-9]{2}-[0-9]{4}']"

    assert attributes(options, {"a": "SSN 123-45-6789"}) == {"a": "SSN ****"}


def test_a_value_that_two_patterns_of_keys_block_is_hashed_once():
    options = "allow_all_keys: true, blocked_keys: [pin, code], blocked_values: ['.+'], hash_function: sha1"

    assert attributes(options, {"pin.code": "1234"}) == {"pin.code": hashlib.sha1(b"1234").hexdigest()}


def test_a_blocked_value_is_hashed_once_though_its_hash_has_what_is_blocked():
    options = "allow_all_keys: true, blocked_values: ['\\d+'], hash_function: md5"

    assert attributes(options, {"a": "n 7"}) == {"a": f"n {hashlib.md5(b'7').hexdigest()}"}


def test_each_match_in_a_body_is_replaced_by_its_own_hash():
    digests = [hashlib.md5(one).hexdigest() for one in (b"111-11", b"222-22")]

    masked = text("allow_all_keys: true, blocked_values: ['\\d{3}-\\d{2}'], hash_function: md5", "111-11 and 222-22")

    assert masked == " and ".join(digests)


def test_summaries_are_masked():
    batch = make_metrics({"kind": "summary", "points": [{"attributes": {"to": "a@b.org"}}]})
    metric = run("detectors: [email]", batch).batches[0].request.resource_metrics[0].scope_metrics[0].metrics[0]

    assert metric.summary.data_points[0].attributes[0].value.string_value == "***@***.***"


def test_hashes_of_ours_cannot_be_guessed_without_the_key():
    masked = text(f"detectors: {{email: {{mode: hash}}}}, hmac_key: {KEY}", "a@b.org")

    digest = masked.rpartition(":")[2]
    assert digest not in {getattr(hashlib, name)(b"a@b.org").hexdigest()[:32] for name in ("md5", "sha1", "sha256")}


@pytest.mark.parametrize("times", [MILLISECONDS, NANOSECONDS], ids=["milliseconds", "nanoseconds"])
def test_times_are_no_card_numbers(times):
    options = f"detectors: {ALL}, redact_all_types: true"
    given = {f"t{i}": i for i in times} | {f"s{i}": str(i) for i in times}

    assert attributes(options, given) == given


def test_ids_of_traces_and_digests_are_no_numbers_of_anybody():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(500)]
    given = {f"trace_id{i}": digest[:32] for i, digest in enumerate(digests)}
    given |= {f"span_id{i}": digest[:16] for i, digest in enumerate(digests)}
    given |= {f"id{i}": str(int(digest[:12], 16)) for i, digest in enumerate(digests)}

    assert attributes(f"detectors: {ALL}", given) == given


def test_an_unseparated_number_after_a_name_of_an_id_is_no_card_number():
    logs = [f"order_id={number} done" for number in (4111111111111111, 5555555555554444, 378282246310005)]

    assert [text(f"detectors: {ALL}", log) for log in logs] == logs


@pytest.mark.slow
def test_a_pattern_that_others_need_minutes_for_takes_no_longer_than_the_text_is_long():
    options = "detectors: {own: {regex: '(a+)+$'}, two: {regex: '(x+x+)+y'}}"
    started = time.process_time()

    log_of(options, body="a" * 100_000 + "!" + "x" * 100_000)

    assert time.process_time() - started < 5


def test_span_names_events_links_scopes_and_status_messages_are_looked_at():
    batch = make_spans(
        {
            "name": "a@b.org",
            "status_message": "a@b.org",
            "events": [{"name": "a@b.org"}],
            "links": [{"attributes": {"a": "a@b.org"}}],
        },
        scope="a@b.org",
    )

    assert b"a@b.org" not in run("detectors: [email]", batch).batches[0].wire


def test_keys_are_looked_at_if_asked_to():
    span = span_of("detectors: [email], redact_keys: true", attributes={"a@b.org": "x"})

    assert dict(span.items()) == {"***@***.***": "x"}


def test_numbers_are_looked_at_if_asked_to():
    assert attributes("detectors: [credit_card], redact_all_types: true", {"n": 4111111111111111}) == {
        "n": "****-****-****-****"
    }


def test_what_a_failure_leaves_unmasked_is_not_passed_on():
    broken = Batch(Signal.LOGS, wire=make_logs({"body": "to a@b.org"}).wire.replace(b"to a", b"\xff\xff a"))

    assert run("detectors: [email]", broken).batches == []
