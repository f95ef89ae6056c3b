import asyncio
import os
import threading

import pytest

from collector.io_thread import IOThread, open_to_append


async def test_functions_run_in_their_order_in_another_thread():
    seen, thread = [], IOThread("test")

    async with thread.lifespan():
        results = await asyncio.gather(
            *(thread.run(lambda i=i: (seen.append(i), threading.get_ident())) for i in range(50))
        )

    assert list(range(50)) == seen
    assert threading.get_ident() not in {ident for _, ident in results}


async def test_what_a_function_raises_reaches_whoever_waits():
    thread = IOThread("test")

    async with thread.lifespan():
        with pytest.raises(OSError, match="disk"):
            await thread.run(failing, "disk")
        assert 3 == await thread.run(len, "abc")


def failing(text):
    raise OSError(text)


async def test_a_function_that_is_stuck_holds_up_neither_the_loop_nor_the_end():
    thread, started, gate, ran = IOThread("test"), threading.Event(), threading.Event(), []

    def wait():
        started.set()
        gate.wait()

    async with asyncio.timeout(5):
        async with thread.lifespan():
            stuck = asyncio.create_task(thread.run(wait))
            never = asyncio.create_task(thread.run(ran.append, "never"))
            await asyncio.to_thread(started.wait)
            for task in (stuck, never):
                task.cancel()
            await asyncio.wait([stuck, never])
        gate.set()
        async with thread.lifespan():
            await thread.run(len, "")

    assert [True, True] == [stuck.cancelled(), never.cancelled()]
    assert [] == ran


async def test_the_thread_ends_with_the_block():
    thread = IOThread("test that ends")

    async with thread.lifespan():
        worker = await thread.run(threading.current_thread)

    worker.join(5)
    assert not worker.is_alive()
    assert worker.daemon


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match=r"nobody reads from this pipe or socket: .*pipe"):
        open_to_append(tmp_path / "pipe")


def test_a_pipe_that_somebody_reads_is_written_to_as_a_file_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    writing = open_to_append(tmp_path / "pipe")
    os.write(writing, b"hello")

    assert (b"hello", True) == (os.read(reading, 10), os.get_blocking(writing))
    os.close(writing)
    os.close(reading)
