"""A cluster that fails in every way there is: each item is in the books once, and each document there once."""

import asyncio
from contextlib import AsyncExitStack
from email.utils import formatdate

import orjson
import pytest

from collector.batch import Signal
from collector.delivery.delivery import Delivery
from collector.delivery.retry import LONGEST_PAUSE
from collector.delivery.settings import DeliveryConfig
from collector.errors import ConsumeError, DropReason, PermanentError, RetryableError
from collector.telemetry import DROPPED, HELD, SENT, Telemetry
from collector.testing import make_batch, settings
from tests.exporters.elasticsearch.bulk_server import BulkServer, answer, item, on_connection, refusal
from tests.exporters.elasticsearch.hand_made import HandMade, config_of, document
from tests.exporters.servers import reset, respond

ITEMS = 5
BAD = item(400, "document_parsing_exception")
FULL = item(429, "es_rejected_execution_exception")


class Pauses:
    """
    A clock on which pauses take no time and are written down.
    """

    def __init__(self, then=lambda slept: None):
        self.slept = []
        self.then = then

    def monotonic(self):
        return sum(self.slept)

    def time(self):
        return 1_700_000_000.0 + sum(self.slept)

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.then(self.slept)


class Books:
    """
    What became of the items of one batch that a server was sent, as the engine sends them.
    """

    def __init__(self, server, clock=None, config="{}", documents=None, **delivery):
        self.server, self.clock, self.telemetry = server, clock or Pauses(), Telemetry()
        self.config, self.delivery = config, delivery
        self.documents = documents or [document(n, id=str(n)) for n in range(ITEMS)]
        self.items = sum(each.items for each in self.documents)
        self.error = None

    async def deliver(self):
        """
        Deliver one batch; the identity has to hold whatever happens.
        """
        async with self.server.running():
            await self.deliver_to(config_of(self.config, self.server.port))
        return self

    async def deliver_to(self, config):
        engine = settings("elasticsearch", self.clock)
        exporting = HandMade(self.documents, config, engine)
        accounts = self.telemetry.component("elasticsearch")
        retry = {"randomization_factor": 0, **self.delivery.pop("retry", {})}
        delivery = Delivery(exporting, DeliveryConfig(retry_on_failure=retry, **self.delivery), engine, accounts)
        accounts.held(Signal.TRACES, self.items)
        async with exporting.cluster.lifespan():
            try:
                await delivery.deliver(make_batch(items=self.items))
            except ConsumeError as error:
                self.error = error
        assert (0, self.items) == (self.telemetry.total(HELD), self.sent + sum(self.dropped.values()))

    @property
    def sent(self):
        return self.telemetry.total(SENT[Signal.TRACES])

    @property
    def dropped(self):
        counts = {reason: self.telemetry.total(DROPPED, reason=reason) for reason in DropReason}
        return {reason: count for reason, count in counts.items() if count}

    @property
    def all_are_there_once(self):
        """
        Whether each document is stored, and none twice.
        """
        return sorted(each.source for each in self.documents) == sorted(self.server.sources)


@on_connection
async def vanish(reader, writer):
    pass


@on_connection
async def reset_it(reader, writer):
    reset(writer)


@on_connection
async def half_a_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")


@on_connection
async def half_an_answer(reader, writer):
    writer.write(answer([item()] * ITEMS)[:-20])


@on_connection
async def half_an_answer_then_reset(reader, writer):
    writer.write(answer([item()] * ITEMS)[:-20])
    await writer.drain()
    reset(writer)


