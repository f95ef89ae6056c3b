"""Certificates and keys from the configuration to what aiohttp (an SSLContext) and grpcio (credentials) take.

Every file is read when the configuration is checked, so that a wrong path is a line in the list of mistakes and not a
connection that fails at night.  Files that change later are loaded aside and taken only if they are good.
"""

from __future__ import annotations

import enum
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from collector.api import Clock, ComponentConfig
from collector.config_types import Duration
from collector.errors import ConfigError

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Where distributions keep the certificates they trust, for grpcio, which brings its own list otherwise
_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Version(enum.StrEnum):
    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


_VERSIONS = {Version.TLS_1_2: ssl.TLSVersion.TLSv1_2, Version.TLS_1_3: ssl.TLSVersion.TLSv1_3}
_Version = Annotated[Version, BeforeValidator(lambda v: str(v) if isinstance(v, float) else v)]


class TLS(ComponentConfig):
    """What clients and servers have in common."""

    cert_file: Path | None = Field(default=None, description="PEM file of the own certificate and its chain.")
    cert_pem: str | None = Field(default=None, description="The own certificate and its chain, as PEM text.")
    key_file: Path | None = Field(default=None, description="PEM file of the own private key, without a password.")
    key_pem: SecretStr | None = Field(default=None, description="The own private key, as PEM text.")
    min_version: _Version = Field(default=Version.TLS_1_2, description="Oldest version of TLS that is spoken.")
    max_version: _Version = Field(default=Version.TLS_1_3, description="Newest version of TLS that is spoken.")
    reload_interval: Duration = Field(
        default=0.0,
        description="How often changed files are looked for, and then used for new connections; 0 for never.",
    )

    @model_validator(mode="after")
    def _identity_is_whole(self) -> Self:
        if (self.cert_file and self.cert_pem) or (self.key_file and self.key_pem):
            raise ValueError("give cert_file or cert_pem, and key_file or key_pem, not both")
        if bool(self.cert_file or self.cert_pem) != bool(self.key_file or self.key_pem):
            raise ValueError("a certificate needs its key, and a key its certificate")
        if self.min_version > self.max_version:
            raise ValueError("min_version is newer than max_version")
        return self

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        return [path for path in (self.cert_file, self.key_file) if path]

    def identity(self) -> tuple[bytes, bytes] | None:
        """Return the own certificate and key as PEM; None if there are none.

        Raises:
            ConfigError: a file cannot be read.
        """
        if not (self.cert_file or self.cert_pem):
            return None
        key = self.key_pem.get_secret_value() if self.key_pem else None
        certificate = _text("cert_file", self.cert_file, self.cert_pem)
        return certificate or b"", _text("key_file", self.key_file, key) or b""

    def _new_context(self, side: int) -> ssl.SSLContext:
        context = ssl.SSLContext(side)
        context.minimum_version = _VERSIONS[self.min_version]
        context.maximum_version = _VERSIONS[self.max_version]
        if identity := self.identity():
            where = f"cert_file {self.cert_file or 'given as text'} and key_file {self.key_file or 'given as text'}"
            with _named(where), ExitStack() as files:  # the ssl module reads files only
                certificate = self.cert_file or files.enter_context(_temporary(identity[0]))
                key = self.key_file or files.enter_context(_temporary(identity[1]))
                context.load_cert_chain(certificate, key, password="")  # never ask for one on the terminal
        return context


class ClientTLS(TLS):
    """The keys under `tls:` of a component that connects."""

    insecure: bool = Field(
        default=False, description="Whether to send in plain text. An https:// endpoint is secured all the same."
    )
    insecure_skip_verify: bool = Field(
        default=False, description="Whether any certificate of the server is taken, of whatever name and authority."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that the server is checked with, not the system's."
    )
    ca_pem: str | None = Field(default=None, description="The authorities, as PEM text.")
    include_system_ca_certs_pool: bool = Field(
        default=False, description="Whether the system's authorities are trusted beside the given ones."
    )
    server_name_override: str = Field(default="", description="The name the server's certificate must have.")

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Self:
        if self.ca_file and self.ca_pem:
            raise ValueError("give ca_file or ca_pem, not both")
        if self.files or self.cert_pem or self.ca_pem is not None:
            _as_value_error(self.context)
        return self

    @property
    def files(self) -> list[Path]:
        return [*super().files, *([self.ca_file] if self.ca_file else [])]

    def authorities(self) -> bytes | None:
        """Return the given authorities as PEM; None if there are none.

        Raises:
            ConfigError: the file cannot be read.
        """
        return _text("ca_file", self.ca_file, self.ca_pem)

    def context(self) -> ssl.SSLContext:
        """Return what an HTTP client connects with.

        Raises:
            ConfigError: a file is missing or is not what it should be; names it.
        """
        context = self._new_context(ssl.PROTOCOL_TLS_CLIENT)
        if self.insecure_skip_verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        authorities = self.authorities()
        if authorities is None or self.include_system_ca_certs_pool:
            context.load_default_certs()
        if authorities is not None:
            _trust(context, authorities, f"ca_file {self.ca_file}" if self.ca_file else "ca_pem")
        return context

    def credentials(self) -> Any:
        """Return what a gRPC channel connects with.

        Raises:
            ConfigError: as `context`.
        """
        import grpc  # noqa: PLC0415  an HTTP client does without

        self.context()  # grpc takes any bytes without a word
        roots = self.authorities()
        if roots is None or self.include_system_ca_certs_pool:
            roots = b"\n".join(filter(None, (roots, _system_authorities()))) or None
        certificate, key = self.identity() or (None, None)
        return grpc.ssl_channel_credentials(roots, key, certificate)


