"""Translating in the background, starting, and what a request looks like."""

import asyncio
import base64
import threading
import time

import pytest
import yaml

from collector.api import PreparingExporter
from collector.batch import Signal
from collector.errors import StartError
from collector.testing import make_batch
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.exporter import FIRST_PACE, SHORT
from tests.exporters.elasticsearch.bulk_server import BulkServer, item
from tests.exporters.elasticsearch.hand_made import document
from tests.exporters.servers import exporter, longest_turn


def to(port=1, **config):
    return exporter("elasticsearch", yaml.safe_dump({"endpoint": f"http://127.0.0.1:{port}", **config}))


async def bring(exporting, batch):
    async with exporting.lifespan():
        for parcel in (await exporting.prepare(batch)).parcels:
            assert await exporting.send(parcel) is None


MANY = int(SHORT / FIRST_PACE)
"""Items that are translated in a thread as long as nobody knows how long that takes."""


@pytest.mark.parametrize("items", [1, MANY - 1, MANY, 10 * MANY])
async def test_a_batch_arrives_whichever_way_it_is_translated(items):
    server = BulkServer()
    async with server.running():
        exporting = to(server.port)
        assert isinstance(exporting, PreparingExporter)
        await bring(exporting, make_batch(items=items))

    assert items == len(server.stored)


async def test_requests_carry_credentials_and_headers_and_go_to_the_path_of_a_proxy():
    server = BulkServer()
    async with server.running():
        its = {"user": "elastic", "password": "hush", "headers": {"X-Tenant": "shop"}}
        await bring(to(server.port, endpoint=f"http://127.0.0.1:{server.port}/search/", **its), make_batch())

    (request,) = [request for request in server.requests if "_bulk" in request.path]
    assert request.path.startswith("/search/_bulk?")
    assert "Basic " + base64.b64encode(b"elastic:hush").decode() == request.headers["authorization"]
    assert "shop" == request.headers["x-tenant"]


@pytest.mark.slow
async def test_receivers_go_on_while_a_large_batch_is_translated():
    """
    The least of several, since whatever else the machine does may hold up the loop too.
    """
    exporting, batch = to(), make_batch(items=8_000, key="value", other=5)
    turns = [await longest_turn(exporting.prepare(batch.copy())) for _ in range(5)]

    assert 1 / 4 > min(stalled / took for stalled, took in turns)


async def test_what_took_long_is_done_in_a_thread_the_next_time_and_what_did_not_is_not():
    exporting, is_in_loop, batch = to(), [], make_batch(items=MANY - 1)

    class Writer:
        def write(self, batch):
            is_in_loop.append(threading.current_thread() is threading.main_thread())
            end = time.thread_time() + (4 * SHORT if len(is_in_loop) == 1 else 0)
            while time.thread_time() < end:
                pass
            return Documents([document(n) for n in range(len(batch))])

    exporting._writer = Writer()
    for _ in range(8):
        await exporting.prepare(batch)

    assert [True, False] == is_in_loop[:2]
    assert True in is_in_loop[2:]


class Overlapping:
    """
    A writer that notes whether two batches are written at the same time; the first waits until it is told to end.
    """

    def __init__(self):
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.is_writing, self.overlapped = False, False

    def write(self, batch):
        self.overlapped |= self.is_writing
        self.is_writing = True
        self.has_begun.set()
        if len(batch) >= MANY:
            self.may_end.wait(10)
        self.is_writing = False
        return Documents([document(n) for n in range(len(batch))])


@pytest.mark.parametrize("items", [1, MANY])
async def test_a_batch_that_is_given_up_while_it_is_translated_is_not_run_over_by_the_next(items):
    exporting, writer = to(), Overlapping()
    exporting._writer = writer
    first = asyncio.create_task(exporting.prepare(make_batch(items=MANY)))
    await asyncio.to_thread(writer.has_begun.wait, 10)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(exporting.prepare(make_batch(items=items)))
    for _ in range(10):
        await asyncio.sleep(0)
    writer.may_end.set()
    prepared = await second

    assert first.cancelled()
    assert not writer.overlapped
    assert [items] == [parcel.items for parcel in prepared.parcels]


async def test_records_that_no_document_can_hold_are_counted_and_told_of(caplog):
    exporting = to()
    documents = Documents([document(0)])
    documents.drop("a histogram is cumulative", 3)
    exporting._writer = type("Writer", (), {"write": lambda self, batch: documents})()
    prepared = await exporting.prepare(make_batch(Signal.METRICS, items=4))

    assert {"unsupported": 3} == prepared.dropped
    assert "3 items are not sent: a histogram is cumulative" in caplog.text


async def test_a_server_that_is_down_keeps_nothing_from_starting_and_stopping():
    async with BulkServer().running() as gone:
        pass
    exporting, starts = to(gone.port, discover={"on_start": True}), 0

    async with asyncio.timeout(5):
        for _ in range(2):
            async with exporting.lifespan():
                starts += 1

    assert 2 == starts


async def test_a_dead_letter_that_cannot_be_written_is_found_at_the_start(tmp_path):
    exporting = to(dead_letter={"file": str(tmp_path / "no" / "dead.jsonl")})

    with pytest.raises(StartError, match="dead_letter::file"):
        async with exporting.lifespan():
            pass


async def test_templates_are_there_before_the_first_document_in_mode_jaeger():
    server = BulkServer()
    async with server.running():
        await bring(to(server.port, mapping={"mode": "jaeger"}), make_batch())

    asked = [request.path.partition("?")[0] for request in server.requests if request.path != "/"]
    assert ["/_index_template/jaeger-span", "/_index_template/jaeger-service", "/_bulk"] == asked
    assert {"jaeger-span", "jaeger-service"} == {document.index[:-11] for document in server.stored}


async def test_services_of_jaeger_are_written_until_they_are_there():
    """
    One that was refused for a while is written with the next batch again.
    """
    server = BulkServer(refuses=lambda document: item(429) if "service" in document.index and busy else None)
    async with server.running():
        exporting, busy = to(server.port, mapping={"mode": "jaeger"}), True
        async with exporting.lifespan():
            for n in range(3):
                for parcel in (await exporting.prepare(make_batch(key=n))).parcels:
                    await exporting.send(parcel)
                    busy = False

    services = [document.index.startswith("jaeger-service") for bulk in server.bulks for document in bulk]
    assert [True, True, False] == [any("service" in document.index for document in bulk) for bulk in server.bulks]
    assert 2 == sum(services)