@on_connection
async def no_http(reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


@on_connection
async def silent(reader, writer):
    await reader.read()


OPEN = {
    "vanishes": vanish,
    "is reset": reset_it,
    "half a head": half_a_head,
    "half an answer": half_an_answer,
    "half an answer, then reset": half_an_answer_then_reset,
    "no HTTP": no_http,
    "no JSON": respond(200, b"\xff\xfe", "application/json"),
    "half the JSON": respond(200, b'{"items":[{"create":{"status":201}},', "application/json"),
    "fewer items": answer([item()] * (ITEMS - 1)),
    "more items": answer([item()] * (ITEMS + 1)),
    "no items": answer([]),
    "an empty body": respond(200, b"", "application/json"),
    "no content": respond(204, b"", ""),
    "a login page": respond(200, b"<html>Please log in</html>", "text/html"),
    "a page of a megabyte": respond(200, b"<html>" + bytes(2 << 20), "text/html"),
    "badly compressed": respond(200, b"\xff", "application/json", Content_Encoding="gzip"),
    "another encoding": respond(200, b"\xff", "application/json", Content_Encoding="br"),
}


@pytest.mark.parametrize("step", OPEN.values(), ids=OPEN)
async def test_what_leaves_it_open_whether_documents_were_taken_is_sent_again(step):
    books = await Books(BulkServer([step, step])).deliver()

    assert (ITEMS, {}, None) == (books.sent, books.dropped, books.error)
    assert books.all_are_there_once
    assert [5, 7.5] == books.clock.slept


async def test_the_wrong_content_type_does_not_matter_if_the_answer_is_one():
    """
    Proxies lose it; the answer about each document is all that counts.
    """
    body = orjson.dumps({"items": [item()] * ITEMS})
    books = await Books(BulkServer([respond(200, body, "text/plain")])).deliver()

    assert (ITEMS, []) == (books.sent, books.clock.slept)


@pytest.mark.parametrize("step", [vanish, reset_it, half_an_answer], ids=["vanishes", "is reset", "half an answer"])
async def test_documents_that_were_taken_before_the_connection_broke_are_there_once(step):
    """
    Their ids make it safe to send them again.
    """
    server = BulkServer()

    @on_connection
    async def take_and_break(reader, writer):
        server.write(server.bulks[-1])
        await step(reader, writer)

    server.script = iter([take_and_break])
    books = await Books(server).deliver()

    assert (ITEMS, {}) == (books.sent, books.dropped)
    assert books.all_are_there_once


async def test_a_reset_after_the_answer_changes_nothing():
    @on_connection
    async def answer_and_reset(reader, writer):
        writer.write(answer([item()] * ITEMS))
        await writer.drain()
        reset(writer)

    books = await Books(BulkServer([answer_and_reset])).deliver()

    assert (ITEMS, []) == (books.sent, books.clock.slept)


async def test_a_server_that_does_not_answer_in_time_is_asked_again():
    books = await Books(BulkServer([silent, silent]), timeout=0.3).deliver()

    assert (ITEMS, {}) == (books.sent, books.dropped)
    assert books.all_are_there_once


async def test_a_server_that_is_slow_is_waited_for():
    @on_connection
    async def byte_by_byte(reader, writer):
        for byte in answer([item()] * ITEMS):
            writer.write(bytes([byte]))
            await writer.drain()

    books = await Books(BulkServer([byte_by_byte])).deliver()

    assert (ITEMS, []) == (books.sent, books.clock.slept)


async def test_a_cluster_that_is_down_for_two_minutes_has_everything_afterwards():
    back = asyncio.Event()
    clock = Pauses(lambda slept: back.set() if sum(slept) >= 120 else None)
    server = BulkServer(refuses=lambda document: None if back.is_set() else item(503, "unavailable_shards_exception"))
    books = await Books(server, clock).deliver()

    assert (ITEMS, {}) == (books.sent, books.dropped)
    assert 120 <= sum(clock.slept) < 150
    assert books.all_are_there_once


async def test_a_machine_that_is_gone_for_two_minutes_has_everything_afterwards():
    """
    Nobody listens at its port until then.
    """
    server, stack, started = BulkServer(), AsyncExitStack(), []

    class Reboot(Pauses):
        async def sleep(self, seconds):
            await super().sleep(seconds)
            if sum(self.slept) >= 120 and not started:
                started.append(await stack.enter_async_context(server.running()))

    async with BulkServer().running() as before:
        server.port = before.port
    books = Books(server, Reboot())
    async with stack:
        await books.deliver_to(config_of(port=server.port))

    assert (ITEMS, {}) == (books.sent, books.dropped)
    assert books.all_are_there_once


async def test_what_is_refused_for_too_long_is_dropped_with_its_reason(caplog):
    books = await Books(BulkServer(refuses=lambda document: FULL), retry={"max_elapsed_time": 60}).deliver()

    assert (0, {DropReason.RETRY_EXHAUSTED: ITEMS}) == (books.sent, books.dropped)
    assert "es_rejected_execution_exception (429)" in str(books.error)
    assert sum(books.clock.slept) <= 60


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (None, 5),
        ("0", 5),
        ("3", 5),
        ("60", 60),
        ("-60", 5),
        ("soon", 5),
        ("9" * 30, LONGEST_PAUSE),
        (formatdate(1_700_000_100, usegmt=True), 100),
        (formatdate(0, usegmt=True), 5),
        (formatdate(4_102_444_800, usegmt=True), LONGEST_PAUSE),
    ],
)
async def test_retry_after_is_honoured_within_reason(status, value, pause):
    headers = {} if value is None else {"Retry_After": value}
    server = BulkServer([refusal(status, "es_rejected_execution_exception", **headers)])
    books = await Books(server, retry={"max_elapsed_time": 0}).deliver()

    assert [pause] == books.clock.slept
    assert ITEMS == books.sent


