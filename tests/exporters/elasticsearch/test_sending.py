"""One attempt: what is settled, what is left, and what it is counted as."""

import asyncio

import pytest

from collector.api import DropReason, Outcome
from collector.errors import PermanentError, RetryableError
from collector.testing import FakeClock, settings
from exporters.elasticsearch.documents import Documents, Undeliverable
from exporters.elasticsearch.sending import MOST_REQUESTS
from tests.exporters.elasticsearch.bulk_server import BulkServer, answer, item, on_connection, refusal
from tests.exporters.elasticsearch.hand_made import HandMade, attempt, config_of, document

FULL = item(429, "es_rejected_execution_exception", "queue is full")
BAD = item(400, "document_parsing_exception", "failed to parse field [a]")


def documents(count, **more):
    return [document(n, **more) for n in range(count)]


def sources(documents):
    return [each.source for each in documents]


def left(outcome):
    return list(outcome.rest.content.documents)


async def test_everything_that_is_written_is_all_there_is_to_say():
    server = BulkServer()

    assert await attempt(server, documents(3)) is None
    assert [b'{"n":0}', b'{"n":1}', b'{"n":2}'] == server.sources


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("count", [3, 5_000])
async def test_a_request_is_ndjson_and_asks_only_for_what_is_read(compression, count):
    server = BulkServer()

    assert await attempt(server, documents(count), compression=compression) is None
    (request,) = server.requests
    assert "application/x-ndjson" == request.headers["content-type"]
    assert "filter_path=items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason" in request.path
    assert count == len(server.stored)


async def test_only_what_may_be_taken_later_is_left_in_its_order():
    server = BulkServer([answer([item(), FULL, item(), item(503, "unavailable_shards_exception"), item()])])
    sent = documents(5)
    outcome = await attempt(server, sent)

    assert ({}, 2) == (outcome.dropped, outcome.rest.items)
    assert [sent[1], sent[3]] == left(outcome)
    assert "1 x es_rejected_execution_exception (429)" in outcome.message


async def test_what_is_left_is_all_that_the_next_attempt_sends():
    server = BulkServer([answer([item(), FULL, BAD]), answer([FULL])])
    async with server.running():
        exporting = HandMade(documents(3), config_of(port=server.port))
        (parcel,) = (await exporting.prepare()).parcels
        async with exporting.cluster.lifespan():
            first = await exporting.send(parcel)
            second = await exporting.send(first.rest)
            third = await exporting.send(second.rest)

    assert [{DropReason.REJECTED_PERMANENT: 1}, {}] == [first.dropped, second.dropped]
    assert third is None
    assert [3, 1, 1] == [len(bulk) for bulk in server.bulks]
    assert [b'{"n":1}'] == server.sources


async def test_a_document_with_an_own_id_that_is_there_already_is_written():
    server = BulkServer()
    sent = documents(2, id="")
    sent[0] = document(0, id="own")
    server._ids.add(("logs", "own"))

    assert await attempt(server, sent) is None


async def test_a_duplicate_without_an_own_id_is_lost_and_counted_apart(caplog):
    server = BulkServer([answer([item(409, "version_conflict_engine_exception"), item()])])
    outcome = await attempt(server, documents(2))

    assert {DropReason.OUT_OF_ORDER: 1} == outcome.dropped
    assert outcome.rest is None
    assert "another document of the same time and dimensions" in caplog.text


async def test_what_is_refused_without_a_dead_letter_is_dropped_with_its_reason(caplog):
    server = BulkServer([answer([item(), BAD, item(404, "index_not_found_exception")])])
    outcome = await attempt(server, documents(3))

    assert Outcome({DropReason.REJECTED_PERMANENT: 2}, message=outcome.message) == outcome
    assert "1 x document_parsing_exception (400)" in outcome.message
    assert "1 x index_not_found_exception (404)" in outcome.message
    assert "logs refuses a document for good: document_parsing_exception (400)" in caplog.text


@pytest.mark.parametrize(("quotes", "is_logged"), [(None, False), (True, True), (False, True)])
async def test_a_reason_that_may_quote_a_document_is_not_logged_unless_that_is_decided(quotes, is_logged, caplog):
    server = BulkServer([answer([BAD])])
    await attempt(server, documents(1), include_source_on_error=quotes)

    assert is_logged is ("failed to parse field [a]" in caplog.text)
    assert (quotes is not None) is ("include_source_on_error=" in server.requests[0].path)


@pytest.mark.parametrize("logs", [True, False])
async def test_refused_documents_are_logged_on_demand(logs, caplog):
    server = BulkServer([answer([BAD] * 3)])
    await attempt(server, documents(3), telemetry={"log_failed_docs_input": logs})

    assert int(logs) == caplog.text.count('the refused document is {"n":')


async def test_thousands_of_refusals_are_one_line_in_the_log(caplog):
    server = BulkServer([answer([BAD] * 5_000)])
    outcome = await attempt(server, documents(5_000))

    assert {DropReason.REJECTED_PERMANENT: 5_000} == outcome.dropped
    assert 1 == len(caplog.records)


