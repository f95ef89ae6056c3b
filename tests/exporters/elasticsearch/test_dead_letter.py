import asyncio
import os
import threading
from pathlib import Path

import orjson
import pytest

from collector.api import DropReason
from collector.errors import RetryableError, StartError
from collector.testing import FakeClock
from exporters.elasticsearch import dead_letter
from exporters.elasticsearch.answers import ItemAnswer
from exporters.elasticsearch.bulk import Letter
from exporters.elasticsearch.dead_letter import DeadLetterFile
from exporters.elasticsearch.documents import Documents, Undeliverable
from tests.exporters.elasticsearch.bulk_server import BulkServer, answer, item, refusal
from tests.exporters.elasticsearch.hand_made import HandMade, attempt, config_of, document

BAD = item(400, "document_parsing_exception", "failed to parse field [a]")
FULL = item(429, "es_rejected_execution_exception", "queue is full")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dead.jsonl"


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def attempts(server, documents, count, **its):
    """
    Send documents so often, each time what is left; return the outcomes.
    """
    async with server.running():
        exporting = HandMade(documents, config_of(port=server.port, **its))
        (parcel,) = (await exporting.prepare()).parcels
        outcomes = []
        async with exporting.cluster.lifespan():
            for _ in range(count):
                outcomes.append(await exporting.send(parcel))
                parcel = outcomes[-1] and outcomes[-1].rest
    return outcomes


async def test_a_file_has_everything_about_a_refused_document(path):
    server = BulkServer([answer([item(), BAD])])
    refused = document(1, id="own", source=b'{"a":"x"}', target="logs-app")
    outcome = await attempt(
        server, [document(0), refused], clock=FakeClock(1_700_000_000.25), dead_letter={"file": path}
    )

    assert ({DropReason.DEAD_LETTER: 1}, None) == (outcome.dropped, outcome.rest)
    assert [
        {
            "@timestamp": "2023-11-14T22:13:20.250Z",
            "document": {
                "index": "logs-app",
                "id": "own",
                "action": '{"create":{"_index":"logs-app","_id":"own"}}',
                "source": '{"a":"x"}',
            },
            "error": {
                "status": 400,
                "type": "document_parsing_exception",
                "reason": "failed to parse field [a]",
            },
        }
    ] == lines(path)
    assert 0o600 == path.stat().st_mode & 0o777


async def test_an_index_has_everything_about_a_refused_document():
    server = BulkServer([answer([item(), BAD])])
    outcome = await attempt(server, [document(0), document(1, source=b'{"a":"x"}')], dead_letter={"index": "dead"})

    (letter,) = server.stored
    assert {DropReason.DEAD_LETTER: 1} == outcome.dropped
    assert ("create", "dead") == (letter.operation, letter.index)
    assert '{"a":"x"}' == orjson.loads(letter.source)["document"]["source"]
    assert "failed to parse field [a]" == orjson.loads(letter.source)["error"]["reason"]


async def test_what_has_no_place_to_go_has_one_there(path):
    refused = Undeliverable(document(0, target="A", source=b"{}"), "index name 'A' must be lower case")
    outcome = await attempt(BulkServer(), Documents([], [refused]), dead_letter={"file": path})

    assert {DropReason.DEAD_LETTER: 1} == outcome.dropped
    (line,) = lines(path)
    assert ("A", "index name 'A' must be lower case") == (line["document"]["index"], line["error"]["reason"])


async def test_a_document_that_is_too_large_goes_there_too(path):
    outcome = await attempt(BulkServer([refusal(413)]), [document(0)], dead_letter={"file": path})

    assert {DropReason.DEAD_LETTER: 1} == outcome.dropped
    assert [413] == [line["error"]["status"] for line in lines(path)]


async def test_letters_wait_until_their_index_is_there_and_their_documents_are_not_offered_again():
    server = BulkServer([answer([BAD, item()]), refusal(503), answer([FULL])])
    first, second, third = await attempts(server, [document(0), document(1)], 3, dead_letter={"index": "dead"})

    assert ({}, 1) == (first.dropped, first.rest.items)
    assert ({}, 1) == (second.dropped, second.rest.items)
    assert ({DropReason.DEAD_LETTER: 1}, None) == (third.dropped, third.rest)
    assert [["logs", "logs"], ["dead"], ["dead"], ["dead"]] == [[d.index for d in bulk] for bulk in server.bulks]
    assert "document_parsing_exception" in first.message


async def test_a_letter_that_is_written_twice_is_there_once():
    """
    The answer to the first attempt did not come.
    """

    def took_it_and_fell(documents):
        server.write(documents)
        return refusal(503)

    server = BulkServer([answer([BAD]), took_it_and_fell])
    *_, last = await attempts(server, [document(0)], 2, dead_letter={"index": "dead"})

    assert {DropReason.DEAD_LETTER: 1} == last.dropped
    assert 1 == len(server.stored)


@pytest.mark.parametrize("no", [answer([BAD]), refusal(403, "security_exception"), refusal(404), refusal(400)])
async def test_what_the_index_refuses_for_good_is_lost_and_both_reasons_are_told(no, caplog):
    server = BulkServer([answer([BAD, item()]), no])
    outcome = await attempt(server, [document(0), document(1)], dead_letter={"index": "dead"})

    assert ({DropReason.REJECTED_PERMANENT: 1}, None) == (outcome.dropped, outcome.rest)
    assert "a document that was refused (document_parsing_exception (400)), and is lost: " in caplog.text
    assert 2 == len(server.bulks)


