"""OTLP over gRPC: handlers that take the bytes as they came, and may refuse before they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc

from collector.api import Intake, Settings
from collector.batch import SHAPES, Signal
from collector.errors import RefusalReason, RetryableError
from collector.net import grpc_server
from collector.net.authentication import headers_of, server_authenticator
from collector.net.endpoint import Endpoint
from collector.net.grpc_options import milliseconds
from collector.net.grpc_server import Call, NoMessageError, abort
from collector.net.otlp_status import DETAILS, grpc_status, readable
from collector.net.partial_success import partial_success
from collector.net.validation import Validated
from collector.receivers.otlp.answers import BUG, answer_to
from collector.receivers.otlp.aside import Aside
from collector.receivers.otlp.metadata import address_in, metadata_of
from collector.receivers.otlp.settings import GrpcConfig
from collector.receivers.otlp.unpacking import Unpacking

TRANSPORT = "grpc"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_SUCCESS = b""


class GrpcListener:
    """Serves the Export method of every signal that some pipeline takes."""

    def __init__(self, config: GrpcConfig, settings: Settings, next: Intake, aside: Aside) -> None:
        self._config = config
        self._settings = settings
        self._next = next
        self._authenticator = server_authenticator(config.auth, settings, "protocols::grpc")
        self._unpacking = Unpacking(config, aside)
        self._server: grpc_server.Server | None = None
        self._under_way = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens: with the port that the system chose, once it runs."""
        return self._server.endpoint if self._server else self._config.listens_on()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        config = self._config
        async with grpc_server.serve(
            {SHAPES[signal].rpc: partial(self._answer, signal) for signal in sorted(self._next.signals)},
            config.listens_on(),
            options=_options(config),
            credentials=config.tls.credentials(self._settings.clock) if config.tls else None,
            read_timeout=config.read_timeout,
            max_waiting=config.max_concurrent_rpcs,
        ) as self._server:
            yield

    async def _answer(self, signal: Signal, call: Call) -> bytes | None:
        try:
            message = await self._receive(signal, call)
        except (NoMessageError, grpc.aio.AbortError):
            # if it has no answer yet, then the client ended it without a message
            await abort(call, grpc.StatusCode.INVALID_ARGUMENT, "the request has no message")
            return None
        except Exception as error:
            self._next.refused(signal, answer_to(error).reason, transport=TRANSPORT)
            await self._refuse(call, error)
            return None
        self._under_way += 1
        try:
            return await self._take(signal, call, message)
        finally:
            self._under_way -= 1

    async def _receive(self, signal: Signal, call: Call) -> bytes:
        assert self._server  # noqa: S101  only a running server has calls
        if self._authenticator:
            self._authenticator.authenticate(headers_of(call.invocation_metadata() or ()))
        if self._under_way >= self._config.max_concurrent_rpcs:
            raise RetryableError("too many requests under way", retry_after=1.0, reason=RefusalReason.RATE_LIMIT)
        if refusal := self._next.admits(signal, 0, 0):
            raise refusal
        return await self._server.receive(call)

    async def _take(self, signal: Signal, call: Call, message: bytes) -> bytes | None:
        try:
            valid = await self._unpacking.validate(signal, message)
        except Exception as error:
            self._next.refused(signal, answer_to(error).reason, transport=TRANSPORT)
            await self._refuse(call, error)
            return None
        if self._config.include_metadata:
            valid.batch.metadata = metadata_of(call.invocation_metadata() or (), address_in(call.peer()))
        try:
            await self._next.consume(valid.batch, transport=TRANSPORT)
        except Exception as error:  # what is refused there is counted there
            await self._refuse(call, error)
            return None
        return self._success(signal, valid)

    def _success(self, signal: Signal, valid: Validated) -> bytes:
        if not valid.rejected:
            return _SUCCESS
        self._next.refused(signal, RefusalReason.BAD_DATA, transport=TRANSPORT, items=valid.rejected)
        return partial_success(signal, valid.rejected, valid.message)

    async def _refuse(self, call: Call, error: Exception) -> None:
        answer, message, retry_after = answer_to(error), readable(str(error)), None
        if answer is BUG:
            self._settings.logger.error("%s: unexpected error", self._settings.id, exc_info=error)
            message = "internal error"
        if isinstance(error, RetryableError):
            retry_after = error.retry_after or 1.0
        details = grpc_status(answer.grpc, message, retry_after)
        await abort(call, _CODES[answer.grpc], message, [(DETAILS, details)])


def _options(config: GrpcConfig) -> list[tuple[str, Any]]:
    parameters, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", config.max_message_size),
        ("grpc.max_concurrent_streams", config.max_concurrent_streams),
        ("grpc.keepalive_time_ms", milliseconds(parameters.time)),
        ("grpc.keepalive_timeout_ms", milliseconds(parameters.timeout)),
        ("grpc.http2.min_ping_interval_without_data_ms", milliseconds(policy.min_time)),
        ("grpc.keepalive_permit_without_calls", int(policy.permit_without_stream)),
    ]
    bounds = {
        "grpc.max_connection_idle_ms": parameters.max_connection_idle,
        "grpc.max_connection_age_ms": parameters.max_connection_age,
        "grpc.max_connection_age_grace_ms": parameters.max_connection_age_grace,
    }
    return options + [(name, milliseconds(seconds)) for name, seconds in bounds.items() if seconds]