async def test_a_record_is_lost_once_if_several_of_its_documents_are():
    """
    A span with two events, of which one is refused at once and one later.
    """
    span = [document(0), document(0, items=0), document(0, items=0), document(1)]
    server = BulkServer([answer([item(), BAD, FULL, item()]), answer([BAD])])
    async with server.running():
        exporting = HandMade(span, config_of(port=server.port))
        (parcel,) = (await exporting.prepare()).parcels
        async with exporting.cluster.lifespan():
            first = await exporting.send(parcel)
            second = await exporting.send(first.rest)

    assert 2 == parcel.items
    assert ({DropReason.REJECTED_PERMANENT: 1}, 0) == (first.dropped, first.rest.items)
    assert ({}, None) == (second.dropped if second else {}, second and second.rest)


async def test_a_record_whose_event_has_to_wait_is_not_there_yet():
    server = BulkServer([answer([item(), FULL])])
    outcome = await attempt(server, [document(0), document(0, items=0)])

    assert ({}, 1) == (outcome.dropped, outcome.rest.items)


async def test_a_document_of_many_points_weighs_as_many():
    server = BulkServer([answer([BAD, item()])])
    outcome = await attempt(server, [document(0, items=7), document(7, items=3)])

    assert {DropReason.REJECTED_PERMANENT: 7} == outcome.dropped


async def test_documents_that_are_written_once_are_told_of_when_they_are_there():
    once = [document(n, id=str(n), once=True) for n in range(4)]
    server = BulkServer([answer([item(), FULL, BAD, item(409, "version_conflict_engine_exception")])])
    async with server.running():
        exporting = HandMade([*once, document(4)], config_of(port=server.port))
        server.script = iter([answer([item(), FULL, BAD, item(409), item()])])
        await exporting.attempt()

    assert [once[0], once[3]] == exporting.written


async def test_the_failure_store_is_told_of_and_is_not_a_loss(caplog):
    server = BulkServer([answer([item(failure_store="used")] * 2)])

    assert await attempt(server, documents(2)) is None
    assert 1 == caplog.text.count("failure store")


def too_large(most):
    """
    Return what a server says that takes bodies of so many documents.
    """

    def step(documents):
        return refusal(413) if len(documents) > most else answer([item()] * len(documents))

    return step


async def test_what_is_too_large_is_halved_until_it_fits():
    server = BulkServer([too_large(3)] * 100)

    assert await attempt(server, documents(10)) is None
    assert [10, 5, 2, 3, 5, 2, 3] == [len(bulk) for bulk in server.bulks]


async def test_a_single_document_that_is_too_large_is_dropped_alone():
    server = BulkServer([too_large(0), too_large(0), too_large(1), too_large(1)])
    outcome = await attempt(server, documents(2))

    assert {DropReason.LIMIT_ITEM: 1} == outcome.dropped
    assert "too_large (413)" in outcome.message


async def test_the_size_that_was_too_large_is_not_tried_again():
    server = BulkServer([refusal(413)])
    sent = [document(n, source=b'"' + b"x" * 20_000 + b'"') for n in range(20)]
    async with server.running():
        exporting = HandMade(sent, config_of("compression: none", server.port))
        async with exporting.cluster.lifespan():
            for _ in range(2):
                (parcel,) = (await exporting.prepare()).parcels
                assert await exporting.send(parcel) is None

    sizes = [len(request.body) for request in server.requests]
    assert max(sizes[1:]) <= sizes[0] / 2
    assert 40 == len(server.stored)


def malformed(bad):
    """
    Return what a server says of a request with one of these documents.
    """

    def step(documents):
        if {document.source for document in documents} & bad:
            return refusal(400, "x_content_parse_exception", "[1:5] unexpected character")
        return answer([item()] * len(documents))

    return step


async def test_a_malformed_document_is_found_and_costs_nobody_else():
    server = BulkServer([malformed({b'{"n":37}', b'{"n":64}'})] * 100)
    outcome = await attempt(server, documents(100))

    assert {DropReason.REJECTED_PERMANENT: 2} == outcome.dropped
    assert "2 x x_content_parse_exception (400)" in outcome.message
    assert len(server.bulks) < 32


async def test_what_another_kind_of_server_does_not_know_is_not_looked_for_in_each_document():
    reason = "Action/metadata line [3] contains an unknown parameter [require_data_stream]"
    server = BulkServer([refusal(400, "illegal_argument_exception", reason)])
    streams = [each._replace(action=each.action[:-2] + b',"require_data_stream":true}}') for each in documents(8)]
    outcome = await attempt(server, [document(8), *streams, document(9)])

    assert {DropReason.REJECTED_PERMANENT: 8} == outcome.dropped
    assert [10, 2] == [len(bulk) for bulk in server.bulks]
    assert [b'{"n":8}', b'{"n":9}'] == server.sources


async def test_a_cluster_that_refuses_everything_is_not_asked_in_a_tight_loop():
    server = BulkServer([refusal(413)] * 10_000)
    outcome = await attempt(server, documents(2000))

    assert MOST_REQUESTS == len(server.bulks)
    assert 2000 == outcome.rest.items + sum(outcome.dropped.values())
    assert "is looked for in further attempts" in outcome.message


