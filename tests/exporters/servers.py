"""Backends that answer from a script: every status, half an answer, none at all."""

import asyncio
import dataclasses
import itertools
import socket
import struct
from contextlib import asynccontextmanager
from typing import NamedTuple

import grpc
import grpc.aio
import yaml

from collector.batch import SHAPES, Signal
from collector.registry import Kind, load_factory
from collector.testing import settings


def exporter(type_, config, **its):
    """
    Build an exporter from YAML, as the engine does.
    """
    factory = load_factory(Kind.EXPORTER, type_)
    return factory.build(
        factory.config.model_validate(yaml.safe_load(config)), dataclasses.replace(settings(type_), **its)
    )


class Call(NamedTuple):
    method: str
    metadata: dict
    request: bytes


class GrpcBackend:
    """
    Answers from a script of bytes, (code, details, trailers) or `silence`, then accepts everything.
    """

    silence = object()
    methods = tuple(SHAPES[signal].rpc for signal in Signal)

    def __init__(self, script=()):
        self.script = iter(script)
        self.calls = []
        self.cancelled = asyncio.Event()
        self.asked = asyncio.Event()
        self.port = 0

    async def answer(self, method, request, context):
        self.calls.append(Call(method, dict(context.invocation_metadata()), request))
        self.asked.set()
        step = next(self.script, b"")
        if step is self.silence:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        if not isinstance(step, bytes):
            code, details, trailers = step
            await context.abort(code, details, trailing_metadata=trailers)
        return step

    @asynccontextmanager
    async def running(self, address="127.0.0.1:0", credentials=None):
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        for method in self.methods:
            server.add_generic_rpc_handlers((self._service(method),))
        if credentials:
            self.port = server.add_secure_port(address, credentials)
        else:
            self.port = server.add_insecure_port(address)
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)
            # stopping does not wait for the handlers that it cancelled
            if handlers := [t for t in asyncio.all_tasks() if t.get_name().startswith(("rpc_task", "HandleExc"))]:
                await asyncio.wait(handlers, timeout=5)

    def _service(self, rpc):
        async def answer(request, context):
            return await self.answer(rpc, request, context)

        service, method = rpc[1:].split("/")
        return grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(answer)})


class TcpServer:
    """
    Does with each connection what it is told, and ends with all of them.
    """

    def __init__(self, behave):
        self.behave = behave
        self.connections = asyncio.Queue()
        """Put when a connection is opened, done when it is closed."""
        self.closed = 0
        self.port = 0
        self._unserved = set()

    @asynccontextmanager
    async def running(self, context=None):
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            accepting = asyncio.create_task(self._accept(listener, context))
            try:
                yield self
            finally:
                accepting.cancel()
                await asyncio.wait([accepting])
                for connection in self._unserved:
                    connection.close()

    async def _accept(self, listener, context):
        """
        Accepts in a callback: `sock_accept` loses the connection that comes while it is cancelled.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:

            def accept():
                connection, _ = listener.accept()
                connection.setblocking(False)
                self._unserved.add(connection)
                tasks.create_task(self._serve(connection, context))

            loop.add_reader(listener, accept)
            try:
                await asyncio.Event().wait()
            finally:
                loop.remove_reader(listener)

    async def _serve(self, connection, context):
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        self._unserved.discard(connection)
        self.connections.put_nowait(connection)
        protocol, writer = asyncio.StreamReaderProtocol(reader), None
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            await self.behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if writer:
                writer.close()
            self.closed += 1
            self.connections.task_done()


async def longest_turn(work):
    """
    Return the seconds for which the loop did nothing else at a time while `work` was awaited, and those it took.
    """
    loop, turns = asyncio.get_running_loop(), []

    async def turn():
        while True:
            turns.append(loop.time())
            await asyncio.sleep(0.001)

    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await work
    turns.append(loop.time())
    turning.cancel()
    return max(b - a for a, b in itertools.pairwise(turns)), turns[-1] - turns[0]


class Request(NamedTuple):
    method: str
    path: str
    headers: dict
    body: bytes


def respond(status=200, body=b"", content_type="application/x-protobuf", **headers):
    """
    Return one whole HTTP answer.
    """
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def reset(writer):
    """
    Close a connection by RST, not FIN.
    """
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


class HttpBackend(TcpServer):
    """
    Answers from a script of bytes or of coroutine functions of the connection, then accepts everything.
    """

    def __init__(self, script=()):
        super().__init__(self._answer)
        self.script = iter(script)
        self.requests = []
        self.opened = 0
        self.asked = asyncio.Event()

    async def _answer(self, reader, writer):
        self.opened += 1
        while True:
            self.requests.append(await read_request(reader))
            self.asked.set()
            step = next(self.script, respond())
            if callable(step):
                await step(reader, writer)
                return
            writer.write(step)
            await writer.drain()


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:] if line}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)
