"""A gRPC server that strangers may talk to: each call has a deadline for its message, and none can end the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from grpc._cython import cygrpc

from collector.net.endpoint import Endpoint

logger = logging.getLogger(__name__)

Call = Any
"""What grpcio calls a servicer context."""
Answer = Callable[[Call], Awaitable[bytes | None]]
Option = tuple[str, Any]

GRACE = 5.0
"""Seconds that calls under way may take to end when the server stops."""
_HANDSHAKE_TIMEOUT = 10.0
"""Seconds from a connection to the end of the handshakes of TLS and HTTP/2."""
_RETRY_START = 1.0
_PATIENCE = 1.0
"""Seconds for the library to notice that all calls have ended."""
_TASK_OF_A_CALL = "rpc_task"
"""What the library calls it."""


class NoMessageError(Exception):
    """The call ended before there was a message: the client went away, or was answered by the library already."""


class Server:
    """What `serve` yields."""

    def __init__(self, read_timeout: float, max_waiting: int) -> None:
        self.endpoint = Endpoint()
        """Where it listens, with the port that the system chose."""
        self._read_timeout = read_timeout
        self._max_waiting = max_waiting
        self._waiting: dict[Call, float] = {}
        self._aborting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def receive(self, call: Call) -> bytes:
        """Return the message of a call.

        Raises:
            NoMessageError: there is none and will be none; an answer does no harm.
            grpc.aio.AbortError: it came too slowly, and the call was answered.
        """
        self._waiting[call] = self._loop.time()
        if len(self._waiting) > self._max_waiting:
            self._abort(next(iter(self._waiting)), "too many calls wait for their message, this one longest")
        try:
            message = await call.read()
        finally:
            self._waiting.pop(call, None)
        if message is grpc.aio.EOF:
            raise NoMessageError
        return bytes(message)

    def watch(self) -> None:
        """End the calls whose message comes too slowly.  They are in the order of their start."""
        self._timer = self._loop.call_later(max(self._read_timeout / 4, 0.01), self.watch)
        late = self._loop.time() - self._read_timeout
        for call in [call for call, since in self._waiting.items() if since < late]:
            self._abort(call, "the message came too slowly")

    def stop_watching(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _abort(self, call: Call, why: str) -> None:
        del self._waiting[call]
        task = self._loop.create_task(abort(call, grpc.StatusCode.DEADLINE_EXCEEDED, why))
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)


@asynccontextmanager
async def serve(
    answers: Mapping[str, Answer],
    endpoint: Endpoint,
    *,
    options: Sequence[Option] = (),
    credentials: Any = None,
    read_timeout: float = 30.0,
    max_waiting: int = 1000,
    grace: float = GRACE,
) -> AsyncIterator[Server]:
    """Answer calls for as long as the block lasts, then finish what is under way.

    Args:
        answers: by full method name, what answers a call; it asks the server for the message.
        endpoint: where to listen.
        options: of the C library.
        credentials: for TLS.
        read_timeout: seconds for a client to send its message; 0 for any time.
        max_waiting: calls that may wait for their message; of more, the oldest give way.
        grace: seconds for calls under way to end.

    Raises:
        OSError: nothing can listen there.
    """
    _silence_about_strangers()
    server = Server(read_timeout, max_waiting)
    running = _Running(answers, options, credentials)
    server.endpoint = await running.start(endpoint)
    keeper = asyncio.create_task(running.keep_serving(server.endpoint))
    if read_timeout:
        server.watch()
    try:
        yield server
    finally:
        try:
            await running.stop(grace)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            server.stop_watching()


async def abort(call: Call, code: Any, message: str, details: Sequence[tuple[str, bytes]] = ()) -> None:
    """Answer a call with a failure, unless it has an answer or nobody waits for one."""
    with contextlib.suppress(grpc.aio.AbortError, grpc.aio.InternalError, grpc.aio.UsageError):
        await call.abort(code, message, tuple(details))


class _Running:
    """grpcio's server; another one if it dies."""

    def __init__(self, answers: Mapping[str, Answer], options: Sequence[Option], credentials: Any) -> None:
        self._answers = answers
        self._options = (
            ("grpc.so_reuseport", 0),
            ("grpc.server_handshake_timeout_ms", int(_HANDSHAKE_TIMEOUT * 1000)),
            ("grpc.http2.settings_timeout", int(_HANDSHAKE_TIMEOUT * 1000)),
            *options,
        )
        self._credentials = credentials
        self._server: Any = None
        self._is_stopping = False
        self._under_way: set[asyncio.Task[Any] | None] = set()

    async def start(self, endpoint: Endpoint) -> Endpoint:
        server = grpc.aio.server(options=self._options)
        _guard(server, self._options)
        for method, answer in self._answers.items():
            service, name = method[1:].split("/")
            server.add_registered_method_handlers(service, {name: self._handler(answer)})
        port = self._listen(server, endpoint)
        await server.start()
        self._server = server
        return endpoint if endpoint.path else endpoint.with_port(port)

    async def keep_serving(self, endpoint: Endpoint) -> None:
        """A server that died would leave a process that looks healthy and is deaf."""
        while not self._is_stopping:
            try:
                await self._server.wait_for_termination()
            except Exception:
                logger.exception("the gRPC server died; starting another one")
            while not self._is_stopping:
                try:
                    await self.start(endpoint)
                    break
                except OSError as error:
                    logger.error("%s; trying again", error)
                    await asyncio.sleep(_RETRY_START)

    async def stop(self, grace: float) -> None:
        """Let calls end within `grace`; when this is cancelled they end at once.

        The library must never be cancelled itself while it stops: it would take the process with it.
        """
        self._is_stopping = True
        stopping = asyncio.create_task(self._server.stop(grace))
        try:
            await asyncio.wait([stopping])
            await _until_calls_have_ended()
        except asyncio.CancelledError:
            for task in self._under_way:
                if task:
                    task.cancel()
            await asyncio.wait([stopping], timeout=_PATIENCE)
            raise

    def _handler(self, answer: Answer) -> Any:
        async def run(_: Any, call: Call) -> bytes | None:
            task = asyncio.current_task()
            self._under_way.add(task)
            try:
                return await answer(call)
            except asyncio.CancelledError:
                if not self._is_stopping:  # the client did it
                    raise
                await abort(call, grpc.StatusCode.UNAVAILABLE, "shutting down")
                return None
            finally:
                self._under_way.discard(task)

        # for the library it is a stream, so that a call can be refused before its message is there
        return grpc.stream_unary_rpc_method_handler(run)

    def _listen(self, server: Any, endpoint: Endpoint) -> int:
        address = str(endpoint) if endpoint.path or endpoint.host else f"[::]:{endpoint.port}"
        if endpoint.path or endpoint.port:
            _check_that_nobody_serves(endpoint)
        try:
            if self._credentials is None:
                return int(server.add_insecure_port(address))
            return int(server.add_secure_port(address, self._credentials))
        except RuntimeError:
            _check_that_nobody_serves(endpoint)  # says why
            raise OSError(None, f"cannot listen on {endpoint}") from None


