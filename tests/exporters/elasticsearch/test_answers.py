import gzip

import orjson
import pytest

from collector.errors import RetryableError
from collector.net.http_client import HttpAnswer
from exporters.elasticsearch.answers import ItemAnswer, Verdict, error_in, judge, most_read, unusual_items
from tests.exporters.elasticsearch.bulk_server import item
from tests.exporters.elasticsearch.hand_made import document

RETRIED = {429, 502, 503, 504}


def an_answer(body, kind="application/json", *, is_whole=True):
    return HttpAnswer(200, {"Content-Type": kind}, body, is_whole)


def of_items(*items, **more):
    return an_answer(orjson.dumps({"items": items, **more}))


def test_only_what_is_unusual_is_told():
    items = [item(), item(429, "es_rejected_execution_exception", "full"), item(200), item(201, failure_store="used")]

    assert {
        1: ItemAnswer(429, "es_rejected_execution_exception", "full"),
        3: ItemAnswer(201, in_failure_store=True),
    } == unusual_items(of_items(*items), 4)


@pytest.mark.parametrize("errors", [True, False])
def test_what_the_answer_says_about_all_is_of_no_matter(errors):
    assert {} == unusual_items(of_items(item(), errors=errors), 1)
    assert 1 == len(unusual_items(of_items(item(400, "mapper_parsing_exception"), errors=errors), 1))


@pytest.mark.parametrize("operation", ["create", "index", "update", "delete"])
def test_any_operation_is_answered_alike(operation):
    assert {} == unusual_items(of_items({operation: {"status": 201}}), 1)


@pytest.mark.parametrize("store", ["not_applicable_or_unknown", "not_enabled"])
def test_a_failure_store_that_was_not_needed_is_nothing_unusual(store):
    assert {} == unusual_items(of_items(item(failure_store=store)), 1)


def test_an_error_of_older_servers_is_a_text():
    assert {0: ItemAnswer(400, "error", "bad")} == unusual_items(
        of_items({"create": {"status": 400, "error": "bad"}}), 1
    )


def test_an_error_beside_a_good_status_is_an_error():
    found = unusual_items(of_items(item(201, "strange_exception")), 1)

    assert Verdict.REFUSED is judge(found[0], document(), RETRIED)


def test_reasons_are_bounded_and_can_be_written_to_a_log():
    body = b'{"items":[{"create":{"status":400,"error":{"type":"a\\nb","reason":"' + b"x" * 9000 + b'"}}}]}'
    (found,) = unusual_items(an_answer(body), 1).values()

    assert ("a b", 2048) == (found.type, len(found.reason))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Please log in</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"items":null}',
        b'{"items":5}',
        b'{"items":"a"}',
        b'{"items":[null]}',
        b'{"items":[{}]}',
        b'{"items":[{"create":null}]}',
        b'{"items":[{"create":{}}]}',
        b'{"items":[{"create":{"status":"201"}}]}',
        b'{"items":[{"create":{"status":true}}]}',
        b'{"items":[{"create":{"status":99}}]}',
        b'{"items":[{"create":{"status":-1}}]}',
        b'{"items":[{"create":{"status":100}}]}',
        b'{"items":[{"create":{"status":199}}]}',
        b'{"items":[{"create":{"status":100,"failure_store":"used"}}]}',
        b'{"items":[{"create":{"status":201},"index":{"status":201}}]}',
        b'{"items":[{"create":{"status":201}}',
        b'{"items":{"create":{"status":201}}}',
        b"\xff",
        gzip.compress(b'{"items":[]}', mtime=0),
    ],
)
def test_what_is_no_answer_to_a_bulk_request_leaves_everything_open(body):
    with pytest.raises(RetryableError, match="text/html that is not the answer to a bulk request"):
        unusual_items(an_answer(body, "text/html; charset=utf-8"), 1)


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_an_answer_for_another_number_of_documents_leaves_everything_open(sent):
    with pytest.raises(RetryableError, match=f"2 documents, but {sent} were sent"):
        unusual_items(of_items(item(), item()), sent)


def test_an_answer_that_is_not_whole_leaves_everything_open():
    with pytest.raises(RetryableError, match="too large"):
        unusual_items(an_answer(b'{"items":[]}', is_whole=False), 0)


@pytest.mark.parametrize(
    ("status", "type_", "id", "verdict"),
    [
        (201, "", "", Verdict.WRITTEN),
        (200, "", "", Verdict.WRITTEN),
        (429, "es_rejected_execution_exception", "", Verdict.AGAIN),
        (503, "unavailable_shards_exception", "", Verdict.AGAIN),
        (502, "", "", Verdict.AGAIN),
        (504, "", "", Verdict.AGAIN),
        (403, "cluster_block_exception", "", Verdict.AGAIN),
        (429, "cluster_block_exception", "", Verdict.AGAIN),
        (409, "version_conflict_engine_exception", "own", Verdict.WRITTEN),
        (409, "version_conflict_engine_exception", "", Verdict.DUPLICATE),
        (400, "document_parsing_exception", "own", Verdict.REFUSED),
        (400, "illegal_argument_exception", "", Verdict.REFUSED),
        (403, "security_exception", "", Verdict.REFUSED),
        (404, "index_not_found_exception", "", Verdict.REFUSED),
        (413, "", "", Verdict.REFUSED),
        (500, "null_pointer_exception", "", Verdict.REFUSED),
        (202, "", "", Verdict.REFUSED),
    ],
)
def test_each_document_is_judged_by_its_own_status(status, type_, id, verdict):
    assert verdict is judge(ItemAnswer(status, type_), document(id=id), RETRIED)


def test_which_statuses_are_retried_is_configured():
    assert Verdict.AGAIN is judge(ItemAnswer(500), document(), {500})
    assert Verdict.REFUSED is judge(ItemAnswer(429), document(), {500})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":{"type":"a","reason":"b"},"status":400}', ItemAnswer(0, "a", "b")),
        (b'{"error":"no handler"}', ItemAnswer(0, "error", "no handler")),
        (b'{"error":null}', ItemAnswer(0, "error", "None")),
        (b'{"message":"forbidden"}', ItemAnswer(0)),
        (b"[1]", ItemAnswer(0)),
        (b"5", ItemAnswer(0)),
        (b"<html>", ItemAnswer(0)),
        (b"", ItemAnswer(0)),
    ],
)
def test_what_a_refused_request_says(body, error):
    assert error == error_in(body)


def test_an_answer_about_ten_thousand_errors_is_read_to_its_end():
    items = [item(400, "document_parsing_exception", "x" * 2000)] * 10_000

    assert most_read(10_000) >= len(orjson.dumps({"items": items}))
