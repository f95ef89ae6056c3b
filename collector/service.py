"""Run a graph until told to stop, then drain it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from collector.api import HasLifespan
from collector.errors import ConfigError, StartError
from collector.graph import Graph


class Service:
    """One running graph."""

    def __init__(self, graph: Graph, *, drain_timeout: float) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout
        self._deadline = asyncio.Timeout(None)
        self._is_draining = False

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Start every component, wait for `stop`, and leave nothing undelivered.

        Components start downstream first, so a receiver never feeds something that is not there yet.  The stack
        unwinds in the opposite order: receivers stop accepting, processors flush, exporters empty their queues.

        Raises:
            StartError: a component could not start; those that had were stopped.
            TimeoutError: draining took longer than the drain timeout; what was left is counted as dropped.
            ExceptionGroup: a task of a component died; everything was stopped in order.
        """
        async with self._deadline, AsyncExitStack() as stack:
            failure = await self._start(stack)
            try:
                if failure is None:
                    self._graph.is_running = True
                    started()
                    await stop.wait()
            finally:
                self._graph.is_running = False
                self._graph.drain.begin()
                self._is_draining = True
                self._deadline.reschedule(asyncio.get_running_loop().time() + self._drain_timeout)
        if failure:
            raise failure

    def stop_now(self) -> None:
        """End a drain at once, as if its time were over; what is left is counted as dropped."""
        if self._is_draining:
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _start(self, stack: AsyncExitStack) -> StartError | None:
        """Start components until one cannot; return why, since raising would go through those that had started."""
        for id_, component in self._graph.components:
            if not isinstance(component, HasLifespan):
                continue
            try:
                await stack.enter_async_context(component.lifespan())
            except (OSError, ConfigError) as error:
                return StartError(f"{id_} cannot start: {getattr(error, 'strerror', None) or error}")
        return None