async def test_a_document_too_large_for_the_dead_letter_too_is_named_so():
    outcome = await attempt(BulkServer([refusal(413)] * 2), [document(0)], dead_letter={"index": "dead"})

    assert {DropReason.LIMIT_ITEM: 1} == outcome.dropped


async def test_an_index_is_not_asked_for_while_the_cluster_takes_nothing():
    server = BulkServer([refusal(413), answer([BAD]), refusal(503)])
    outcome = await attempt(server, [document(0), document(1)], dead_letter={"index": "dead"})

    assert 3 == len(server.bulks)
    assert ({}, 2) == (outcome.dropped, outcome.rest.items)


async def test_a_file_is_written_whatever_the_cluster_does(path):
    server = BulkServer([refusal(413), answer([BAD]), refusal(503)])
    outcome = await attempt(server, [document(0), document(1)], dead_letter={"file": path})

    assert ({DropReason.DEAD_LETTER: 1}, 1) == (outcome.dropped, outcome.rest.items)


async def test_letters_are_cut_by_bytes_too():
    server = BulkServer([answer([BAD] * 30)])
    await attempt(server, [document(n) for n in range(30)], dead_letter={"index": "dead"}, flush={"bytes": 2000})

    sizes = [sum(len(document.source) for document in bulk) for bulk in server.bulks[1:]]
    assert 30 == len(server.stored)
    assert max(sizes) <= 2000


def letter(n=0):
    return Letter(document(n), ItemAnswer(400, "bad"))


async def test_a_disk_that_is_full_leaves_no_half_line(path, monkeypatch):
    real, room = os.write, [200, 0]

    def write(file, data):
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = real(file, bytes(data)[: room[0]])
        room[0] -= taken
        return taken

    await DeadLetterFile(path).bury([letter(0)], 0)
    before = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(dead_letter.os, "write", write)
        with pytest.raises(RetryableError, match="No space left on device"):
            await DeadLetterFile(path).bury([letter(1), letter(2)], 0)

    assert before == path.read_bytes()
    await DeadLetterFile(path).bury([letter(1), letter(2)], 0)
    assert 3 == len(lines(path))


async def test_a_disk_that_is_full_keeps_letters_waiting(path, caplog):
    server = BulkServer([answer([BAD])])
    path.mkdir()
    (outcome,) = await attempts(server, [document(0)], 1, dead_letter={"file": path})

    assert ({}, 1) == (outcome.dropped, outcome.rest.items)
    assert "Is a directory" in outcome.message
    assert "document_parsing_exception" in outcome.message
    assert "refused documents wait: dead letter" in caplog.text


async def test_a_disk_that_hangs_holds_up_one_thread_however_often_it_is_given_up(path, monkeypatch):
    hangs, started, begun, real = threading.Event(), threading.Event(), [], os.write

    def write(file, data):
        begun.append(data)
        started.set()
        hangs.wait(10)
        return real(file, data)

    file = DeadLetterFile(path)
    monkeypatch.setattr(dead_letter.os, "write", write)
    for n in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await file.bury([letter(n)], 0)
    await asyncio.to_thread(started.wait, 10)
    assert 1 == len(begun)
    hangs.set()
    await file.bury([letter(3)], 0)

    assert ['{"n":0}', '{"n":3}'] == [line["document"]["source"] for line in lines(path)]


async def test_what_is_no_file_takes_letters_once(path):
    """
    A pipe, as is /dev/stdout in a container, cannot be forced onto a disk.
    """
    os.mkfifo(path)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        DeadLetterFile(path).check()
        await DeadLetterFile(path).bury([letter(1)], 0)

        assert ['{"n":1}'] == [orjson.loads(line)["document"]["source"] for line in reader]


async def test_a_device_that_is_full_keeps_letters_waiting():
    with pytest.raises(RetryableError, match="dead letter /dev/full: No space left on device"):
        await DeadLetterFile(Path("/dev/full")).bury([letter(1)], 0)


async def test_a_file_that_is_rotated_away_is_made_anew(path):
    file = DeadLetterFile(path)
    await file.bury([letter(1)], 0)
    path.rename(path.with_suffix(".1"))
    await file.bury([letter(2)], 0)

    assert [['{"n":1}'], ['{"n":2}']] == [
        [line["document"]["source"] for line in lines(its)] for its in (path.with_suffix(".1"), path)
    ]


def test_a_pipe_that_nobody_reads_is_found_at_the_start(path):
    os.mkfifo(path)
    with pytest.raises(StartError, match=r"dead_letter::file: .*No such device"):
        DeadLetterFile(path).check()


def test_a_file_that_cannot_be_written_is_found_at_the_start(tmp_path):
    with pytest.raises(StartError, match=r"dead_letter::file: .*No such file or directory"):
        DeadLetterFile(tmp_path / "no" / "dead.jsonl").check()


def test_a_file_that_is_there_keeps_what_it_has(path):
    path.write_text("{}\n")
    DeadLetterFile(path).check()

    assert "{}\n" == path.read_text()


async def test_letters_that_are_too_many_for_one_request_go_in_several():
    server = BulkServer([answer([BAD] * 5), refusal(413)])
    outcome = await attempt(server, [document(n) for n in range(5)], dead_letter={"index": "dead"})

    assert {DropReason.DEAD_LETTER: 5} == outcome.dropped
    assert [5, 5, 2, 3] == [len(bulk) for bulk in server.bulks]
