"""An HTTP server that strangers may talk to: every phase of a connection has a deadline, and stopping loses nothing.

aiohttp has no timeout for a request.  Here each connection notes its phase and when it entered it, which costs nothing
per request, and one timer looks at all of them.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError

from collector.net.bad_input import BadData, TooLarge
from collector.net.endpoint import BACKLOG, Endpoint

logger = logging.getLogger(__name__)

Respond = Callable[[web.BaseRequest], Awaitable[web.Response]]

SERVER = "pyotelcol"
"""What it says it is: no more than that."""
GRACE = 5.0
"""Seconds that requests under way may take to end when the server stops."""
_LINGER = 1.0
"""Seconds for which what is left of a refused body is read, so that the sender sees the answer and not a reset."""
_AT_ONCE = 0.01
_NEVER = 1e9
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Deadlines:
    """How many seconds each phase of a connection may take; 0 for any time."""

    header: float = 10.0
    """From the first byte to the end of the head, and from the connection to the first byte."""
    body: float = 30.0
    """From the end of the head to the end of the body."""
    write: float = 30.0
    """For the client to read the answer."""
    idle: float = 60.0
    """Between two requests."""

    @property
    def resolution(self) -> float:
        """How often to look: a deadline is met within a quarter of it, or a hundredth of a second."""
        shortest = min([second for second in (self.header, self.body, self.write, self.idle) if second] or [4.0])
        return max(shortest / 4, 0.01)


class _Phase(Enum):
    CONNECTED = auto()
    HEAD = auto()
    BODY = auto()
    WORK = auto()
    ANSWERED = auto()


class Connection(web.RequestHandler):
    """aiohttp's protocol, with a phase, and silent about what strangers send."""

    __slots__ = ("_body", "_phase", "_since")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._enter(_Phase.CONNECTED)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        task = self._task_handler
        super().connection_lost(exc)
        if task and self._phase is _Phase.ANSWERED:  # it may wait for the rest of a body that nobody sends
            task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._phase is _Phase.ANSWERED or self._phase is _Phase.CONNECTED:
            self._enter(_Phase.HEAD)
        super().data_received(data)
        if self._phase is _Phase.BODY and self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            # aiohttp keeps the error for when the body is at its end, which it never will be
            self._body.set_exception(web.RequestPayloadError("its chunks are no chunks"))

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is not HTTP.  aiohttp's own way logs a traceback and sends some of the bytes back."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        logger.debug("%s did not send HTTP: %s", self.peername, type(exc).__name__)
        answer = web.Response(status=status, text="400 bad request\n", headers={"Server": SERVER})
        answer.force_close()
        return answer

    def works(self) -> None:
        """A request is being answered: there is no deadline."""
        self._phase = _Phase.WORK

    def awaits_body(self, body: Any) -> None:
        self._body = body
        self._enter(_Phase.BODY)

    def has_answered(self) -> None:
        self._enter(_Phase.ANSWERED)

    def close_if_late(self, deadlines: Deadlines, transport: asyncio.Transport, now: float) -> None:
        """End what takes too long: an unread body with an error for who reads it, the rest with the connection."""
        age = now - self._since
        if transport.is_closing():  # one that ended stays with the server until its task has noticed
            if transport.get_write_buffer_size() and 0 < deadlines.write < age:
                transport.abort()
            return
        match self._phase:
            case _Phase.CONNECTED if 0 < deadlines.header < age:
                transport.abort()
            case _Phase.HEAD if 0 < deadlines.header < age:
                transport.write(_TOO_SLOW)
                self.force_close()
            case _Phase.BODY if 0 < deadlines.body < age:
                self._body.set_exception(TimeoutError("the body came too slowly"))
                self.works()
            case _Phase.ANSWERED:
                unread = transport.get_write_buffer_size() > 0
                limit = deadlines.write if unread else deadlines.idle
                if 0 < limit < age:
                    transport.abort() if unread else transport.close()

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._loop.time()


