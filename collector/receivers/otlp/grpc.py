"""OTLP over gRPC: generic handlers that take the bytes as they came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from collector.api import Intake, Settings
from collector.batch import SHAPES, Signal
from collector.errors import ConsumeError, RefusalReason, RetryableError
from collector.net.bad_input import BadInput, TooLarge
from collector.net.otlp_status import DETAILS, grpc_status, readable
from collector.net.partial_success import partial_success
from collector.net.validation import validate
from collector.receivers.otlp.settings import GrpcConfig

_SUCCESS = b""


class GrpcListener:
    """Serves the Export method of every signal that some pipeline takes."""

    def __init__(self, config: GrpcConfig, settings: Settings, next: Intake) -> None:
        self._config = config
        self._settings = settings
        self._next = next
        self.port = 0

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._config.max_recv_msg_size_mib << 20),
                ("grpc.max_concurrent_streams", self._config.max_concurrent_streams),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=self._config.max_concurrent_rpcs,
        )
        server.add_generic_rpc_handlers(tuple(self._service(signal) for signal in sorted(self._next.signals)))
        self.port = server.add_insecure_port(self._config.endpoint)
        await server.start()
        try:
            yield
        finally:
            await server.stop(grace=None if not self.port else 5)

    def _service(self, signal: Signal) -> Any:
        service, method = SHAPES[signal].rpc[1:].split("/")
        handler = grpc.unary_unary_rpc_method_handler(self._export(signal))
        return grpc.method_handlers_generic_handler(service, {method: handler})

    def _export(self, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
        next_, limits = self._next, self._config

        async def export(wire: bytes, context: Any) -> bytes:
            try:
                valid = validate(signal, wire, max_items=limits.max_items, max_record_size=limits.max_record_size)
                if limits.include_metadata:
                    valid.batch.metadata = _metadata(context)
                await next_.consume(valid.batch, transport="grpc")
            except BadInput as error:
                next_.refused(signal, reason_of(error), transport="grpc")
                await _abort(context, _code(error), error)
            except RetryableError as error:
                # OTLP specification, "OTLP/gRPC Throttling": UNAVAILABLE with RetryInfo says when to come back
                await _abort(context, grpc.StatusCode.UNAVAILABLE, error, error.retry_after or 1.0)
            except ConsumeError as error:
                await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, error)
            if valid.rejected:
                next_.refused(signal, RefusalReason.BAD_DATA, transport="grpc", items=valid.rejected)
                return partial_success(signal, valid.rejected, valid.message)
            return _SUCCESS

        return export


def reason_of(error: BadInput) -> RefusalReason:
    return RefusalReason.TOO_LARGE if isinstance(error, TooLarge) else RefusalReason.BAD_DATA


def _code(error: BadInput) -> grpc.StatusCode:
    return grpc.StatusCode.RESOURCE_EXHAUSTED if isinstance(error, TooLarge) else grpc.StatusCode.INVALID_ARGUMENT


async def _abort(context: Any, code: grpc.StatusCode, error: Exception, retry_after: float | None = None) -> None:
    details = grpc_status(code.value[0], str(error), retry_after)
    await context.abort(code, readable(str(error)), trailing_metadata=((DETAILS, details),))


def _metadata(context: Any) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
