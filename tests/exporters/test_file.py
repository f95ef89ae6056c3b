import asyncio
import errno
import os
import sys
import threading
from pathlib import Path

import cramjam
import pytest
from pydantic import ValidationError

from collector.batch import Batch, Signal
from collector.errors import RetryableError
from collector.net.otlp_json import decode
from collector.testing import FakeClock, make_batch
from tests.exporters.files import frames, lines, refuse, to, write
from tests.exporters.servers import exporter


class Disk:
    """
    Takes so many bytes, and then none until there is room again.
    """

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write = os.write
        monkeypatch.setattr("exporters.file.output.os.write", self.write)

    def write(self, fd, data):
        taken = self._write(fd, bytes(data[: self.room])) if self.room else 0
        self.room -= taken
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return taken


@pytest.mark.parametrize("signal", Signal)
async def test_each_batch_is_a_line_of_otlp_json(tmp_path, signal):
    batches = [make_batch(signal, items=2, key="a\nb"), make_batch(signal)]

    await write(to(tmp_path / "out"), *batches)

    written = (tmp_path / "out").read_bytes().splitlines()
    assert [batch.wire for batch in batches] == [decode(signal, line) for line in written]


@pytest.mark.parametrize("signal", Signal)
async def test_what_programs_read(tmp_path, golden, signal):
    sample = (Path(__file__).parent / "golden" / f"{signal}.json").read_bytes()

    await write(to(tmp_path / "out"), Batch(signal, wire=decode(signal, sample)))

    golden(f"{signal}.line.json", (tmp_path / "out").read_text())


