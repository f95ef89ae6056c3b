"""Serve the collector's own metrics to Prometheus."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from aiohttp import web

from collector.net.endpoint import Endpoint
from collector.net.http_server import Server
from collector.net.pages import serve_pages
from collector.telemetry import Telemetry, exposition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def serve_metrics(telemetry: Telemetry, endpoint: Endpoint) -> AbstractAsyncContextManager[Server]:
    """Answer `/metrics` for as long as the block lasts.

    Raises:
        OSError: nothing can listen there; says why.
    """

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path != "/metrics":
            return web.Response(status=404)
        return web.Response(body=exposition(telemetry).encode(), headers={"Content-Type": CONTENT_TYPE})

    return serve_pages(answer, endpoint)
