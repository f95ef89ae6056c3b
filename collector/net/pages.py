"""Serve a few small pages of the collector's own: health, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.net.endpoint import Endpoint

Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]

_SHUTDOWN_TIMEOUT = 1.0
"""Seconds that a request for a page may hold up stopping."""


@asynccontextmanager
async def serve_pages(answer: Answer, endpoint: Endpoint) -> AsyncIterator[int]:
    """Answer requests for as long as the block lasts; yields the port.

    Raises:
        OSError: nothing can listen there; says why.
    """
    sockets = endpoint.bind()
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=_SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        for socket in sockets:
            await web.SockSite(runner, socket).start()
        yield 0 if endpoint.path else sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()
        endpoint.release()