class ServerTLS(TLS):
    """The keys under `tls:` of a component that listens."""

    client_ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities whose clients may connect; absent lets everybody."
    )

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Self:
        if not (self.cert_file or self.cert_pem):
            raise ValueError("a server needs cert_file and key_file, or cert_pem and key_pem")
        _as_value_error(self.fixed_context)
        return self

    @property
    def files(self) -> list[Path]:
        return [*super().files, *([self.client_ca_file] if self.client_ca_file else [])]

    def context(self, clock: Clock) -> ssl.SSLContext:
        """Return what an HTTP server listens with; each handshake uses the files as they were last found good.

        Raises:
            ConfigError: a file is missing or is not what it should be; names it.
        """
        context = self.fixed_context()
        if self.reload_interval:
            contexts = Reloading(self, self.fixed_context, clock)

            def use_current(connection: Any, name: str | None, listening: ssl.SSLContext) -> None:
                connection.context = contexts.current()

            context.sni_callback = use_current
        return context

    def fixed_context(self) -> ssl.SSLContext:
        """Return a context of the files as they are now.

        Raises:
            ConfigError: as `context`.
        """
        context = self._new_context(ssl.PROTOCOL_TLS_SERVER)
        if (clients := _text("client_ca_file", self.client_ca_file, None)) is not None:
            _trust(context, clients, f"client_ca_file {self.client_ca_file}")
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def credentials(self, clock: Clock) -> Any:
        """Return what a gRPC server listens with; each handshake uses the files as they were last found good.

        Raises:
            ConfigError: as `context`.
        """
        import grpc  # noqa: PLC0415  an HTTP server does without

        files = Reloading(self, self._certificate_configuration, clock)
        must_authenticate = self.client_ca_file is not None
        return grpc.dynamic_ssl_server_credentials(files.current(), files.current, must_authenticate)

    def _certificate_configuration(self) -> Any:
        import grpc  # noqa: PLC0415  as above

        self.fixed_context()  # grpc takes any bytes without a word
        certificate, key = self.identity() or (b"", b"")
        clients = _text("client_ca_file", self.client_ca_file, None)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], clients)


class Reloading(Generic[T]):
    """What was made of a component's files: made again when they have changed, kept if the new ones are no good."""

    def __init__(self, tls: TLS, load: Callable[[], T], clock: Clock) -> None:
        """
        Raises:
            ConfigError: the files are no good from the start.
        """
        self._tls = tls
        self._load = load
        self._clock = clock
        self._seen = self._fingerprint()
        self._current = load()
        self._looked = clock.monotonic()

    def current(self) -> T:
        """Return the last good one; looks at the files at most once in `reload_interval`."""
        interval, now = self._tls.reload_interval, self._clock.monotonic()
        if interval and now - self._looked >= interval:
            self._looked = now
            self._look_again()
        return self._current

    def _look_again(self) -> None:
        found = self._fingerprint()
        if found == self._seen:
            return
        self._seen = found
        try:
            self._current = self._load()
        except ConfigError as error:
            logger.error("changed certificates are not used, the former ones stay: %s", error)

    def _fingerprint(self) -> list[tuple[int, int, int] | None]:
        return [_state(path) for path in self._tls.files]


def check_grpc_can(tls: TLS) -> None:
    """Refuse what grpc's own TLS does not offer.

    Raises:
        ValueError: says what to do instead.
    """
    if (tls.min_version, tls.max_version) != (Version.TLS_1_2, Version.TLS_1_3):
        raise ValueError("grpc speaks TLS 1.2 and 1.3; min_version and max_version cannot be set")
    if isinstance(tls, ClientTLS) and tls.insecure_skip_verify:
        text = "grpc always verifies: give the server's own certificate as ca_file, and server_name_override if needed"
        raise ValueError(f"insecure_skip_verify cannot be set; {text}")


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _as_value_error(load: Callable[[], object]) -> None:
    """Pydantic reports these with the place in the configuration."""
    try:
        load()
    except ConfigError as error:
        raise ValueError(str(error)) from None


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        text = "the key is not that of the certificate" if mismatch else f"not what it should be in PEM: {error}"
        raise ConfigError(f"{what}: {text}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what}: {getattr(error, 'strerror', None) or error}") from None


def _text(key: str, path: Path | None, pem: str | None) -> bytes | None:
    if path is None:
        return None if pem is None else pem.encode()
    with _named(f"{key} {path}"):
        return path.read_bytes()


@contextmanager
def _temporary(pem: bytes) -> Iterator[Path]:
    """A file that only this user can read, gone when the block ends."""
    with TemporaryDirectory(prefix="pyotelcol-") as directory:
        path = Path(directory, "pem")
        path.touch(mode=0o600)
        path.write_bytes(pem)
        yield path


def _trust(context: ssl.SSLContext, authorities: bytes, where: str) -> None:
    with _named(where):
        context.load_verify_locations(cadata=authorities.decode("ascii", "replace").replace("\ufffd", "?"))


def _system_authorities() -> bytes | None:
    paths = ssl.get_default_verify_paths()
    bundles = (Path(path) for path in (paths.cafile, *_SYSTEM_BUNDLES) if path)
    return next((path.read_bytes() for path in bundles if path.is_file()), None)
