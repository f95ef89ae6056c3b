"""What the engine makes of this exporter: the front door, other exporters, the end."""

import asyncio

import pytest

from collector.errors import DropReason, PermanentError, RetryableError
from collector.testing import make_batch, make_spans
from tests.exporters.elasticsearch.bulk_server import BulkServer, answer, item, on_connection, refusal
from tests.exporters.elasticsearch.collectors import SIGNALS, to

BAD = item(400, "document_parsing_exception")
FULL = item(429, "es_rejected_execution_exception")


def spans(count, first=0):
    return make_spans(*({"name": f"span-{n}", "trace_id": f"{n + 1:032x}"} for n in range(first, first + count)))


async def test_every_signal_arrives():
    server = BulkServer()
    async with server.running():
        collector = to(a=server)
        async with collector.running():
            await collector.consume(*[make_batch(signal) for signal in SIGNALS])

    kinds = {document.index.partition("-")[0] for document in server.stored}
    assert ({"traces", "metrics", "logs"}, 3) == (kinds, collector.sent)
    assert ({}, True) == (collector.dropped, collector.is_balanced)


async def test_a_large_batch_arrives_in_several_requests():
    server = BulkServer()
    async with server.running():
        collector = to(a=(server, {"flush": {"bytes": 100_000}}))
        async with collector.running():
            await collector.consume(spans(2000))

    assert 2000 == collector.sent == len(server.stored) == len({document.id for document in server.stored})
    assert len(server.bulks) > 5
    assert collector.is_balanced


async def test_a_batch_of_which_a_part_is_refused_is_counted_to_the_item():
    def some(document):
        number = int(document.id[:32], 16)
        return BAD if number % 10 == 0 else None

    server = BulkServer([refusal(503), answer([FULL, BAD] + [item()] * 98)], refuses=some)
    async with server.running():
        collector = to(a=server)
        async with collector.running():
            await collector.consume(spans(100), spans(100, first=100))

    assert 200 == collector.sent + collector.dropped[DropReason.REJECTED_PERMANENT]
    assert collector.is_balanced


async def test_an_exporter_that_fails_neither_holds_up_another_nor_makes_it_send_twice():
    broken, good = BulkServer([refusal(503)] * 1000), BulkServer()
    async with broken.running(), good.running():
        collector = to(broken=broken, good=good)
        async with asyncio.timeout(20), collector.running():
            await collector.consume(spans(7), spans(7, first=7), spans(7, first=14))
            while len(good.stored) < 21:
                await good.asked.wait()
                good.asked.clear()
            asked = len(broken.bulks)
            broken.script = iter(())

    assert 21 == len(good.stored) == sum(map(len, good.bulks))
    assert asked > 0
    assert (42, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)


@pytest.mark.slow
async def test_an_exporter_whose_server_hangs_holds_up_nobody():
    @on_connection
    async def silent(reader, writer):
        await reader.read()

    hung, good = BulkServer([silent] * 1000), BulkServer()
    async with hung.running(), good.running():
        collector = to(hung=hung, good=good)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), collector.running():
                await collector.consume(spans(7))
                while len(good.stored) < 7:
                    await good.asked.wait()
                    good.asked.clear()

    assert (7, {DropReason.SHUTDOWN_DEADLINE: 7}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_of_several_nodes_those_that_are_there_are_used_without_a_pause():
    async with BulkServer().running() as gone:
        pass
    first, second = BulkServer(), BulkServer()
    async with first.running(), second.running():
        endpoints = [f"http://127.0.0.1:{server.port}" for server in (gone, first, second)]
        collector = to(a=(gone, {"endpoint": "", "endpoints": endpoints, "retry_on_failure": {"enabled": False}}))
        async with collector.running():
            await collector.consume(*[spans(2, first=2 * n) for n in range(10)])

    assert (20, {}, True) == (collector.sent, collector.dropped, collector.is_balanced)
    assert first.stored
    assert second.stored
    assert 20 == len(first.stored) + len(second.stored)


async def test_a_full_queue_refuses_at_the_front_door():
    server = BulkServer([refusal(503)] * 100_000)
    async with server.running():
        collector = to(a=(server, {"sending_queue": {"queue_size": 2, "num_consumers": 1}}))
        async with collector.running():
            await collector.consume(spans(5), spans(5, first=5))
            with pytest.raises(RetryableError, match="queue of elasticsearch/a is full"):
                await collector.consume(spans(5, first=10))
            server.script = iter(())

    assert 10 == len(server.stored) == collector.sent
    assert ({}, True) == (collector.dropped, collector.is_balanced)


async def test_without_a_queue_the_sender_hears_what_the_cluster_says():
    server = BulkServer([refusal(403, "security_exception", "not for you")])
    async with server.running():
        collector = to(a=(server, {"sending_queue": None}))
        async with collector.running():
            with pytest.raises(PermanentError, match="HTTP 403 security_exception not for you"):
                await collector.consume(spans(5))
            await collector.consume(spans(5))

    assert (5, {DropReason.REJECTED_PERMANENT: 5}, True) == (collector.sent, collector.dropped, collector.is_balanced)


async def test_batches_are_joined_before_they_are_sent():
    server = BulkServer()
    queue = {"batch": {"sizer": "items", "min_size": 30, "flush_timeout": "1h"}}
    async with server.running():
        collector = to(a=(server, {"sending_queue": queue}))
        async with collector.running():
            await collector.consume(*[spans(10, first=10 * n) for n in range(3)])

    assert [30] == [len(bulk) for bulk in server.bulks]
    assert (30, True) == (collector.sent, collector.is_balanced)


async def test_refused_documents_are_in_the_dead_letter_and_in_the_books(tmp_path):
    server = BulkServer(refuses=lambda document: BAD if document.id.startswith("0" * 31 + "3") else None)
    async with server.running():
        collector = to(a=(server, {"dead_letter": {"file": str(tmp_path / "dead.jsonl")}}))
        async with collector.running():
            await collector.consume(spans(5))

    assert (4, {DropReason.DEAD_LETTER: 1}, True) == (collector.sent, collector.dropped, collector.is_balanced)
    assert 1 == len((tmp_path / "dead.jsonl").read_bytes().splitlines())
