"""Tell a load balancer or an orchestrator whether this collector takes data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from pydantic import Field

from collector.api import ExtensionFactory, Host, Settings
from collector.net.endpoint import ListenConfig, UrlPath
from collector.net.http_server import Server
from collector.net.pages import serve_pages


class HealthCheckConfig(ListenConfig):
    endpoint: str = Field(default="localhost:13133", description="Address to listen on: host:port or unix:PATH.")
    path: UrlPath = Field(default="/", description="Path that answers.")


class HealthCheck:
    """Answers 200 while every pipeline runs, 503 while starting, draining, or above the hard memory limit."""

    def __init__(self, config: HealthCheckConfig, settings: Settings, host: Host) -> None:
        self._config = config
        self._host = host
        self._server: Server | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with serve_pages(self._answer, self._config.listens_on()) as self._server:
            yield

    def endpoints(self) -> Mapping[str, str]:
        endpoint = self._server.endpoint if self._server else self._config.listens_on()
        return {"health": str(endpoint) if endpoint.path else f"http://{endpoint}{self._config.path}"}

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path != self._config.path:
            return web.Response(status=404)
        if self._host.is_ready():
            return web.json_response({"status": "Server available"})
        return web.json_response({"status": "Server not available"}, status=503)


factory = ExtensionFactory(config=HealthCheckConfig, build=HealthCheck, example="endpoint: localhost:0")
