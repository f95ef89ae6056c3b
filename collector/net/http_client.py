"""Requests to one HTTP backend, bounded in what they read and in whom they believe.

aiohttp is imported when a client starts, so that checking a configuration does without.
"""

from __future__ import annotations

import asyncio
import enum
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from collector.api import ComponentConfig, Settings
from collector.config_types import Duration
from collector.errors import ConfigError, RetryableError
from collector.net.authentication import AuthConfig, client_authenticator
from collector.net.bad_input import BadInput
from collector.net.compression import compress
from collector.net.decompression import decompress
from collector.net.headers import is_name, is_value
from collector.net.otlp_status import readable
from collector.net.tls import ClientTLS, Reloading
from collector.net.user_agent import user_agent

if TYPE_CHECKING:
    import aiohttp

MOST_READ = 64 << 10
"""Bytes of an answer that are read unless more are expected; the connection is closed then: nobody has us read on."""
LARGE = 64 << 10
"""Bytes from which a body is compressed in a thread: 1.4 ms of gzip or more, which should not hold up the loop."""
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_OURS = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding", "accept-encoding"})


def _sendable(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is there twice, in other letters")
    for name, value in headers.items():
        if not is_name(name) or not is_value(value.get_secret_value()):
            raise ValueError(f"{name!r} has characters that no header can have, in its name or in its value")
        if name.lower() in _OURS:
            raise ValueError(f"{name} is for the exporter to say")
    return headers


def _url(text: str) -> str:
    if any(map(str.isspace, text)):
        raise ValueError("must be a URL without blanks")
    parts = urlsplit(text)  # raises ValueError for a host that cannot be
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or not _has_place(parts)):
        raise ValueError("must be a URL that starts with http:// or https://")
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without ? and #")
    return text


def _has_place(parts: SplitResult) -> bool:
    try:
        port = parts.port
    except ValueError:  # which quotes what may be a part of a password
        raise ValueError("Port out of range 0-65535, or no number; a password has %2F instead of /") from None
    try:
        (parts.hostname or "").encode("idna")
    except UnicodeError:
        raise ValueError("has a host that cannot be: each part of its name has 1 to 63 characters") from None
    return port != 0


def _secret_url(text: SecretStr) -> SecretStr:
    _url(text.get_secret_value())
    return text


URL = Annotated[str, AfterValidator(_url)]
Headers = Annotated[dict[str, SecretStr], AfterValidator(_sendable)]


class Compression(enum.StrEnum):
    GZIP = "gzip"
    ZSTD = "zstd"
    DEFLATE = "deflate"
    NONE = "none"


_LEVELS = {
    Compression.GZIP: range(-1, 10),
    Compression.DEFLATE: range(-1, 10),
    Compression.ZSTD: range(1, 12),
    Compression.NONE: range(0),
}


class CompressionParams(ComponentConfig):
    level: int | None = Field(
        default=None, description="-1 to 9 for gzip and deflate, 1 to 11 for zstd; absent for the usual one."
    )


class HttpConnectionConfig(ComponentConfig):
    """The keys of a component that sends over HTTP and says itself how bodies are compressed."""

    headers: Headers = Field(default={}, description="Headers that every request has; values are kept secret.")
    tls: ClientTLS = Field(default=ClientTLS(), description="How connections to https:// are secured.")
    auth: AuthConfig | None = Field(default=None, description="The extension that gives requests their credentials.")
    proxy_url: Annotated[SecretStr, AfterValidator(_secret_url)] = Field(
        default=SecretStr(""),
        description="Proxy to go through; absent follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment.",
    )
    max_conns_per_host: int = Field(default=0, ge=0, description="Connections to one address at a time; 0 for any.")
    idle_conn_timeout: Duration = Field(default=90.0, description="How long an idle connection is kept.")
    disable_keep_alives: bool = Field(default=False, description="Whether each request has a connection of its own.")


class HttpClientConfig(HttpConnectionConfig):
    """The keys of a component that sends over HTTP, with the Collector's names and defaults."""

    compression: Compression = Field(
        default=Compression.GZIP, description="How bodies are compressed: gzip, zstd, deflate or none."
    )
    compression_params: CompressionParams = Field(
        default=CompressionParams(), description="How much work is put into that."
    )

    @model_validator(mode="after")
    def _level_is_one(self) -> Self:
        level = self.compression_params.level
        if level is not None and level not in _LEVELS[self.compression]:
            raise ValueError(f"compression_params::level {level} is none of {self.compression}")
        return self


class HttpAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    """At most `most_read` bytes, not compressed; empty if it could not be read."""
    is_whole: bool
    """False if there was more, or if it could not be decompressed."""


