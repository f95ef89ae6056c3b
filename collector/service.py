"""Run a graph until told to stop, then drain it.

What ends a component, or keeps it from starting or stopping as it should, is noted and not passed on to the others:
they stop in their order and deliver what they hold.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import TracebackType

from collector.api import ComponentID, HasLifespan
from collector.errors import ConfigError, StartError
from collector.graph import Graph
from collector.nodes import BUGS

logger = logging.getLogger(__name__)

_FAILURES: tuple[type[BaseException], ...] = (*BUGS, BaseExceptionGroup)


class Service:
    """One running graph."""

    def __init__(self, graph: Graph, *, drain_timeout: float) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout
        self._deadline = asyncio.Timeout(None)
        self._is_draining = False
        self._failures: list[BaseException] = []

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Start every component, wait for `stop`, and leave nothing undelivered.

        Components start downstream first, so a receiver never feeds something that is not there yet.  The stack
        unwinds in the opposite order: receivers stop accepting, processors flush, exporters empty their queues.  It
        unwinds as well if `stop` comes while they start, if one cannot start, if one dies, or on a cancellation.

        Raises:
            StartError: a component could not start; those that had were stopped.
            BaseExceptionGroup: components died, or failed while they stopped; everything was stopped in order.
            TimeoutError: draining took longer than the drain timeout; what was left is counted as dropped.
        """
        try:
            async with self._deadline, AsyncExitStack() as stack:
                cancelled = await self._until_it_ends(stack, stop, started)
                self._begin_to_drain()
        except TimeoutError:
            if not self._failures:
                raise
        finally:
            self._is_draining = False
        self._raise_failures()
        if cancelled:
            raise asyncio.CancelledError

    def stop_now(self) -> None:
        """End a drain at once, as if its time were over; what is left is counted as dropped."""
        if self._is_draining and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _until_it_ends(self, stack: AsyncExitStack, stop: asyncio.Event, started: Callable[[], None]) -> bool:
        """Return whether a cancellation ended it: that of this task, or the one by which a component dies."""
        try:
            if await self._start(stack, stop) and not stop.is_set():
                self._graph.is_running = True
                started()
                await stop.wait()
        except asyncio.CancelledError:
            logger.error("a component died: draining for at most %g s", self._drain_timeout)
            return True
        return False

    def _begin_to_drain(self) -> None:
        self._graph.is_running = False
        self._graph.drain.begin()
        self._is_draining = True
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._drain_timeout)

    async def _start(self, stack: AsyncExitStack, stop: asyncio.Event) -> bool:
        """Start components until one cannot, or until told to stop, whatever they wait for; return whether all run."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as patience:
                watcher = asyncio.create_task(_end_when_set(stop, patience))
                try:
                    return await self._start_all(stack)
                finally:
                    watcher.cancel()
        return False

    async def _start_all(self, stack: AsyncExitStack) -> bool:
        for id_, component in self._graph.components:
            if not isinstance(component, HasLifespan):
                continue
            try:
                await stack.enter_async_context(_Contained(id_, component.lifespan(), self._deadline, self._failures))
            except (OSError, ConfigError) as error:
                self._failures.append(StartError(f"{id_} cannot start: {_why(error)}"))
                return False
            except BUGS as bug:
                logger.error("%s: unexpected error", id_, exc_info=bug)
                failure = StartError(f"{id_} cannot start: {type(bug).__name__}: {bug}")
                failure.__cause__ = bug
                self._failures.append(failure)
                return False
        return True

    def _raise_failures(self) -> None:
        for failure in self._failures:
            if isinstance(failure, StartError):
                raise failure
        if self._failures:
            raise BaseExceptionGroup("components failed", self._failures)


def _why(error: OSError | ConfigError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


async def _end_when_set(event: asyncio.Event, patience: asyncio.Timeout) -> None:
    await event.wait()
    patience.reschedule(asyncio.get_running_loop().time())


class _Contained:
    """The lifespan of one component, whose failures are its own."""

    def __init__(
        self,
        id_: ComponentID,
        lifespan: AbstractAsyncContextManager[None],
        deadline: asyncio.Timeout,
        failures: list[BaseException],
    ) -> None:
        self._id = id_
        self._lifespan = lifespan
        self._deadline = deadline
        self._failures = failures

    async def __aenter__(self) -> None:
        await self._lifespan.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let nothing out but a cancellation: the one by which the drain timeout ends all that are left."""
        try:
            await self._lifespan.__aexit__(kind, error, traceback)
        except asyncio.CancelledError:
            raise
        except _FAILURES as failure:
            logger.error("%s died, or failed while it stopped", self._id, exc_info=failure)
            self._failures.append(failure)
        if error is None and self._deadline.expired():  # it kept the cancellation to itself
            raise asyncio.CancelledError
