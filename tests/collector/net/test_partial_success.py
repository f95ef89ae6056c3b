import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.batch import SHAPES, Signal
from collector.errors import PermanentError
from collector.net.otlp_status import readable
from collector.net.partial_success import Answer, partial_success, read_answer

JSON_NAMES = {
    Signal.TRACES: "rejectedSpans",
    Signal.METRICS: "rejectedDataPoints",
    Signal.LOGS: "rejectedLogRecords",
    Signal.PROFILES: "rejectedProfiles",
}


@pytest.mark.parametrize("signal", Signal)
@given(rejected=st.integers(0, 2**63 - 1), message=st.text())
def test_reading_undoes_writing(signal, rejected, message):
    answer = partial_success(signal, rejected, message)

    assert Answer(rejected, readable(message)) == read_answer(signal, answer)


@pytest.mark.parametrize("json", [True, False])
def test_a_message_is_one_line_and_not_too_long(json):
    """
    It is logged, and a server may have four mebibytes to say.
    """
    message = "bad\nERROR forged\x1b[2J" + "x" * 100_000
    body = partial_success(Signal.LOGS, 1, message)
    if json:
        body = orjson.dumps({"partialSuccess": {"rejectedLogRecords": 1, "errorMessage": message}})

    said = read_answer(Signal.LOGS, body, json=json).message

    assert said.startswith("bad ERROR forged [2Jxxx")
    assert said.isprintable()
    assert len(said) <= 1024


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("rejected", [7, "7"])
def test_json_answers_are_read_too(signal, rejected):
    """
    64-bit integers may be numbers or strings.
    """
    body = orjson.dumps({"partialSuccess": {JSON_NAMES[signal]: rejected, "errorMessage": "too old"}})

    assert Answer(7, "too old") == read_answer(signal, body, json=True)


@pytest.mark.parametrize(
    ("body", "json"),
    [
        (b"", False),
        (b"", True),
        (b"{}", True),
        (b'{"partialSuccess": {}}', True),
        (b'{"partialSuccess": null, "new": 1}', True),
        (SHAPES[Signal.TRACES].response().SerializeToString(), False),
    ],
)
def test_an_answer_without_partial_success_rejects_nothing(body, json):
    assert Answer(0, "") == read_answer(Signal.TRACES, body, json=json)


@pytest.mark.parametrize(
    ("body", "json"),
    [
        (b"\xff", False),
        (b"<html>", False),
        (b"<html>", True),
        (b"[]", True),
        (b"null", True),
        (b'{"partialSuccess": [1]}', True),
        (b'{"partialSuccess": {"rejectedSpans": "many"}}', True),
    ],
)
def test_what_is_no_response_is_a_permanent_error(body, json):
    with pytest.raises(PermanentError, match="not an OTLP response"):
        read_answer(Signal.TRACES, body, json=json)


def test_a_negative_number_of_rejected_items_is_none():
    body = SHAPES[Signal.TRACES].response(partial_success={"rejected_spans": -3}).SerializeToString()

    assert 0 == read_answer(Signal.TRACES, body).rejected


@given(st.binary(), st.booleans())
def test_any_bytes_are_an_answer_or_a_permanent_error(body, json):
    with contextlib.suppress(PermanentError):
        assert read_answer(Signal.LOGS, body, json=json).rejected >= 0
