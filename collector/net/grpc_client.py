"""Calls to one gRPC backend, with requests and answers as bytes.

grpc is imported when a client starts, so that checking a configuration does without.
"""

from __future__ import annotations

import asyncio
import enum
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from collector.api import ComponentConfig, Settings
from collector.config_types import Duration
from collector.errors import PermanentError, RetryableError
from collector.net.authentication import AuthConfig, client_authenticator
from collector.net.grpc_options import milliseconds
from collector.net.otlp_status import error_from_grpc
from collector.net.tls import ClientTLS, Reloading, check_grpc_can
from collector.net.user_agent import user_agent

# grpc's core writes what its connections do to standard error, past every log; each failure reaches us as a status
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

LARGE = 64 << 10
"""Bytes from which a request is compressed in a thread: 1.4 ms of gzip or more, which should not hold up the loop."""
MOST_RECEIVED = 4 << 20
"""Bytes that an answer may have: OTLP specification, "OTLP/gRPC Response"."""
RECONNECT = 5.0
"""Seconds that connecting may take, and after which an unreachable server is looked for again.

grpc's own twenty seconds and two minutes are longer than an attempt and than every pause between two.
"""

# gRPC over HTTP/2, "Requests": Custom-Metadata
_NAME = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_RESERVED = frozenset({"te", "content-type", "user-agent"})
_SCHEMES = frozenset({"dns", "unix", "unix-abstract", "ipv4", "ipv6", "vsock"})
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]+):\d{1,5}")


