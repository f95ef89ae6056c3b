import pytest

from collector.batch import SHAPES, Signal
from collector.errors import (
    DropReason,
    PermanentError,
    RefusalReason,
    RetryableError,
)
from collector.net.otlp_json import encode
from collector.testing import make_batch
from tests.collector.receivers.http import HTTP, JSON, PROTOBUF, SPANS, status_of


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_each_signal_is_taken_in_both_encodings_and_answered_in_that_of_the_request(start, signal, kind):
    otlp, batch = await start(HTTP), make_batch(signal, items=3)
    body = batch.wire if kind == PROTOBUF else encode(batch)

    answer = await otlp.post(body, SHAPES[signal].url_path, kind)

    assert (200, kind, b"" if kind == PROTOBUF else b"{}") == (answer.status, answer.content_type, answer.body)
    assert 3 == otlp.door.items == otlp.door.accepted(signal)
    assert batch.request == otlp.door.batches[0].request


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_an_empty_request_is_a_success_without_data(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(b"" if kind == PROTOBUF else b"{}", kind=kind)

    assert (200, 0) == (answer.status, otlp.door.items)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_what_is_not_otlp_is_bad_data_with_a_status_in_the_encoding_of_the_request(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(b"\xff", kind=kind)

    assert 400 == answer.status
    assert 3 == status_of(answer).code
    assert {"bad_data": 1} == otlp.door.refused()


async def test_the_content_type_may_have_parameters(start):
    otlp = await start(HTTP)

    answer = await otlp.post(encode(SPANS), kind="application/json; charset=utf-8")

    assert (200, JSON) == (answer.status, answer.content_type)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-protobuf2", "", "application/x-protobuf, application/json"]
)
async def test_another_content_type_is_unsupported(start, kind):
    otlp = await start(HTTP)

    answer = await otlp.post(SPANS.wire, kind=kind, skip_auto_headers=["Content-Type"])

    assert (415, 0) == (answer.status, otlp.door.items)
    assert "supported: [application/json, application/x-protobuf]" in answer.body.decode()


async def test_another_path_is_not_found(start):
    otlp = await start(HTTP)

    assert 404 == (await otlp.post(SPANS.wire, "/v1/trace")).status


async def test_a_signal_without_a_pipeline_has_no_path(start):
    otlp = await start(HTTP, signals=[Signal.LOGS])

    assert 404 == (await otlp.post(SPANS.wire)).status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_another_method_is_answered_with_the_one_that_is_allowed(start, method):
    otlp = await start(HTTP)

    answer = await otlp.post(method=method)

    assert (405, "POST") == (answer.status, answer.headers["Allow"])


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        (RefusalReason.QUEUE_FULL, 429, 8),
        (RefusalReason.RATE_LIMIT, 429, 8),
        (RefusalReason.MEMORY, 503, 14),
        (RefusalReason.DOWNSTREAM, 503, 14),
    ],
)
async def test_back_pressure_says_when_to_come_back(start, reason, status, code):
    otlp = await start(HTTP)
    otlp.door.refusal = RetryableError("not now", retry_after=1.2, reason=reason)

    answer = await otlp.post(SPANS.wire)

    assert (status, "2") == (answer.status, answer.headers["Retry-After"])
    assert code == status_of(answer).code
    assert {str(reason): 1} == otlp.door.refused()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RetryableError("backend busy", retry_after=7), 503, 14),
        (PermanentError("backend says no"), 400, 3),
        (PermanentError("bug", reason=DropReason.PLUGIN_ERROR), 500, 13),
        (ZeroDivisionError("bug"), 500, 13),
    ],
)
async def test_without_a_queue_the_backend_s_answer_is_the_answer(start, error, status, code):
    otlp = await start(HTTP)
    otlp.door.error = error

    answer = await otlp.post(SPANS.wire)

    assert status == answer.status
    assert code == status_of(answer).code


async def test_a_bug_is_an_internal_error_logged_once_and_says_nothing_of_the_inside(start, caplog):
    otlp = await start(HTTP)
    otlp.door.error = ZeroDivisionError("secret of the inside")

    answer = await otlp.post(SPANS.wire)
    status = status_of(answer)

    assert (500, "internal error") == (answer.status, status.message)
    assert 1 == caplog.text.count("Traceback")


async def test_a_bug_before_the_data_is_accepted_is_counted(start, monkeypatch):
    otlp = await start(HTTP)

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("collector.receivers.otlp.unpacking.validate", broken)

    assert 500 == (await otlp.post(SPANS.wire)).status
    assert {"internal": 1} == otlp.door.refused()


async def test_every_answer_has_the_configured_headers(start):
    otlp = await start("{http: {endpoint: 'localhost:0', response_headers: {X-Served-By: us}}}")

    answers = [await otlp.post(SPANS.wire), await otlp.post(b"\xff"), await otlp.post(path="/other")]

    assert ["us"] * 3 == [answer.headers["X-Served-By"] for answer in answers]


async def test_the_paths_can_be_others(start):
    otlp = await start("{http: {endpoint: 'localhost:0', traces_url_path: /in/traces}}")

    assert [200, 404] == [(await otlp.post(SPANS.wire, path)).status for path in ("/in/traces", "/v1/traces")]
