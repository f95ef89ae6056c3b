"""Run a graph until told to stop, then drain it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from collector.graph import Graph


class Service:
    """One running graph."""

    def __init__(self, graph: Graph, *, drain_timeout: float) -> None:
        self._graph = graph
        self._drain_timeout = drain_timeout

    async def run(self, stop: asyncio.Event) -> None:
        """Start every component, wait for `stop`, and leave nothing undelivered.

        Components start downstream first, so a receiver never feeds something that is not there yet.  The stack
        unwinds in the opposite order: receivers stop accepting, processors flush, exporters empty their queues.

        Raises:
            TimeoutError: draining took longer than the drain timeout; what was left is counted as dropped.
            ExceptionGroup: a task of a component died; everything was stopped in order.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as deadline, AsyncExitStack() as stack:
            for component in self._graph.with_lifespan():
                await stack.enter_async_context(component.lifespan())
            self._graph.is_running = True
            try:
                await stop.wait()
            finally:
                self._graph.is_running = False
                deadline.reschedule(loop.time() + self._drain_timeout)