@pytest.mark.parametrize("format_", ["json", "proto"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
async def test_other_records_have_their_length_before_them(tmp_path, format_, compression):
    if (format_, compression) == ("json", "none"):
        return
    batches = [make_batch(items=2), make_batch(items=3)]

    await write(to(tmp_path / "out", format=format_, compression=compression), *batches)

    records = list(frames((tmp_path / "out").read_bytes()))
    if compression == "zstd":
        records = [bytes(cramjam.zstd.decompress(record)) for record in records]
    if format_ == "json":
        records = [decode(Signal.TRACES, record) for record in records]
    assert [batch.wire for batch in batches] == records


async def test_what_is_acknowledged_can_be_read_at_once(tmp_path):
    exporting = to(tmp_path / "out")

    async with exporting.lifespan():
        await exporting.export(make_batch())

        assert 1 == len(lines(tmp_path / "out"))


async def test_two_pipelines_may_share_a_file(tmp_path):
    exporting = to(tmp_path / "out")
    batches = [make_batch(signal, items=50) for signal in (Signal.TRACES, Signal.LOGS) for _ in range(20)]

    async with exporting.lifespan():
        await asyncio.gather(*map(exporting.export, batches))

    kinds = [next(iter(line)) for line in lines(tmp_path / "out")]
    assert ["resourceLogs"] * 20 + ["resourceSpans"] * 20 == sorted(kinds)


async def test_two_exporters_may_not_share_a_file(tmp_path):
    first, second = to(tmp_path / "out"), to(tmp_path / "out")

    async with first.lifespan():
        await first.export(make_batch())
        with pytest.raises(OSError, match=r"some other exporter or process writes to it: .*out"):
            async with second.lifespan():
                pass

    assert 1 == len(lines(tmp_path / "out"))


@pytest.mark.parametrize(("config", "kept"), [({}, 0), ({"append": True}, 1), ({"rotation": {}}, 1)])
async def test_what_is_there_already_stays_if_told(tmp_path, config, kept):
    await write(to(tmp_path / "out"), make_batch())

    await write(to(tmp_path / "out", **config), make_batch())

    assert kept + 1 == len(lines(tmp_path / "out"))


async def test_only_the_owner_may_read_the_file(tmp_path):
    await write(to(tmp_path / "out"), make_batch())

    assert 0 == (tmp_path / "out").stat().st_mode & 0o077


async def test_a_folder_is_created_only_if_told(tmp_path):
    path = tmp_path / "new" / "folder" / "out"

    with pytest.raises(FileNotFoundError):
        await write(to(path))
    await write(to(path, create_directory=True), make_batch())

    assert 1 == len(lines(path))


@pytest.mark.parametrize("room", [0, 1, 100, 1000])
async def test_a_full_disk_is_retryable_and_leaves_no_half_line(tmp_path, monkeypatch, room):
    exporting = to(tmp_path / "out")

    async with exporting.lifespan():
        await exporting.export(make_batch())
        disk = Disk(monkeypatch, room)
        with pytest.raises(RetryableError, match="No space left on device"):
            await exporting.export(make_batch(items=50))
        full = lines(tmp_path / "out")
        disk.room = 1 << 20
        await exporting.export(make_batch(items=50))

    assert (1, 2) == (len(full), len(lines(tmp_path / "out")))


async def test_a_full_disk_that_cannot_even_be_truncated_is_cleaned_up_later(tmp_path, monkeypatch):
    exporting = to(tmp_path / "out")

    async with exporting.lifespan():
        disk = Disk(monkeypatch, 10)
        with monkeypatch.context() as broken:
            broken.setattr("exporters.file.output.os.ftruncate", refuse)
            with pytest.raises(RetryableError):
                await exporting.export(make_batch())
        disk.room = 1 << 20
        await exporting.export(make_batch())

    assert 1 == len(lines(tmp_path / "out"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
async def test_a_device_that_is_full_is_retryable():
    with pytest.raises(RetryableError, match="/dev/full: No space left"):
        await write(to("/dev/full"), make_batch())


async def test_a_disk_that_hangs_does_not_hold_up_the_loop_nor_the_end(tmp_path, monkeypatch):
    entered, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(fd, data):
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return len(data)

    monkeypatch.setattr("exporters.file.output.os.write", hang)
    monkeypatch.setattr("collector.io_thread.PATIENCE", 0.01)
    exporting = to(tmp_path / "out")
    async with asyncio.timeout(5):
        async with exporting.lifespan():
            attempt = asyncio.create_task(exporting.export(make_batch()))
            await entered.wait()
            attempt.cancel()
            await asyncio.wait([attempt])
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "file")
    release.set()
    await asyncio.to_thread(thread.join)  # what it still does belongs to this test

    assert attempt.cancelled()


async def test_what_was_written_is_forced_onto_the_disk_once_in_an_interval(tmp_path, monkeypatch):
    synced, clock = [], FakeClock()
    monkeypatch.setattr("exporters.file.output.os.fsync", synced.append)
    exporting = to(tmp_path / "out", clock, flush_interval="2s")

    async with exporting.lifespan():
        counts = []
        for batch in (make_batch(), None, make_batch()):
            if batch:
                await exporting.export(batch)
            await clock.advance(2)
            await exporting._thread.run(len, "")
            counts.append(len(synced))

    assert [1, 1, 2] == counts


async def test_no_interval_makes_it_do_nothing_else(tmp_path):
    class Clock(FakeClock):
        async def sleep(self, seconds):
            asked.append(seconds)
            await super().sleep(seconds)

    asked, clock = [], Clock()

    async with to(tmp_path / "out", clock, flush_interval="1ns").lifespan():
        await clock.advance(0.1)

    assert {0.01} == set(asked)


async def test_a_disk_that_cannot_be_synced_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("exporters.file.output.os.fsync", refuse)

    await write(to(tmp_path / "out"), make_batch())

    assert "may not survive a power failure" in caplog.text


async def test_nothing_is_forced_onto_the_disk_if_told_so(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("exporters.file.output.os.fsync", synced.append)

    await write(to(tmp_path / "out", flush_interval=0), make_batch())

    assert [] == synced


KILLED = """
import asyncio, sys
from tests.exporters.files import to
from collector.clock import SystemClock
from collector.testing import make_batch

async def main():
    exporting = to(sys.argv[1], SystemClock(), append=True, format=sys.argv[2])
    async with exporting.lifespan():
        for number in range(1_000_000):
            await exporting.export(make_batch(items=20, key="x" * 500))
            print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["json", "proto"])
async def test_a_kill_costs_nothing_that_was_acknowledged(tmp_path, format_):
    path = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(path), format_]
    child = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    acknowledged = [await child.stdout.readline() for _ in range(50)]
    child.kill()
    rest, _ = await child.communicate()
    acknowledged = len(acknowledged) + rest.count(b"\n")

    await write(to(path, append=True, format=format_), make_batch())

    whole = whole_records(path, format_)
    assert acknowledged + 1 <= whole <= acknowledged + 2


def whole_records(path, format_):
    if format_ == "proto":
        return sum(1 for record in frames(path.read_bytes()) if Batch.decode(Signal.TRACES, record))
    written = path.read_bytes().splitlines()
    return sum(1 for line in written if line.endswith(b"}"))


@pytest.mark.parametrize("cut", [1, 3, 5, 40])
async def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(tmp_path, cut, caplog):
    path = tmp_path / "out"
    await write(to(path), make_batch(), make_batch())
    path.write_bytes(path.read_bytes()[:-cut])

    await write(to(path, append=True), make_batch(items=2))

    first, _, third = path.read_bytes().splitlines()
    assert [1, 2] == [len(Batch.decode(Signal.TRACES, decode(Signal.TRACES, line))) for line in (first, third)]
    assert "cut short by a crash" in caplog.text


@pytest.mark.parametrize("cut", [1, 3, 5, 40])
async def test_a_frame_that_a_crash_cut_short_is_cut_off(tmp_path, cut):
    path = tmp_path / "out"
    await write(to(path, format="proto"), make_batch(items=2, key="x" * 50), make_batch(items=3, key="x" * 50))
    path.write_bytes(path.read_bytes()[:-cut])

    await write(to(path, append=True, format="proto"), make_batch(items=4))

    assert [2, 4] == [len(Batch.decode(Signal.TRACES, record)) for record in frames(path.read_bytes())]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_what_cannot_be_written_to_is_told_at_the_start(tmp_path, make):
    make(tmp_path / "out")

    with pytest.raises(OSError, match=r"nobody reads from this pipe|Is a directory"):
        await write(to(tmp_path / "out"), make_batch())


async def test_a_pipe_may_be_written_to():
    reading, writing = os.pipe()
    try:
        await write(to(f"/dev/fd/{writing}"), make_batch())
        written = os.read(reading, 1 << 16)
    finally:
        os.close(reading)
        os.close(writing)

    assert 1 == written.count(b"\n")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", "Field required"),
        ("{path: ''}", "must be the path of a file"),
        ('{path: "a\\0b"}', "must be the path of a file"),
        ("{path: a, format: xml}", "'json' or 'proto'"),
        ("{path: a, compression: gzip}", "'none' or 'zstd'"),
        ("{path: a, rotation: {max_megabytes: 0}}", "greater than or equal to 1"),
        ("{path: a, rotation: {max_days: 1000000}}", "less than or equal to 36500"),
        ("{path: a, flush_interval: soon}", "not a duration"),
        ("{path: a, group_by: {}}", "Extra inputs"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(config, message):
    with pytest.raises(ValidationError) as report:
        exporter("file", config)

    assert message in str(report.value)
