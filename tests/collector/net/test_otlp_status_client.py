import math
from email.utils import formatdate

import orjson
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import LONGEST_RETRY_AFTER, PermanentError, RetryableError
from collector.net.otlp_status import (
    DETAILS,
    error_from_grpc,
    error_from_http,
    grpc_status,
    retry_after_seconds,
)

RESOURCE_EXHAUSTED = 8
# OTLP specification, "Retryable Response Codes"
GRPC_TRUTH = {
    1: True,  # CANCELLED
    2: False,  # UNKNOWN
    3: False,  # INVALID_ARGUMENT
    4: True,  # DEADLINE_EXCEEDED
    5: False,  # NOT_FOUND
    6: False,  # ALREADY_EXISTS
    7: False,  # PERMISSION_DENIED
    RESOURCE_EXHAUSTED: False,  # unless there is RetryInfo
    9: False,  # FAILED_PRECONDITION
    10: True,  # ABORTED
    11: True,  # OUT_OF_RANGE
    12: False,  # UNIMPLEMENTED
    13: False,  # INTERNAL
    14: True,  # UNAVAILABLE
    15: True,  # DATA_LOSS
    16: False,  # UNAUTHENTICATED
}
HTTP_TRUTH = {429, 502, 503, 504}


def details(delay):
    status = Status(code=14)
    status.details.add().Pack(DebugInfo(detail="irrelevant"))
    status.details.add().Pack(RetryInfo(retry_delay=delay))
    return [("other", "text"), (DETAILS, status.SerializeToString())]


@pytest.mark.parametrize(("code", "retryable"), GRPC_TRUTH.items())
def test_grpc_codes_are_retried_by_the_table_of_the_specification(code, retryable):
    error = error_from_grpc(code, "words", None)

    assert isinstance(error, RetryableError if retryable else PermanentError)
    assert f"gRPC status {code}: words" == str(error)


@pytest.mark.parametrize(("code", "retryable"), GRPC_TRUTH.items())
def test_retry_info_makes_only_an_exhausted_resource_retryable(code, retryable):
    error = error_from_grpc(code, "", details(Duration(seconds=7, nanos=500_000_000)))

    if retryable or code == RESOURCE_EXHAUSTED:
        assert isinstance(error, RetryableError)
        assert 7.5 == error.retry_after
    else:
        assert isinstance(error, PermanentError)


@pytest.mark.parametrize(
    ("delay", "asked"),
    [
        (Duration(), 0),
        (Duration(seconds=-5), 0),
        (Duration(seconds=2**62), LONGEST_RETRY_AFTER),
        (Duration(nanos=1_000_000), 0.001),
    ],
)
def test_a_delay_in_retry_info_is_never_negative_nor_absurd(delay, asked):
    error = error_from_grpc(RESOURCE_EXHAUSTED, "", details(delay))

    assert isinstance(error, RetryableError)
    assert asked == error.retry_after


@pytest.mark.parametrize(
    "trailer",
    [
        b"\xff\xff",
        b"",
        Status(details=[AnyMessage(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")]),
        Status(details=[AnyMessage(type_url="nonsense")]),
    ],
)
def test_details_that_cannot_be_read_are_no_retry_info(trailer):
    raw = trailer if isinstance(trailer, bytes) else trailer.SerializeToString()

    assert isinstance(error_from_grpc(RESOURCE_EXHAUSTED, "", [(DETAILS, raw)]), PermanentError)
    assert isinstance(error_from_grpc(14, "", [(DETAILS, raw)]), RetryableError)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status):
    assert error_from_http(status, {}, b"") is None


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 432), 451, *range(500, 512), 599, 600, 999])
def test_http_statuses_are_retried_by_the_table_of_the_specification(status):
    error = error_from_http(status, {"Retry-After": "9"}, b"")

    assert isinstance(error, RetryableError if status in HTTP_TRUTH else PermanentError)
    if status in HTTP_TRUTH:
        assert 9 == error.retry_after


def test_a_redirect_says_where_it_would_have_gone():
    error = error_from_http(307, {"Location": "http://elsewhere/"}, b"")

    assert "redirects are not followed; the server points to http://elsewhere/" in str(error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("5", 5),
        (" 5 ", 5),
        ("-5", 0),
        ("1.5", 0),
        ("+5", 0),
        ("NaN", 0),
        ("inf", 0),
        ("soon", 0),
        ("1_000", 0),
        ("\N{ARABIC-INDIC DIGIT FIVE}", 0),
        ("86401", LONGEST_RETRY_AFTER),
        ("1000000000", LONGEST_RETRY_AFTER),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        (formatdate(1_000_030, usegmt=True), 30),
        (formatdate(1_000_030), 30),  # -0000: a time in UTC of unknown zone
        (formatdate(999_000, usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("Mon, 99 Foo 2026 99:99:99 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert seconds == retry_after_seconds(value, now=1_000_000)


@given(st.text())
def test_no_retry_after_is_absurd(value):
    seconds = retry_after_seconds(value)

    assert math.isfinite(seconds)
    assert 0 <= seconds <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/x-protobuf", grpc_status(14, "come back"), "HTTP 503: come back"),
        ("application/json", orjson.dumps({"code": 14, "message": "come back"}), "HTTP 503: come back"),
        ("Application/JSON; charset=utf-8", b'{"message": "come back"}', "HTTP 503: come back"),
        ("text/plain", b"come\x1b[31m back\n", "HTTP 503: come [31m back"),
        ("text/html", b"<html>lots of it</html>", "HTTP 503"),
        ("application/x-protobuf", b"\xff\xff", "HTTP 503"),
        ("application/json", b"{", "HTTP 503"),
        ("application/json", b"[1]", "HTTP 503"),
        ("", b"\x00\x01", "HTTP 503"),
    ],
)
def test_an_error_body_is_read_in_whichever_encoding_it_came(content_type, body, text):
    assert text == str(error_from_http(503, {"Content-Type": content_type}, body))


def test_a_message_is_shortened():
    error = error_from_http(400, {"Content-Type": "application/x-protobuf"}, grpc_status(3, "x" * 100_000))

    assert len(str(error)) <= 1024


@given(
    st.integers(300, 999), st.binary(), st.sampled_from(["application/x-protobuf", "application/json", "text/plain"])
)
def test_no_error_body_trips_the_reader(status, body, kind):
    assert isinstance(error_from_http(status, {"Content-Type": kind}, body), PermanentError | RetryableError)