class HttpClient:
    """Sends one request at a time, or several; keeps connections between them."""

    def __init__(self, config: HttpConnectionConfig, settings: Settings) -> None:
        """
        Raises:
            ConfigError: `auth` names no extension that has credentials.
        """
        self._config = config
        self._compression, self._level = Compression.NONE, None
        if isinstance(config, HttpClientConfig):
            self._compression, self._level = config.compression, config.compression_params.level
        self._authenticator = client_authenticator(config.auth, settings, f"exporters::{settings.id}")
        self._clock = settings.clock
        self._contexts: Reloading[ssl.SSLContext] | None = None
        self._proxies: dict[str, str | None] = {}
        self._headers = {"user-agent": user_agent()}
        self._headers |= {name.lower(): value.get_secret_value() for name, value in config.headers.items()}
        if self._compression is not Compression.NONE:
            self._headers["content-encoding"] = self._compression
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Leaving the block closes every connection."""
        import aiohttp  # noqa: PLC0415  see above

        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self._config.max_conns_per_host,
            force_close=self._config.disable_keep_alives,
            keepalive_timeout=None if self._config.disable_keep_alives else self._config.idle_conn_timeout,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the engine bounds each attempt
        ) as self._session:
            yield

    async def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        method: str = "POST",
        most_read: int = MOST_READ,
    ) -> HttpAnswer:
        """Compress and send `body`, with `headers` (lower-case names) beside those of the configuration.

        The answer may be a refusal; no more than `most_read` bytes of it are read.

        Raises:
            RetryableError: there was no answer, or only a part of it.
        """
        compressed = await self._compressed(body)
        all_headers = {**self._headers, **headers, "content-type": content_type}
        return await self._request(method, url, io.BytesIO(compressed), all_headers, most_read)

    async def get(self, url: str, *, most_read: int = MOST_READ) -> HttpAnswer:
        """Ask for what is at `url`; see `post`."""
        headers = {name: value for name, value in self._headers.items() if name != "content-encoding"}
        return await self._request("GET", url, None, headers, most_read)

    async def _request(
        self, method: str, url: str, data: io.BytesIO | None, headers: Mapping[str, str], most_read: int
    ) -> HttpAnswer:
        import aiohttp  # noqa: PLC0415  see above

        if self._session is None:
            raise RuntimeError("the client has not been started")
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers={**headers, **self._credentials()},
                allow_redirects=False,
                proxy=self._proxy(url),
                ssl=self._context(url),
                server_hostname=self._config.tls.server_name_override or None,
            ) as response:
                return await _read(response, most_read)
        except (aiohttp.ClientError, OSError, ConfigError) as error:  # a file of certificates may be there again later
            raise RetryableError(readable(f"{_place(url)}: {_cause(error)}")) from error

    def _credentials(self) -> Mapping[str, str]:
        return self._authenticator.credentials() if self._authenticator else {}

    async def _compressed(self, body: bytes) -> bytes:
        if len(body) < LARGE or self._compression is Compression.NONE:
            return compress(body, self._compression, self._level)
        return await asyncio.to_thread(compress, body, self._compression, self._level)

    def _context(self, url: str) -> ssl.SSLContext | bool:
        if not url.startswith("https:"):
            return True
        if self._contexts is None:
            self._contexts = Reloading(self._config.tls, self._config.tls.context, self._clock)
        return self._contexts.current()

    def _proxy(self, url: str) -> str | None:
        if url not in self._proxies:
            given = self._config.proxy_url.get_secret_value()
            self._proxies[url] = given or _proxy_of_the_environment(url)
        return self._proxies[url]


async def _read(response: aiohttp.ClientResponse, most: int) -> HttpAnswer:
    import aiohttp  # noqa: PLC0415  see above

    received, is_whole = bytearray(), True
    try:
        while len(received) <= most and (chunk := await response.content.read(MOST_READ)):
            received += chunk
    except aiohttp.ClientPayloadError:
        if response.status < 300:  # whether it was accepted is said at the end
            raise
        is_whole = False
    if len(received) > most:
        response.close()
        is_whole = False
    try:
        body = decompress(bytes(received[:most]), response.headers.get("Content-Encoding", ""), limit=most)
    except BadInput:
        body, is_whole = b"", False
    return HttpAnswer(response.status, response.headers, body, is_whole)


def _proxy_of_the_environment(url: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  aiohttp has it by then

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return proxy if proxy and not proxy_bypass(parts.netloc.rpartition("@")[2]) else None


def _place(url: str) -> str:
    """Return a URL without the user and password that it may have."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