async def test_a_request_that_no_document_can_help_is_refused_as_a_whole():
    reason = "request [/_bulk] contains unrecognized parameter: [include_source_on_error]"
    server = BulkServer([refusal(400, "illegal_argument_exception", reason)])

    with pytest.raises(PermanentError, match="unrecognized parameter"):
        await attempt(server, documents(10))
    assert 1 == len(server.bulks)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 501])
async def test_what_the_server_will_never_take_is_permanent(status):
    server = BulkServer([refusal(status, "security_exception", "not for you")])

    with pytest.raises(PermanentError, match=f"HTTP {status} security_exception not for you"):
        await attempt(server, documents(3))


async def test_a_redirect_is_not_followed():
    server = BulkServer([refusal(302, Location="http://login/")])

    with pytest.raises(PermanentError, match="redirects are not followed; it points to http://login/"):
        await attempt(server, documents(3))


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_what_the_server_may_take_later_is_sent_again(status):
    server = BulkServer([refusal(status, "es_rejected_execution_exception", Retry_After="7")])

    with pytest.raises(RetryableError, match=f"HTTP {status} es_rejected") as error:
        await attempt(server, documents(3))
    assert 7 == error.value.retry_after


@pytest.mark.parametrize("status", [400, 413, 500, 403])
async def test_any_status_may_be_configured_to_be_sent_again(status):
    server = BulkServer([refusal(status)])

    with pytest.raises(RetryableError, match=f"HTTP {status}"):
        await attempt(server, documents(3), retry={"retry_on_status": [status]})


async def test_a_block_of_the_whole_cluster_passes():
    server = BulkServer([refusal(403, "cluster_block_exception", "index read-only / allow delete")])

    with pytest.raises(RetryableError, match="cluster_block_exception"):
        await attempt(server, documents(3))


async def test_an_error_of_the_server_is_tried_three_times():
    server = BulkServer([refusal(500, "null_pointer_exception")] * 3)
    async with server.running():
        exporting = HandMade(documents(2), config_of(port=server.port))
        (parcel,) = (await exporting.prepare()).parcels
        async with exporting.cluster.lifespan():
            for _ in range(2):
                with pytest.raises(RetryableError, match="HTTP 500"):
                    await exporting.send(parcel)
            with pytest.raises(PermanentError, match="HTTP 500"):
                await exporting.send(parcel)


@pytest.mark.parametrize("kind", ["permanent", "retryable"])
async def test_a_refusal_after_a_part_was_written_is_of_the_rest_only(kind):
    after = refusal(401 if kind == "permanent" else 503)
    server = BulkServer([refusal(413), answer([item()] * 2), after])
    outcome = await attempt(server, documents(4))

    assert [4, 2, 2] == [len(bulk) for bulk in server.bulks]
    if kind == "permanent":
        assert ({DropReason.REJECTED_PERMANENT: 2}, None) == (outcome.dropped, outcome.rest)
    else:
        assert ({}, 2) == (outcome.dropped, outcome.rest.items)


@on_connection
async def silent(reader, writer):
    await reader.read()


async def test_an_attempt_that_is_cut_off_is_gone_on_with_where_it_was():
    """
    What was answered before is not sent again, and is counted once.
    """
    server = BulkServer([refusal(413), answer([item(), BAD]), silent])
    async with server.running():
        exporting = HandMade(documents(4), config_of(port=server.port))
        (parcel,) = (await exporting.prepare()).parcels
        async with exporting.cluster.lifespan():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await exporting.send(parcel)
            outcome = await exporting.send(parcel)

    assert [4, 2, 2, 2] == [len(bulk) for bulk in server.bulks]
    assert ({DropReason.REJECTED_PERMANENT: 1}, None) == (outcome.dropped, outcome.rest)


async def test_what_has_no_place_to_go_is_unsupported_without_a_dead_letter():
    """
    A span whose event asks for an index that cannot be is not there as a whole.
    """
    refused = Undeliverable(document(0, items=0, target="A"), "index name 'A' must be lower case")
    server = BulkServer()
    outcome = await attempt(server, Documents([document(0)], [refused]))

    assert {DropReason.UNSUPPORTED: 1} == outcome.dropped
    assert "1 x index name 'A' must be lower case" == outcome.message
    assert [b'{"n":0}'] == server.sources


async def test_the_log_says_how_often_it_kept_silent(caplog):
    clock = FakeClock()
    server = BulkServer([refusal(503)] * 4)
    async with server.running():
        exporting = HandMade(documents(1), config_of(port=server.port), settings("elasticsearch", clock))
        async with exporting.cluster.lifespan():
            (parcel,) = (await exporting.prepare()).parcels
            for _ in range(4):
                with pytest.raises(RetryableError):
                    await exporting.send(parcel)
                await clock.advance(4)

    assert 2 == caplog.text.count("was not taken")
    assert "and 2 more times since the last line like this" in caplog.text
