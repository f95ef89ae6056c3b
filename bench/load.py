"""The load generator: a process that takes orders as lines of JSON and answers each with what became of it.

`python -m bench.load`; the orchestrator starts it, so that its CPU time is nobody else's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from bench.http1 import HttpConnection
from bench.http2 import GrpcConnection
from bench.payloads import KINDS, STAMP, bodies, renewed, stamp_offset
from collector.batch import SHAPES, Signal

Connection = GrpcConnection | HttpConnection
_DEADLINE = 20.0
"""Seconds for an answer, after which the server counts as broken."""


@dataclass(frozen=True)
class Order:
    protocol: str
    port: int
    payload: str
    """What the items are like: a key of `bench.payloads.KINDS`."""
    items: int
    """In each request."""
    seconds: float
    connections: int
    first: int = 0
    """The number of the first request, where each body has one; no two orders share one."""
    rate: float | None = None
    """Requests per second; None for as many as are answered."""


@dataclass
class Outcome:
    accepted: int = 0
    """Items in requests that were answered with success."""
    refused: int = 0
    unanswered: int = 0
    """Requests whose connection was lost or whose answer did not come in time."""
    late: int = 0
    """Paced requests that were not sent at their time, since every connection was waiting for an answer."""
    requests: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of this process."""


class Run:
    """One order being carried out."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._kind = KINDS[order.payload]
        self._bodies = self._in_turn()
        self._outcome = Outcome()
        self._idle: list[Connection] = []
        self._under_way = 0
        self._stopping = False
        self._finished = asyncio.Event()

    async def carry_out(self) -> Outcome:
        connections = [await self._connect() for _ in range(self._order.connections)]
        started, cpu = time.perf_counter(), time.process_time()
        if self._order.rate is None:
            for connection in connections:
                self._send(connection, next(self._bodies))
            await asyncio.sleep(self._order.seconds)
        else:
            self._idle = connections
            await self._send_paced(self._order.rate)
        self._stopping = True
        self._outcome.seconds = time.perf_counter() - started
        await self._answers()
        self._outcome.cpu_seconds = time.process_time() - cpu
        for connection in connections:
            connection.close()
        return self._outcome

    def _in_turn(self) -> Iterator[bytes]:
        for serial, body in enumerate(
            itertools.cycle(bodies(self._order.payload, self._order.items)), self._order.first
        ):
            yield renewed(body, serial) if self._kind.renews else body

    async def _connect(self) -> Connection:
        order, shape = self._order, SHAPES[Signal(self._kind.signal)]
        authority = f"127.0.0.1:{order.port}"
        connection: Connection

        def answered(ok: bool) -> None:
            self._answered(connection, ok)

        def make() -> Connection:
            if order.protocol == "grpc":
                return GrpcConnection(authority, shape.rpc, answered)
            return HttpConnection(authority, shape.url_path, answered)

        _, connection = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", order.port)
        await connection.ready
        return connection

    def _send(self, connection: Connection, body: bytes) -> None:
        self._under_way += 1
        connection.send(body)

    def _answered(self, connection: Connection, ok: bool) -> None:
        self._under_way -= 1
        self._outcome.requests += 1
        if ok:
            self._outcome.accepted += self._order.items
        else:
            self._outcome.refused += self._order.items
        if self._stopping:
            if not self._under_way:
                self._finished.set()
        elif self._order.rate is None:
            self._send(connection, next(self._bodies))
        else:
            self._idle.append(connection)

    async def _send_paced(self, rate: float) -> None:
        """Send at even intervals, each request with the time at which it is sent as its first span's start."""
        offset = {body: stamp_offset(body) for body in bodies(self._order.payload, self._order.items)}
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in range(int(self._order.seconds * rate)):
            await asyncio.sleep(max(started + number / rate - loop.time(), 0))
            if not self._idle:
                self._outcome.late += 1
                continue
            body = next(self._bodies)
            stamp = time.time_ns().to_bytes(STAMP, "little")
            at = offset[body]
            self._send(self._idle.pop(), body[:at] + stamp + body[at + STAMP :])

    async def _answers(self) -> None:
        if not self._under_way:
            return
        try:
            async with asyncio.timeout(_DEADLINE):
                await self._finished.wait()
        except TimeoutError:
            self._outcome.unanswered = self._under_way


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    return asdict(uvloop.run(Run(Order(**order)).carry_out()))


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
