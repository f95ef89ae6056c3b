import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from collector.batch import Batch, Signal
from collector.net.otlp_json import decode
from collector.testing import FakeClock, make_batch
from exporters.debug.text import any_value, duration, printable, timestamp
from tests.exporters.servers import exporter

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]


def sample(signal):
    return Batch(signal, wire=decode(signal, (GOLDEN / f"{signal}.json").read_bytes()))


async def written(path, *batches, clock=None, **config):
    exporting = exporter("debug", yaml.safe_dump({"output_paths": [str(path)], **config}), clock=clock or FakeClock())
    async with exporting.lifespan():
        for batch in batches:
            assert 0 == await exporting.export(batch)
    return path.read_text()


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("verbosity", ["normal", "detailed"])
async def test_what_people_read(tmp_path, golden, signal, verbosity):
    golden(f"{signal}.{verbosity}.txt", await written(tmp_path / "out", sample(signal), verbosity=verbosity))


async def test_one_line_says_how_much_has_come(tmp_path):
    text = await written(tmp_path / "out", *map(sample, Signal))

    assert [
        "traces: 3 spans, 887 bytes",
        "metrics: 8 metric points, 561 bytes",
        "logs: 3 log records, 224 bytes",
        "profiles: 1 profiles, 117 bytes",
    ] == text.splitlines()


async def test_a_batch_is_left_as_it_was(tmp_path):
    batch = sample(Signal.TRACES)
    wire = batch.wire

    await written(tmp_path / "out", batch, verbosity="detailed")

    assert wire is batch.wire


async def test_standard_output_is_the_default(capfd):
    exporting = exporter("debug", "{}")

    async with exporting.lifespan():
        await exporting.export(make_batch(items=2))

    assert capfd.readouterr().out.startswith("traces: 2 spans, ")


async def test_several_outputs_get_the_same(tmp_path, capfd):
    exporting = exporter("debug", f"output_paths: [stderr, '{tmp_path}/out']")

    async with exporting.lifespan():
        await exporting.export(make_batch())

    assert capfd.readouterr().err == (tmp_path / "out").read_text()


@pytest.mark.parametrize(
    ("initial", "thereafter", "taken"),
    [(2, 1, [0, 1, 2, 3, 4, 5, 6, 7]), (2, 3, [0, 1, 4, 7]), (2, 0, [0, 1]), (0, 4, [3, 7]), (0, 0, [])],
)
async def test_of_many_batches_in_a_second_only_some_are_written(tmp_path, initial, thereafter, taken):
    sampling = {"sampling_initial": initial, "sampling_thereafter": thereafter}

    text = await written(tmp_path / "out", *(make_batch(items=n + 1) for n in range(8)), **sampling)

    assert taken == [int(line.split()[1]) - 1 for line in text.splitlines()]


async def test_each_second_begins_anew(tmp_path):
    clock, path = FakeClock(), tmp_path / "out"
    config = {"output_paths": [str(path)], "sampling_initial": 1, "sampling_thereafter": 0}
    exporting = exporter("debug", yaml.safe_dump(config), clock=clock)

    async with exporting.lifespan():
        for _ in range(3):
            await exporting.export(make_batch())
            await exporting.export(make_batch())
            await clock.advance(1)

    assert 3 == len(path.read_text().splitlines())


async def test_an_output_that_nobody_reads_any_more_is_told_once_and_counted(caplog):
    reading, writing = os.pipe()
    exporting = exporter("debug", f"output_paths: [/dev/fd/{writing}]")

    async with exporting.lifespan():
        os.close(writing)
        os.close(reading)
        dropped = [await exporting.export(make_batch(items=3)) for _ in range(3)]

    assert [3, 3, 3] == dropped
    assert ["debug: nothing more is written to"] == [r.getMessage()[:33] for r in caplog.records]


async def test_an_output_that_works_goes_on_beside_one_that_does_not(tmp_path):
    reading, writing = os.pipe()
    exporting = exporter("debug", f"output_paths: [/dev/fd/{writing}, '{tmp_path}/out']")

    async with exporting.lifespan():
        os.close(writing)
        os.close(reading)
        dropped = [await exporting.export(make_batch()) for _ in range(3)]

    assert [0, 0, 0] == dropped
    assert 3 == len((tmp_path / "out").read_text().splitlines())


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_reader_that_pauses_holds_up_nothing_but_the_output(monkeypatch, blocking):
    monkeypatch.setattr("collector.io_thread.PATIENCE", 0.01)
    reading, writing = os.pipe()
    exporting = exporter("debug", f"{{output_paths: [/dev/fd/{writing}], verbosity: detailed}}")
    batch = make_batch(items=2000, key="value" * 10)

    async with asyncio.timeout(10):
        async with exporting.lifespan():
            os.set_blocking(exporting._outputs[f"/dev/fd/{writing}"], blocking)
            os.close(writing)
            attempt = asyncio.create_task(exporting.export(batch))
            await asyncio.to_thread(os.read, reading, 1)
            was_waiting = not attempt.done()
            attempt.cancel()
            await asyncio.wait([attempt])
        await asyncio.to_thread(read_all, reading)

    assert was_waiting
    assert attempt.cancelled()