async def test_partial_success_is_settled_document_by_document():
    server = BulkServer([answer([item(), FULL, BAD, item(409), FULL]), answer([FULL, BAD]), answer([item()])])
    books = await Books(server).deliver()

    assert (3, {DropReason.REJECTED_PERMANENT: 2}) == (books.sent, books.dropped)
    assert [["0", "1", "2", "3", "4"], ["1", "4"], ["1"]] == [[d.id for d in bulk] for bulk in server.bulks]


@pytest.mark.parametrize("status", [301, 401, 403, 404])
async def test_what_will_never_be_taken_is_dropped_at_once_and_said(status, caplog):
    books = await Books(BulkServer([refusal(status, Location="http://login/")])).deliver()

    assert (0, {DropReason.REJECTED_PERMANENT: ITEMS}) == (books.sent, books.dropped)
    assert isinstance(books.error, PermanentError)
    assert f"dropping 5 items (rejected_permanent): HTTP {status}" in caplog.text
    assert [] == books.clock.slept


async def test_letters_that_cannot_be_written_are_dropped_with_their_reason_in_the_end():
    server = BulkServer([answer([item(), BAD, item(), item(), item()])], refuses=lambda document: FULL)
    books = await Books(server, config="dead_letter: {index: dead}", retry={"max_elapsed_time": 60}).deliver()

    assert (4, {DropReason.RETRY_EXHAUSTED: 1}) == (books.sent, books.dropped)
    assert "document_parsing_exception (400)" in str(books.error)
    assert isinstance(books.error, RetryableError)
    assert ["logs"] * 5 == [document.index for document in server.bulks[0]]
    assert {"dead"} == {document.index for bulk in server.bulks[1:] for document in bulk}


async def test_a_span_with_events_is_counted_once_whatever_happens_to_them():
    span = [document(n // 3, id=str(n), items=int(n % 3 == 0)) for n in range(9)]
    good, bad, full = item(), BAD, FULL
    server = BulkServer([answer([good, bad, full, bad, good, bad, good, full, good]), answer([bad, full])])
    books = await Books(server, documents=span).deliver()

    assert 3 == books.items
    assert (1, {DropReason.REJECTED_PERMANENT: 2}) == (books.sent, books.dropped)
