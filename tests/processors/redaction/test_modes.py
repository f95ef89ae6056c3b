import hashlib
import hmac

import pytest

from collector.errors import DropReason
from collector.testing import make_logs, make_spans
from tests.processors.redaction.masking import KEY, attributes, counter, run, text

FIVE = "detectors: [email, phone, ssn, credit_card, api_key]"
ADDRESS = "user@example.com"


def test_an_email_address_in_a_sentence_becomes_asterisks():
    assert text(FIVE, f"User email: {ADDRESS}") == "User email: ***@***.***"


def test_a_secret_after_its_name_goes_and_the_name_stays():
    assert text(FIVE, "API key stored in SECRET_KEY=abc123def456") == "API key stored in SECRET_KEY=***"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("call 555-123-4567 now", "call ***-**** now"),
        ("ssn 123-45-6789", "ssn ***-**-****"),
        ("card 4111 1111 1111 1111", "card ****-****-****-****"),
        ("card 4111111111111111", "card ****-****-****-****"),
        (ADDRESS, "***@***.***"),
    ],
)
def test_each_detector_has_its_own_replacement(before, after):
    assert text(FIVE, before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('api_key: "x1"', 'api_key: "***"'),
        ("token=x1", "token=***"),
        ("apikey='x1'", "apikey='***'"),
        ("API_KEY=x1", "API_KEY=***"),
        ("Api-Key: x1", "Api-Key: ***"),
        ("TOKEN=x1", "TOKEN=***"),
        ('{"user": 7, "api_key": "x1", "ok": true}', '{"user": 7, "api_key": "***", "ok": true}'),
        (r'"{\"apiKey\":\"x1\"}"', r'"{\"apiKey\":\"***\"}"'),
        ("GET /pay?token=x1&lang=de#top", "GET /pay?token=***&lang=de#top"),
        ("https://shop.example/?apikey=x1", "https://shop.example/?apikey=***"),
    ],
)
def test_a_named_secret_loses_its_value_only(before, after):
    assert text(FIVE, before) == after


def test_all_findings_of_a_text_are_masked_each_in_its_own_way():
    before = f"{ADDRESS} paid with 4111 1111 1111 1111, ssn 123-45-6789, token=abc1"

    assert text(FIVE, before) == "***@***.*** paid with ****-****-****-****, ssn ***-**-****, token=***"


def test_a_replacement_can_be_written_and_be_empty():
    assert text('detectors: {email: {replacement: "<mail>"}}', f"to {ADDRESS}!") == "to <mail>!"
    assert text('detectors: {email: {replacement: ""}}', f"to {ADDRESS}!") == "to !"


def test_keep_last_hides_all_but_the_last_characters_and_keeps_the_length():
    assert text("detectors: {credit_card: {keep_last: 4}}", "card 4111111111111111") == "card ************1111"


def test_keep_last_never_shows_more_than_half():
    given = {"password": "abc123", "token": "x", "secret": ""}

    kept = attributes("detectors: {api_key: {keep_last: 10}}", given)

    assert kept == {"password": "***123", "token": "*", "secret": ""}


def test_remove_takes_the_attribute_with_the_finding():
    assert attributes("detectors: {email: {mode: remove}}", {"to": f"<{ADDRESS}>", "n": "1"}) == {"n": "1"}


def test_remove_takes_the_innermost_entry_of_a_map_and_element_of_an_array():
    given = {"m": {"to": ADDRESS, "n": 1, "deep": {"to": ADDRESS}}, "a": [ADDRESS, "x", [ADDRESS]]}

    left = attributes("detectors: {email: {mode: remove}}", given)

    assert left == {"m": {"n": 1, "deep": {}}, "a": ["x", []]}


def test_remove_cuts_the_finding_out_where_there_is_no_attribute():
    assert text("detectors: {email: {mode: remove}}", f"to {ADDRESS}!") == "to !"


