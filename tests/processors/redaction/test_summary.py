import pytest

from collector.batch import Batch, Signal
from collector.testing import make_logs, make_metrics, make_spans
from tests.processors.redaction.masking import ALL, attributes, log_of, run, span_of

OPTIONS = (
    "detectors: [email, api_key], allowed_keys: [to, cc, name, secret, note, m, pin], ignored_keys: [id], "
    "blocked_keys: [pin], allowed_values: ['^ok$']"
)
GIVEN = {
    "to": "a@b.org",
    "cc": "c@d.org",
    "name": "me",
    "secret": "x",
    "gone": "1",
    "also.gone": "2",
    "id": "a@b.org",
    "note": "ok",
    "pin": "1234",
}
MASKED = {"to": "***@***.***", "cc": "***@***.***", "name": "me", "secret": "***", "id": "a@b.org", "note": "ok"}
COUNTS = {
    "redaction.masked.count": 4,
    "redaction.redacted.count": 2,
    "redaction.allowed.count": 1,
    "redaction.ignored.count": 1,
}
KEYS = {
    "redaction.masked.keys": "cc,pin,secret,to",
    "redaction.redacted.keys": "also.gone,gone",
    "redaction.allowed.keys": "note",
}


def _told(record):
    return {key: value for key, value in record.items() if key.startswith("redaction.")}


def test_nothing_is_told_unless_asked_for():
    assert attributes(OPTIONS, GIVEN) == {**MASKED, "pin": "****"}
    assert attributes(f"{OPTIONS}, summary: silent", GIVEN) == {**MASKED, "pin": "****"}


def test_info_tells_how_many_keys_were_masked_removed_left_and_ignored():
    assert attributes(f"{OPTIONS}, summary: info", GIVEN) == {**MASKED, "pin": "****", **COUNTS}


def test_debug_tells_which_keys_too_but_not_those_that_are_ignored():
    assert attributes(f"{OPTIONS}, summary: debug", GIVEN) == {**MASKED, "pin": "****", **COUNTS, **KEYS}


@pytest.mark.parametrize("summary", ["info", "debug"])
def test_where_nothing_was_done_nothing_is_told(summary):
    batch = make_spans({"attributes": {"name": "me"}})
    wire = batch.wire

    assert run(f"{OPTIONS}, summary: {summary}", batch).batches[0].wire == wire


def test_what_was_done_to_a_body_is_told_beside_it_with_the_way_to_each_key():
    body = {"to": "a@b.org", "m": {"to": ["x", {"cc": "c@d.org"}], "gone": "1", "id": "7"}, "gone": 1, "note": "ok"}
    log = log_of(f"{OPTIONS}, summary: debug", body=body, attributes={"to": "a@b.org"})

    assert log.body == {
        "to": "***@***.***",
        "m": {"to": ["x", {"cc": "***@***.***"}], "id": "7"},
        "note": "ok",
    }
    assert _told(log) == {
        "redaction.masked.count": 1,
        "redaction.masked.keys": "to",
        "redaction.body.masked.count": 2,
        "redaction.body.masked.keys": "m.to.[1].cc,to",
        "redaction.body.redacted.count": 2,
        "redaction.body.redacted.keys": "gone,m.gone",
        "redaction.body.allowed.count": 1,
        "redaction.body.allowed.keys": "note",
        "redaction.body.ignored.count": 1,
    }


def test_a_body_that_is_a_text_is_told_as_body():
    log = log_of("detectors: [email], summary: debug", body="to a@b.org")
    left = log_of("detectors: [email], summary: debug, allowed_values: [ok]", body="ok a@b.org")

    assert _told(log) == {"redaction.body.masked.count": 1, "redaction.body.masked.keys": "body"}
    assert _told(left) == {"redaction.body.allowed.count": 1, "redaction.body.allowed.keys": "body"}


def test_it_is_told_on_the_resource_event_or_data_point_that_it_was_done_to():
    options = "detectors: [email], summary: info"
    events = [{"name": "e", "attributes": {"to": "a@b.org"}}, {"name": "f", "attributes": {"n": "1"}}]
    outcome = run(
        options,
        make_spans({"events": events}, resource={"owner": "a@b.org", "n": "1"}),
        make_metrics({"points": [{"attributes": {"to": "a@b.org"}}, {"attributes": {"n": "1"}}]}),
    )
    span, metric = outcome.records

    assert _told(span.resource) == {"redaction.masked.count": 1}
    assert _told(span) == {}
    assert [_told(event) for event in span.events] == [{"redaction.masked.count": 1}, {}]
    assert [_told(point) for point in metric.points] == [{"redaction.masked.count": 1}, {}]


def test_what_is_done_to_names_is_no_key_and_not_told():
    span = span_of("detectors: [email], summary: debug", name="to a@b.org")

    assert span.name == "to ***@***.***"
    assert _told(span) == {}


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_a_second_collector_tells_what_the_first_one_did_and_nothing_twice(signal):
    make = make_spans if signal is Signal.TRACES else make_logs
    batch = make({"attributes": GIVEN}, {"attributes": {"to": "a@b.org"}}, resource=GIVEN)
    options = f"{OPTIONS}, summary: debug, redact_all_types: true"
    wire = run(options, batch).batches[0].wire

    assert run(options, Batch(signal, wire=wire)).batches[0].wire == wire


def test_what_a_second_collector_masks_is_added():
    first = attributes("detectors: [email], summary: debug", {"to": "a@b.org", "secret": "x"})
    second = attributes("detectors: [email, api_key], summary: debug", first)

    assert second["redaction.masked.count"] == 2
    assert second["redaction.masked.keys"] == "secret,to"


def test_a_summary_stays_where_only_some_keys_are_allowed_or_numbers_are_blocked():
    given = {"to": "a@b.org", "redaction.masked.count": 3, "redaction.masked.keys": "a,b,c"}

    kept = attributes(
        "allowed_keys: [to], blocked_values: ['\\d'], blocked_keys: ['\\.keys$'], redact_all_types: true", given
    )

    assert kept == given


def test_what_hides_in_a_summary_is_masked():
    given = {"redaction.masked.keys": "a,me@example.com"}

    assert attributes("detectors: [email]", given) == {"redaction.masked.keys": "a,***@***.***"}


@pytest.mark.parametrize("redact_keys", ["true", "false"])
def test_a_key_that_is_a_secret_is_not_told(redact_keys):
    masked = attributes(f"detectors: {ALL}, summary: debug, redact_keys: {redact_keys}", {"a@b.org": "c@d.org"})

    assert masked["redaction.masked.keys"] == "***@***.***"


def test_a_summary_that_is_no_number_is_written_anew():
    given = {"to": "a@b.org", "redaction.masked.count": "many"}

    assert attributes("detectors: [email], summary: info", given)["redaction.masked.count"] == 1


def test_an_attribute_that_is_removed_for_what_is_in_it_is_told_as_masked():
    told = attributes("detectors: {email: {mode: remove}}, summary: debug", {"to": "a@b.org"})

    assert told == {"redaction.masked.count": 1, "redaction.masked.keys": "to"}