class Server(web.Server):
    """What `serve` yields."""

    def __init__(self, respond: Respond, deadlines: Deadlines, *, keep_alive: bool) -> None:
        super().__init__(
            self._handle,
            auto_decompress=False,
            access_log=None,
            lingering_time=_LINGER,
            keepalive_timeout=_NEVER,
        )
        self.endpoint = Endpoint()
        """Where it listens, with the port that the system chose."""
        self.is_draining = False
        """No request may be taken any more; those under way are finished."""
        self._respond = respond
        self._deadlines = deadlines
        self._keep_alive = keep_alive
        self._under_way = 0
        self._quiet: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)

    @property
    def port(self) -> int:
        return self.endpoint.port

    def watch(self) -> None:
        """Look at every connection, now and again."""
        # first of all, so that nothing that goes wrong below is the end of all deadlines
        self._timer = self._loop.call_later(self._deadlines.resolution, self.watch)
        now = self._loop.time()
        for connection, transport in list(self._connections.items()):
            assert isinstance(connection, Connection)  # noqa: S101  made by __call__
            connection.close_if_late(self._deadlines, transport, now)

    async def finish(self, grace: float) -> None:
        """Wait for the requests under way, then close every connection; at once when cancelled."""
        self.is_draining = True
        try:
            if self._under_way:
                self._quiet = self._loop.create_future()
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace):
                        await self._quiet
        except asyncio.CancelledError:
            await self._close(_AT_ONCE)
            raise
        await self._close(0.5)

    async def _close(self, patience: float) -> None:
        """Close every connection, and leave no request under way behind."""
        if self._timer:
            self._timer.cancel()
        tasks = [task for connection in self._connections if (task := connection._task_handler)]  # noqa: SLF001
        self.pre_shutdown()
        await self.shutdown(patience)
        if tasks:
            await asyncio.wait(tasks, timeout=_LINGER)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101  as above
        self._under_way += 1
        connection.works()
        try:
            answer = await self._respond(request)
        except ConnectionError:  # there is nobody left to answer
            answer = web.Response(status=400)
        finally:
            self._under_way -= 1
            connection.has_answered()
            if self._quiet and not self._under_way and not self._quiet.done():
                self._quiet.set_result(None)
        answer.headers["Server"] = SERVER
        if self.is_draining or not self._keep_alive:
            answer.force_close()
        return answer


@asynccontextmanager
async def serve(
    respond: Respond,
    endpoint: Endpoint,
    *,
    deadlines: Deadlines,
    tls: ssl.SSLContext | None = None,
    keep_alive: bool = True,
    grace: float = GRACE,
) -> AsyncIterator[Server]:
    """Answer HTTP for as long as the block lasts, then finish what is under way.

    Raises:
        OSError: nothing can listen there.
    """
    server = Server(respond, deadlines, keep_alive=keep_alive)
    sockets, file = endpoint.bind(), endpoint.file()
    if not endpoint.path:
        endpoint = endpoint.with_port(sockets[0].getsockname()[1])
    server.endpoint = endpoint
    loop = asyncio.get_running_loop()
    patience: dict[str, Any] = {"ssl": tls, "ssl_handshake_timeout": deadlines.header or None} if tls else {}
    listen = loop.create_unix_server if endpoint.path else loop.create_server
    listening = [await listen(server, sock=each, backlog=BACKLOG, **patience) for each in sockets]
    server.watch()
    try:
        yield server
    finally:
        for each in listening:
            each.close()
        endpoint.release(file)
        await server.finish(grace)


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Return the whole body as it was sent.

    Raises:
        TooLarge: it has more than `limit` bytes.
        BadData: its chunks are malformed.
        TimeoutError: it came too slowly.
        ConnectionError: the client went away.
    """
    if (announced := request.content_length or 0) > limit:
        raise TooLarge(f"the body has {announced} bytes, the limit is {limit}")
    content = request.content
    if content.is_eof():
        return _whole(content.read_nowait(), limit)
    connection = request.protocol
    assert isinstance(connection, Connection)  # noqa: S101  made by Server
    # RFC 9110, 10.1.1: who expects it sends the body only then
    if request.headers.get("Expect", "").lower() == "100-continue" and connection.transport:
        connection.transport.write(_CONTINUE)
    connection.awaits_body(content)
    try:
        return await _collect(content, limit)
    except web.RequestPayloadError as error:
        raise BadData(f"malformed body: {error}") from None
    finally:
        connection.works()


async def _collect(content: Any, limit: int) -> bytes:
    body = BytesIO()  # grows in place, so that a large body is not held twice
    while chunk := await content.readany():
        body.write(chunk)
        if body.tell() > limit:
            raise TooLarge(f"the body has more than {limit} bytes")
    return body.getvalue()


def _whole(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(f"the body has more than {limit} bytes")
    return body
