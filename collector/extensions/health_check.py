"""Tell a load balancer or an orchestrator whether this collector takes data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from pydantic import Field

from collector.api import ComponentConfig, ExtensionFactory, Host, Settings


class HealthCheckConfig(ComponentConfig):
    endpoint: str = Field(default="localhost:13133", description="Address to listen on.")
    path: str = Field(default="/", description="Path that answers.")


class HealthCheck:
    """Answers 200 while every pipeline runs, 503 while starting, draining, or above the hard memory limit."""

    def __init__(self, config: HealthCheckConfig, settings: Settings, host: Host) -> None:
        self._config = config
        self._host = host
        self.port = 0

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        address, _, port = self._config.endpoint.rpartition(":")
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        try:
            await web.TCPSite(runner, address, int(port)).start()
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path != self._config.path:
            return web.Response(status=404)
        if self._host.is_ready():
            return web.json_response({"status": "Server available"})
        return web.json_response({"status": "Server not available"}, status=503)


factory = ExtensionFactory(config=HealthCheckConfig, build=HealthCheck, example="endpoint: localhost:0")