def _sendable(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if name.lower() in _RESERVED or name.lower().startswith("grpc-"):
            raise ValueError(f"{name} is for grpc to say")
        if not _NAME.fullmatch(name.lower()) or not _VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(f"{name!r} has characters that no gRPC metadata can have, in its name or in its value")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is there twice, in other letters")
    return headers


def _target(endpoint: str) -> str:
    """Return what grpc resolves: the endpoint, without a scheme that only says how it is secured."""
    return re.sub(r"^https?://", "", endpoint)


def _endpoint(text: str) -> str:
    scheme, is_uri, _ = text.partition(":")
    if is_uri and scheme in _SCHEMES:
        return text
    if not _HOST_AND_PORT.fullmatch(_target(text).rstrip("/")):
        known = ", ".join(f"{scheme}:" for scheme in sorted(_SCHEMES))
        raise ValueError(f"must be host:port, with http:// or https:// before it or not, or one of {known}")
    return text.rstrip("/")


class Compression(enum.StrEnum):
    GZIP = "gzip"
    DEFLATE = "deflate"
    NONE = "none"


def _known_to_grpc(value: Any) -> Any:
    if value in {"snappy", "zstd"}:
        raise ValueError(f"grpc's core has no {value}: it compresses with gzip or deflate, or not at all (none)")
    return value


class Balancer(enum.StrEnum):
    ROUND_ROBIN = "round_robin"
    PICK_FIRST = "pick_first"


class KeepaliveConfig(ComponentConfig):
    time: Duration = Field(default=10.0, gt=0, description="After how long without traffic the server is pinged.")
    timeout: Duration = Field(default=10.0, gt=0, description="How long its answer may take.")
    permit_without_stream: bool = Field(default=False, description="Whether to ping while no request is under way.")


class GrpcClientConfig(ComponentConfig):
    """The keys of a component that sends over gRPC, with the Collector's names and defaults."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        description="Address of the server: host:port, unix:///path, dns:///name:port; https:// before it means TLS."
    )
    compression: Annotated[Compression, BeforeValidator(_known_to_grpc)] = Field(
        default=Compression.GZIP, description="How requests are compressed: gzip, deflate or none."
    )
    tls: ClientTLS = Field(
        default=ClientTLS(), description="How the connection is secured; it is, unless `insecure` is true."
    )
    keepalive: KeepaliveConfig | None = Field(
        default=None, description="Pings that find out that a connection is dead; absent for none."
    )
    headers: Annotated[dict[str, SecretStr], AfterValidator(_sendable)] = Field(
        default={}, description="Metadata that every request has; values are kept secret."
    )
    user_agent: str = Field(default="", description="What the collector calls itself; absent for pyotelcol/version.")
    authority: str = Field(default="", description="The :authority of requests; absent for the endpoint's name.")
    wait_for_ready: bool = Field(
        default=False, description="Whether a request waits for a connection instead of failing, within its timeout."
    )
    balancer_name: Balancer = Field(
        default=Balancer.ROUND_ROBIN, description="How requests are spread over addresses: round_robin or pick_first."
    )
    auth: AuthConfig | None = Field(default=None, description="The extension that gives requests their credentials.")

    @model_validator(mode="after")
    def _grpc_can(self) -> Self:
        check_grpc_can(self.tls)
        return self

    @property
    def is_secured(self) -> bool:
        return self.endpoint.startswith("https://") or not self.tls.insecure

    def channel_options(self) -> list[tuple[str, str | int]]:
        """Return the settings as grpc's core names them."""
        options: dict[str, str | int] = {
            "grpc.max_send_message_length": -1,
            "grpc.max_receive_message_length": MOST_RECEIVED,
            "grpc.primary_user_agent": self.user_agent or user_agent(),
            "grpc.lb_policy_name": self.balancer_name,
            "grpc.min_reconnect_backoff_ms": milliseconds(RECONNECT),  # in spite of its name
            "grpc.max_reconnect_backoff_ms": milliseconds(RECONNECT),
        }
        if self.authority:
            options["grpc.default_authority"] = self.authority
        if self.tls.server_name_override:
            options["grpc.ssl_target_name_override"] = self.tls.server_name_override
        if self.keepalive:
            options["grpc.keepalive_time_ms"] = milliseconds(self.keepalive.time)
            options["grpc.keepalive_timeout_ms"] = milliseconds(self.keepalive.timeout)
            options["grpc.keepalive_permit_without_calls"] = int(self.keepalive.permit_without_stream)
            options["grpc.http2.max_pings_without_data"] = 0
        return list(options.items())


Metadata = tuple[tuple[str, str | bytes], ...]


class GrpcClient:
    """Makes unary calls, of which several may be under way; keeps one connection between them."""

    def __init__(self, config: GrpcClientConfig, settings: Settings) -> None:
        """
        Raises:
            ConfigError: `auth` names no extension that has credentials.
        """
        self._config = config
        self._settings = settings
        self._authenticator = client_authenticator(config.auth, settings, f"exporters::{settings.id}")
        self._metadata = _metadata({name: value.get_secret_value() for name, value in config.headers.items()})
        self._credentials: Callable[[], Any] = lambda: None
        self._channel: _Channel | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Leaving the block closes the connection."""
        tls = self._config.tls
        if self._config.is_secured:
            self._credentials = Reloading(tls, tls.credentials, self._settings.clock).current
        self._channel = _Channel(self._config, self._credentials())
        try:
            yield
        finally:
            channel, self._channel = self._channel, None
            await channel.close()

    async def call(self, method: str, request: bytes) -> bytes:
        """Return the answer to one request.

        Raises:
            RetryableError, PermanentError: the status says so, by the OTLP specification.
        """
        channel = await self._current_channel()
        channel.calls += 1
        try:
            return await channel.call(method, request, (*self._metadata, *self._own_credentials()))
        finally:
            channel.calls -= 1
            if channel is not self._channel and not channel.calls:
                await channel.close()

    async def _current_channel(self) -> _Channel:
        """Return a channel with the certificates as they are now; the former one ends with its last call."""
        if self._channel is None:
            raise RuntimeError("the client has not been started")
        credentials, former = self._credentials(), self._channel
        if credentials is not former.credentials:
            self._channel = _Channel(self._config, credentials)
            if not former.calls:
                await former.close()
        return self._channel

    def _own_credentials(self) -> Metadata:
        if not self._authenticator:
            return ()
        credentials = self._authenticator.credentials()
        for name, value in credentials.items():
            if not _VALUE.fullmatch(value) and not name.endswith("-bin"):
                raise PermanentError(f"the credentials in {name} have characters that no gRPC metadata can have")
        return _metadata(credentials)


class _Channel:
    """One connection, with two ways to use it.

    grpc compresses where a call is started.  With asyncio that is the event loop, which some megabytes would hold up
    for tens of milliseconds; so large requests are started in a thread, through the other half of grpc.
    """

    def __init__(self, config: GrpcClientConfig, credentials: Any) -> None:
        import grpc.aio  # noqa: PLC0415  see above

        self.credentials = credentials
        self.calls = 0
        self._wait_for_ready = config.wait_for_ready
        self._compresses = config.compression is not Compression.NONE
        compression = {
            Compression.GZIP: grpc.Compression.Gzip,
            Compression.DEFLATE: grpc.Compression.Deflate,
            Compression.NONE: grpc.Compression.NoCompression,
        }[config.compression]
        arguments = _target(config.endpoint), *([credentials] if credentials else [])
        kind = "secure_channel" if credentials else "insecure_channel"
        self._open: Callable[[Any], Any] = lambda library: getattr(library, kind)(
            *arguments, config.channel_options(), compression
        )
        self._here: Any = self._open(grpc.aio)
        self._methods: dict[str, Any] = {}
        self._in_thread: Any = None

    async def call(self, method: str, request: bytes, metadata: Metadata) -> bytes:
        import grpc  # noqa: PLC0415  see above

        is_large = self._compresses and len(request) >= LARGE
        call = self._call_in_thread if is_large else self._call_here
        try:
            return await call(method, request, metadata)
        except asyncio.CancelledError as error:
            if _somebody_cancelled_this():
                raise
            raise RetryableError("the call was ended with its channel") from error
        except grpc.FutureCancelledError as error:
            raise RetryableError("the call was ended with its channel") from error
        except grpc.RpcError as error:
            status: Any = error
            raise error_from_grpc(status.code().value[0], status.details() or "", status.trailing_metadata()) from error

    async def close(self) -> None:
        """End every call; closing again does nothing."""
        # grpc closes the socket when nobody has the channel any more
        here, in_thread = self._here, self._in_thread
        self._here = self._in_thread = None
        self._methods.clear()
        if here:
            await here.close()
        if in_thread:
            in_thread.close()

    async def _call_here(self, method: str, request: bytes, metadata: Metadata) -> bytes:
        call = self._methods.get(method)
        if call is None:
            call = self._methods[method] = self._here.unary_unary(method)
        answer: bytes = await call(request, metadata=metadata, wait_for_ready=self._wait_for_ready)
        return answer

    async def _call_in_thread(self, method: str, request: bytes, metadata: Metadata) -> bytes:
        import grpc  # noqa: PLC0415  see above

        loop = asyncio.get_running_loop()
        self._in_thread = self._in_thread or self._open(grpc)
        start = self._in_thread.unary_unary(method).future
        starting = loop.run_in_executor(
            None, partial(start, request, metadata=metadata, wait_for_ready=self._wait_for_ready)
        )
        try:
            call = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_cancel_what_was_started)
            raise
        answered = asyncio.Event()
        call.add_done_callback(lambda _: _wake(loop, answered))
        try:
            await answered.wait()
        except asyncio.CancelledError:
            call.cancel()
            raise
        answer: bytes = call.result()
        return answer


def _somebody_cancelled_this() -> bool:
    """Whether the task was cancelled, and not what it waits for.

    A function of its own: a task in a variable would be in a cycle with its exception, which keeps the channel open.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _cancel_what_was_started(starting: asyncio.Future[Any]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().cancel()


def _wake(loop: asyncio.AbstractEventLoop, answered: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop may have ended with the collector
        loop.call_soon_threadsafe(answered.set)


def _metadata(headers: Mapping[str, str]) -> Metadata:
    pairs = [(name.lower(), value) for name, value in headers.items()]
    return tuple((name, value.encode() if name.endswith("-bin") else value) for name, value in pairs)
