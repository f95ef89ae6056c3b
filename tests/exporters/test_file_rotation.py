import time

import pytest

from collector.errors import RetryableError
from collector.testing import FakeClock, make_batch
from tests.exporters.files import lines, refuse, to, write

MEBIBYTE = {"items": 1, "key": "x" * (1 << 20)}


async def test_a_file_that_is_full_is_put_aside(tmp_path):
    clock = FakeClock(1_700_000_000.123)
    exporting = to(tmp_path / "out.jsonl", clock, rotation={"max_megabytes": 2})

    async with exporting.lifespan():
        for _ in range(5):
            await exporting.export(make_batch(**MEBIBYTE))
            await clock.advance(1)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert [
        "out-2023-11-14T22-13-21.123.jsonl",
        "out-2023-11-14T22-13-22.123.jsonl",
        "out-2023-11-14T22-13-23.123.jsonl",
        "out-2023-11-14T22-13-24.123.jsonl",
        "out.jsonl",
    ] == names
    assert [1] * 5 == [len(lines(tmp_path / name)) for name in names]


async def test_no_former_file_takes_the_name_of_another(tmp_path):
    """
    Within one millisecond, too.
    """
    await write(to(tmp_path / "out", rotation={"max_megabytes": 1}), *(make_batch(**MEBIBYTE) for _ in range(4)))

    assert 4 == sum(len(lines(path)) for path in tmp_path.iterdir())


async def test_the_oldest_former_files_are_deleted(tmp_path):
    clock = FakeClock()
    exporting = to(tmp_path / "out", clock, rotation={"max_megabytes": 1, "max_backups": 2})
    (tmp_path / "out-of-this-world").touch()

    async with exporting.lifespan():
        for _ in range(5):
            await exporting.export(make_batch(**MEBIBYTE))
            await clock.advance(60)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert ["out", "out-2023-11-14T22-16-20.000", "out-2023-11-14T22-17-20.000", "out-of-this-world"] == names


async def test_former_files_are_deleted_when_they_are_too_old(tmp_path):
    clock = FakeClock()
    exporting = to(tmp_path / "out", clock, rotation={"max_megabytes": 1, "max_days": 2, "max_backups": 0})

    async with exporting.lifespan():
        for _ in range(6):
            await exporting.export(make_batch(**MEBIBYTE))
            await clock.advance(86_400)

    assert 4 == len(list(tmp_path.iterdir()))


async def test_former_files_may_be_named_after_local_time(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC-5")
    time.tzset()
    try:
        exporting = to(tmp_path / "out", rotation={"max_megabytes": 1, "localtime": True})
        await write(exporting, make_batch(**MEBIBYTE), make_batch(**MEBIBYTE))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert (tmp_path / "out-2023-11-15T03-13-20.000").exists()


async def test_a_rotation_that_is_not_possible_is_retryable_and_loses_nothing(tmp_path, monkeypatch):
    exporting = to(tmp_path / "out", rotation={"max_megabytes": 1})

    async with exporting.lifespan():
        await exporting.export(make_batch(**MEBIBYTE))
        with monkeypatch.context() as broken:
            broken.setattr("exporters.file.output.os.open", refuse)
            with pytest.raises(RetryableError, match="Input/output error"):
                await exporting.export(make_batch(**MEBIBYTE))
        await exporting.export(make_batch(**MEBIBYTE))

    assert 2 == sum(len(lines(path)) for path in tmp_path.iterdir())
