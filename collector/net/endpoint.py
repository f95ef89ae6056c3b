"""Addresses to listen on, as the Collector writes them: `host:port`, `[::1]:port`, `:port` and `unix:PATH`."""

from __future__ import annotations

import enum
import errno
import os
import re
import socket
import stat
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from collector.api import ComponentConfig

_UNIX = "unix:"
_TCP = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%\w]+)\]|(?P<name>[^\[\]:/\s]*)):(?P<port>[0-9]{1,5})")
BACKLOG = 1024
"""Connections that may wait to be accepted."""
_LONGEST_PATH = 107  # unix(7): sun_path has 108 bytes with its zero
# A host may have an address of a family that this machine does not speak
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

SocketFile = tuple[int, int, int]
"""Device, inode and time: what tells one file from another of the same path."""


class Transport(enum.StrEnum):
    TCP = "tcp"
    UNIX = "unix"


@dataclass(frozen=True)
class Endpoint:
    """A TCP address, or the path of a unix socket."""

    host: str = ""
    """Empty for every address of the machine."""
    port: int = 0
    """0 lets the system choose."""
    path: str = ""
    """Not empty for a unix socket."""

    @classmethod
    def parse(cls, text: str, transport: Transport = Transport.TCP) -> Self:
        """Read `host:port`, `[v6]:port`, `:port` or `unix:PATH`; with the unix transport, a path.

        Raises:
            ValueError: it is none of these.
        """
        if transport is Transport.UNIX or text.startswith(_UNIX):
            return cls(path=_path(text))
        parts = _TCP.fullmatch(text)
        if not parts or int(parts["port"]) > 65535:
            raise ValueError(f"{text!r} is not an address: write host:port, [::1]:port, :port or unix:PATH")
        return cls(parts["v6"] or parts["name"], int(parts["port"]))

    def with_port(self, port: int) -> Self:
        return replace(self, port=port)

    def __str__(self) -> str:
        if self.path:
            return f"{_UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def bind(self) -> list[socket.socket]:
        """Return a listening socket for every address of the host, all with the same port.

        The caller closes them, and removes the file of a unix socket with `release`.  A file of one that nobody serves
        is replaced.

        Raises:
            OSError: nothing can listen there; says where and why.
        """
        try:
            return [_bind_unix(self.path)] if self.path else _bind_tcp(self.host, self.port)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {self}: {error.strerror or error}") from None

    def file(self) -> SocketFile | None:
        """Return the file of a unix socket as it is now, to be given to `release`."""
        return _socket_file(self.path) if self.path else None

    def release(self, file: SocketFile | None) -> None:
        """Remove the file of a unix socket, unless another process has put its own there meanwhile."""
        if file and file == self.file():
            os.unlink(self.path)  # noqa: PTH108  paths of sockets are text here


class ListenConfig(ComponentConfig):
    """The keys of everything that listens."""

    endpoint: str = Field(description="Address to listen on: host:port, :port for all addresses, or unix:PATH.")
    transport: Transport = Field(
        default=Transport.TCP, description="What the endpoint is an address of; unix makes it a path."
    )

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        self.listens_on()
        return self

    def listens_on(self) -> Endpoint:
        return Endpoint.parse(self.endpoint, self.transport)


def _url_path(text: str) -> str:
    if not text.startswith("/") or any(mark in text for mark in "?#"):
        raise ValueError(f"{text!r} is not a path: it starts with /, and has no ? and no #")
    return text


UrlPath = Annotated[str, AfterValidator(_url_path)]
"""The path of a URL that is served."""


def _path(text: str) -> str:
    path = text.removeprefix(_UNIX)
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path or "\0" in path or len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(f"{text!r} is not the path of a socket: it has 1 to {_LONGEST_PATH} bytes")
    return path


def _bind_tcp(host: str, port: int) -> list[socket.socket]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    refused: OSError | None = None
    with ExitStack() as undo:
        for family, address in dict.fromkeys((info[0], info[4]) for info in found):
            try:
                # the first one chooses the port for all
                bound.append(_listening(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                refused = error
                continue
            undo.callback(bound[-1].close)
            port = bound[-1].getsockname()[1]
        if refused and not bound:
            raise refused
        undo.pop_all()
    return bound


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(BACKLOG)  # only now is it certain that nobody else does
    except OSError:
        bound.close()
        raise
    return bound


def _bind_unix(path: str) -> socket.socket:
    if _socket_file(path):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        os.unlink(path)  # noqa: PTH108  as above; left behind by a process that was killed
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(path)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _socket_file(path: str) -> SocketFile | None:
    try:
        found = os.stat(path)  # noqa: PTH116  as above
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns) if stat.S_ISSOCK(found.st_mode) else None