async def _until_calls_have_ended() -> None:
    """Wait for the tasks of calls, of which the library leaves some behind that their clients have reset.

    What they wait for is freed with the server.  Whose they are cannot be told, so those of another server that still
    answers are waited for too, and for no longer than that is worth.
    """
    if ending := [task for task in asyncio.all_tasks() if task.get_name() == _TASK_OF_A_CALL]:
        await asyncio.wait(ending, timeout=_PATIENCE)


def _check_that_nobody_serves(endpoint: Endpoint) -> None:
    """The library would take a unix socket away from another process, is content with one address of a host, and does
    not say why it cannot listen.

    Raises:
        OSError: nothing can listen there; says why.
    """
    for bound in endpoint.bind():
        bound.close()
    endpoint.release(endpoint.file())


def _guard(server: Any, options: Sequence[Option]) -> None:
    """Keep calls of unknown methods from the library, which a name that is not UTF-8 ends for good.

    grpcio up to at least 1.85 decodes the name in the loop that accepts calls.  Registered methods are found without
    that, so no other call has to get there.
    """
    for extra in ((), (False,)):  # later versions have a parameter more
        try:
            server._server = _Guarded(server._loop, None, [], None, tuple(options), None, *extra)  # noqa: SLF001  no other way
        except TypeError:
            continue
        return
    logger.warning("grpcio %s is not known: any client can make it start anew", grpc.__version__)


class _Guarded(cygrpc.AioServer):  # type: ignore[misc]
    async def _request_call(self) -> Any:
        """Called for the next call of a method that is not registered."""
        loop = asyncio.get_running_loop()
        tasks = set()
        while True:
            state = await super()._request_call()
            call = cygrpc._ServicerContext(state, None, None, loop)  # noqa: SLF001  as above
            task = loop.create_task(abort(call, grpc.StatusCode.UNIMPLEMENTED, "unknown service or method"))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


class _NotAboutStrangers(logging.Filter):
    """grpcio logs headers that are not UTF-8, secrets among them, and clients that go away, with tracebacks.

    While it frees a server it logs that server: whoever keeps such a record holds memory that is used for other things.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, UnicodeDecodeError | grpc.aio.InternalError):
            return False
        return not any(isinstance(argument, cygrpc.AioServer) for argument in record.args or ())


_quiet = _NotAboutStrangers()


def _silence_about_strangers() -> None:
    logging.getLogger("grpc._cython.cygrpc").addFilter(_quiet)  # the same filter is added once
