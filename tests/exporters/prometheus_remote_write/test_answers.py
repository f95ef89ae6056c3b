"""
What each answer means, by the tables of both specifications.
"""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from collector.errors import DropReason
from collector.net.http_client import HttpAnswer
from exporters.prometheus_remote_write.answers import Meaning, Written, read
from exporters.prometheus_remote_write.series import Request

NOW = 1_700_000_000.0
SENT = Request((), b"", items=6, samples=10, histograms=2, exemplars=1)
LATER = {408, 429, *range(500, 600)}
SOME = {400, 409, 413, 422}


def answer(status, body=b"", kind="text/plain", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, CIMultiDict(names, **{"Content-Type": kind} if kind else {}), body, is_whole=True)


def verdict(status, body=b"", kind="text/plain", *, v2=False, **headers):
    return read(answer(status, body, kind, **headers), SENT, is_v2=v2, now=NOW)


def written(samples=None, histograms=None, exemplars=None):
    counts = {"Samples": samples, "Histograms": histograms, "Exemplars": exemplars}
    return {f"X_Prometheus_Remote_Write_{what}_Written": str(n) for what, n in counts.items() if n is not None}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success_in_1_0_whatever_its_headers_and_its_body(status):
    assert (Meaning.WRITTEN, 0) == (verdict(status, b"<html>", "text/html").meaning, verdict(status).lost)
    assert 0 == verdict(status, **written(samples=0)).lost


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 452), *range(500, 512), 599])
def test_each_other_status_has_its_meaning(status):
    expected = Meaning.LATER if status in LATER else Meaning.SOME_OF_IT if status in SOME else Meaning.NEVER

    assert expected is verdict(status).meaning
    assert f"HTTP {status}" in verdict(status, b"because").message


@pytest.mark.parametrize("status", sorted(LATER)[:8])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("3", 3),
        ("-3", 0),
        ("3.5", 0),
        ("NaN", 0),
        ("soon", 0),
        ("9" * 40, 86_400),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(NOW + 10**8, usegmt=True), 86_400),
        ("Thu, 99 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_the_receiver_says_when_to_come_back(status, value, seconds):
    assert seconds == verdict(status, Retry_After=value).retry_after


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_in_2_0_that_does_not_say_what_was_written_is_none(status):
    assert Meaning.OTHER_VERSION is verdict(status, v2=True).meaning
    assert Meaning.OTHER_VERSION is verdict(status, v2=True, **written(samples="many")).meaning


def test_415_is_about_the_version_in_2_0_only():
    assert (Meaning.OTHER_VERSION, Meaning.NEVER) == (verdict(415, v2=True).meaning, verdict(415).meaning)


@pytest.mark.parametrize(
    ("counts", "lost"),
    [
        (written(10, 2, 1), 0),
        (written(10, 2, 0), 0),
        (written(10, 2), 0),
        (written(11, 99, 1), 0),
        (written(9, 2, 1), 1),
        (written(10, 1, 1), 1),
        (written(8, 1, 1), 3),
        (written(10), 2),
        (written(histograms=2), 6),
        (written(exemplars=0), 6),
        (written(0, 0, 0), 6),
        (written(-1, 2), 6),
        (written("9" * 50, 2), 6),
    ],
)
@pytest.mark.parametrize(("status", "reason"), [(204, DropReason.PARTIAL_SUCCESS), (400, DropReason.OUT_OF_ORDER)])
def test_what_was_not_written_is_lost_and_never_too_little_of_it(counts, lost, status, reason):
    told = verdict(status, b"out of order sample" if status == 400 else b"", v2=True, **counts)

    assert (Meaning.WRITTEN, lost, reason) == (told.meaning, told.lost, told.reason)


@given(
    points=st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=30),
    data=st.data(),
)
def test_the_count_of_what_is_lost_never_falls_short(points, data):
    """
    Each point is so many samples, of which a part may not be written.
    """
    kept = [data.draw(st.integers(0, size)) if broken else size for size, broken in points]
    sent = Request((), b"", len(points), sum(size for size, _ in points), 0, 0)
    lost = sum(size > k for (size, _), k in zip(points, kept, strict=True))

    assert lost <= Written(sum(kept), 0).lost(sent) <= len(points)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b"out of order sample", DropReason.OUT_OF_ORDER),
        (400, b"Out-of-order sample from remote write", DropReason.OUT_OF_ORDER),
        (400, b"duplicate sample for timestamp", DropReason.OUT_OF_ORDER),
        (400, b"out of bounds", DropReason.OUT_OF_ORDER),
        (400, b"too old sample", DropReason.OUT_OF_ORDER),
        (400, b"the sample has been rejected (err-mimir-sample-timestamp-too-old)", DropReason.OUT_OF_ORDER),
        (409, b"store locally for endpoint: conflict", DropReason.OUT_OF_ORDER),
        (413, b"", DropReason.LIMIT_ITEM),
        (400, b"label name too long", DropReason.REJECTED_PERMANENT),
        (422, b"", DropReason.REJECTED_PERMANENT),
    ],
)
def test_why_something_is_refused(status, body, reason):
    told = verdict(status, body)

    assert (Meaning.SOME_OF_IT, reason) == (told.meaning, told.reason)


@pytest.mark.parametrize(
    ("status", "body", "is_about_data"),
    [
        (400, b"invalid labels", True),
        (422, b"too many series", True),
        (409, b"conflict", True),
        (413, b"", True),
        (400, b"snappy: corrupt input", False),
        (400, b"", False),
    ],
)
def test_whether_the_receiver_speaks_of_data(status, body, is_about_data):
    assert is_about_data is verdict(status, body).is_about_data


def test_a_page_in_html_is_not_about_data_and_not_shown():
    told = verdict(400, b"<html>" * 9000, "text/html; charset=utf-8")

    assert (Meaning.NEVER, "HTTP 400: a page in HTML") == (told.meaning, told.message)


def test_a_refusal_is_told_in_one_line_of_bounded_length():
    told = verdict(400, b"bad\r\n\x1b[31mthing \xff" + b"x" * 60_000)

    assert "\n" not in told.message
    assert "\x1b" not in told.message
    assert len(told.message) < 600
    assert told.message.startswith("HTTP 400: bad [31mthing")


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "`auth`"), (403, "`auth`"), (404, "`endpoint`"), (405, "`endpoint`"), (302, "points to http://b/")],
)
def test_a_mistake_of_the_configuration_is_told_as_one(status, hint):
    assert hint in verdict(status, b"no", Location="http://b/").message