def read_all(fd):
    """
    Also ends the thread that writes to it.
    """
    with os.fdopen(fd, "rb") as file:
        return len(file.read())


PAUSED = """
import asyncio, sys
from collector.testing import make_batch
from tests.exporters.servers import exporter

async def main():
    exporting = exporter("debug", "verbosity: detailed")
    async with exporting.lifespan():
        attempt = asyncio.create_task(exporting.export(make_batch(items=5000)))
        await asyncio.wait([attempt], timeout=0.2)
        attempt.cancel()
        await asyncio.wait([attempt])

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("closes", [True, False])
def test_the_process_ends_whoever_reads_its_output(closes):
    """
    A reader that is gone, or that is paused for ever, and Python flushes what it has when it ends.
    """
    command = [sys.executable, "-c", PAUSED]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    if closes:
        child.stdout.close()
    code = child.wait(30)
    errors = child.stderr.read().decode()
    child.stderr.close()
    child.stdout.close()

    assert 0 == code, errors
    assert "Traceback" not in errors


def test_a_closed_standard_output_is_told_at_the_start():
    command = [sys.executable, "-c", PAUSED]
    closing = ["sh", "-c", '"$@" >&-', "sh", *command]
    child = subprocess.run(closing, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)

    assert "stdout is closed" in child.stderr


async def test_an_output_that_is_named_twice_is_written_to_once(tmp_path):
    await written(tmp_path / "out", make_batch(), output_paths=[str(tmp_path / "out")] * 2)

    assert 1 == (tmp_path / "out").read_text().count("\n")


async def test_where_one_output_cannot_be_opened_none_stays_open(tmp_path):
    os.mkfifo(tmp_path / "first")
    os.mkfifo(tmp_path / "second")
    reading = os.open(tmp_path / "first", os.O_RDONLY | os.O_NONBLOCK)
    exporting = exporter("debug", f"output_paths: ['{tmp_path}/first', '{tmp_path}/second']")

    with pytest.raises(OSError, match="nobody reads from this pipe"):
        async with exporting.lifespan():
            pass

    assert b"" == os.read(reading, 1)  # the end: nobody can write any more
    os.close(reading)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0ns"),
        (999, "999ns"),
        (1_000, "1.00µs"),
        (12_345_678, "12.3ms"),
        (999_999_999, "1000ms"),
        (1_500_000_000, "1.50s"),
        (3_600_000_000_000, "3600s"),
        (-1_500_000, "-1.50ms"),
    ],
)
def test_durations_have_three_digits(nanos, text):
    assert text == duration(nanos)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
    ],
)
def test_times_are_exact(nanos, text):
    assert text == timestamp(nanos)


@pytest.mark.parametrize("evil", ["\x1b[31m", "\r\nforged: line", "\x07", "\u202eright", "\u2028", "\x9b31m", "\x00"])
def test_nothing_moves_the_cursor_or_forges_a_line(evil):
    assert printable(evil).isprintable()


@pytest.mark.parametrize("verbosity", ["normal", "detailed"])
@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
async def test_whatever_is_in_a_record_no_line_is_forged(tmp_path, verbosity, signal):
    evil = "a\nspan b\x1b[2J\u202e"
    batch = make_batch(signal, items=2, key=evil, other="x" * 5000)

    text = await written(tmp_path / "out", batch, verbosity=verbosity)

    assert all(line.isprintable() for line in text.splitlines())
    assert verbosity == "detailed" or [True, True] == [len(line) < 1000 for line in text.splitlines()]


def test_a_value_that_was_not_set_is_said_to_be_empty():
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    assert "empty" == any_value(AnyValue())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("verbosity: loud", "'basic', 'normal' or 'detailed'"),
        ("sampling_initial: -1", "greater than or equal to 0"),
        ("output_paths: []", "at least 1 item"),
        ("use_internal_logger: true", "Extra inputs"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(config, message):
    with pytest.raises(ValidationError) as report:
        exporter("debug", config)

    assert message in str(report.value)
