"""Serve the collector's own metrics to Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from collector.telemetry import Telemetry, exposition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serve_metrics(telemetry: Telemetry, host: str, port: int) -> AsyncIterator[int]:
    """Answer `/metrics` for as long as the block lasts; yields the port."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path != "/metrics":
            return web.Response(status=404)
        return web.Response(body=exposition(telemetry).encode(), headers={"Content-Type": CONTENT_TYPE})

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
