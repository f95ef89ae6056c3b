"""Work that may block, such as writing to a disk or a pipe, done beside the event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE = 1.0
"""Seconds that the last function is waited for."""
_Job = tuple[Future[Any], Callable[[], Any]]


def open_to_append(path: Path | str) -> int:
    """Return a descriptor of a file, which is made if there is none.  Only its owner may read it.

    Raises:
        OSError: it cannot be written to.  A pipe that nobody reads is one of these: opening it would wait for ever.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads from this pipe or socket", str(path)) from None
        raise
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(fd, True)
    return fd


class IOThread:
    """Runs functions one after the other, in the order in which they were given.

    A pipe that nobody reads, or a disk that does not answer, holds up this thread and nothing else, not even the end of
    the process.  That is why it is not one of an executor, which Python waits for.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """The thread ends with the block, once it has done what it was given."""
        self._jobs = SimpleQueue()
        threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        try:
            yield
        finally:
            self._jobs.put(None)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returned, or raise what it raised.

        Cancellation: a function that has not started is not run; one that has is not waited for.
        """
        return await asyncio.wrap_future(self._put(lambda: function(*args, **kwargs)))

    async def run_last(self, function: Callable[[], object]) -> None:
        """Run what ends the work; where the thread is stuck, that happens once it no longer is."""
        done, _ = await asyncio.wait([asyncio.wrap_future(self._put(function))], timeout=PATIENCE)
        for future in done:
            future.result()

    def _put(self, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put((future, function))
        return future


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, function = job
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(function())
        except BaseException as error:  # whatever it is, it belongs to whoever waits
            future.set_exception(error)