def test_a_hash_is_an_hmac_with_the_name_of_its_key():
    digest = hmac.new(KEY.encode(), ADDRESS.encode(), hashlib.sha256).hexdigest()[:32]

    masked = text(f"detectors: {{email: {{mode: hash}}}}, hmac_key: {KEY}, hmac_key_id: k7", f"to {ADDRESS}!")

    assert masked == f"to hmac-sha256:k7:{digest}!"


def test_the_same_value_has_the_same_hash_under_one_key_and_another_under_another():
    options = "detectors: {{email: {{mode: hash}}}}, hmac_key: {}"
    once, again = (text(options.format(KEY), f"{where} {ADDRESS}").split()[1] for where in ("from", "to"))
    other = text(options.format(KEY[::-1]), f"to {ADDRESS}").split()[1]

    assert once == again
    assert once.split(":")[1] != other.split(":")[1]
    assert once.split(":")[2] != other.split(":")[2]


def test_drop_takes_the_record_counts_it_and_leaves_the_others():
    outcome = run("detectors: {email: {mode: drop}}", make_logs({"body": f"to {ADDRESS}"}, {"body": "fine"}))

    assert [log.body for log in outcome.records] == ["fine"]
    assert outcome.dropped == {DropReason.FILTERED: 1}
    assert counter(outcome, "dropped_records") == 1


def test_a_batch_of_which_every_record_is_dropped_does_not_come_out():
    outcome = run("detectors: {email: {mode: drop}}", make_spans({"name": ADDRESS}, {"status_message": ADDRESS}))

    assert outcome.batches == []
    assert outcome.dropped == {DropReason.FILTERED: 2}


def test_drop_takes_a_span_for_what_is_found_in_its_events():
    events = [{"name": "e", "attributes": {"to": ADDRESS}}]
    outcome = run("detectors: {email: {mode: drop}}", make_spans({"name": "a", "events": events}, {"name": "b"}))

    assert [span.name for span in outcome.records] == ["b"]


def test_drop_takes_all_records_of_a_resource_for_what_is_found_in_it():
    outcome = run("detectors: {email: {mode: drop}}", make_spans({}, {}, resource={"owner": ADDRESS}))

    assert outcome.dropped == {DropReason.FILTERED: 2}


def test_each_detector_has_its_own_mode_in_one_text():
    options = "detectors: {email: {replacement: M}, credit_card: {keep_last: 4}, ssn: {mode: remove}}"

    assert text(options, f"{ADDRESS} 4111111111111111 123-45-6789") == "M ************1111 "


def test_a_pattern_makes_a_detector_of_ones_own():
    masked = text(r"detectors: {employee: {regex: '\bE-\d{6}\b', replacement: E-*}}", "by E-123456, E-1234567")

    assert masked == "by E-*, E-1234567"


def test_only_the_group_of_a_pattern_is_masked():
    assert text("detectors: {one: {regex: 'order (\\d+)'}}", "order 77 shipped") == "order *** shipped"
    named = "detectors: {one: {regex: '(order|case) (?P<secret>\\d+)'}}"
    assert text(named, "case 77 shipped") == "case *** shipped"


def test_findings_that_are_allowed_stay():
    options = "detectors: {ipv4: {allowed: ['^10\\.']}, email: {allowed: ['@example\\.com$']}}"

    assert text(options, f"10.1.2.3 8.8.4.4 {ADDRESS} a@b.org") == f"10.1.2.3 ***.***.***.*** {ADDRESS} ***@***.***"


def test_what_was_masked_is_counted_by_detector():
    logs = make_logs({"body": f"{ADDRESS} a@b.org", "attributes": {"ssn": "123-45-6789"}})
    outcome = run(FIVE, logs)

    assert counter(outcome, "masked_values", detector="email") == 2
    assert counter(outcome, "masked_values", detector="ssn") == 1


def test_a_batch_in_which_nothing_is_found_is_passed_on_as_it_came():
    spans = make_spans({"attributes": {"a": "b", "n": 1, "m": {"x": ["y"]}}})
    wire = spans.wire
    (batch,) = run(FIVE, spans).batches

    assert batch.wire is wire
