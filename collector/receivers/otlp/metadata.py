"""What is kept of a request besides its data, if the receiver was told to: its headers, and who sent it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from collector.batch import CLIENT_ADDRESS
from collector.net.authentication import headers_of


def metadata_of(headers: Iterable[tuple[str, Any]], address: str) -> dict[str, str]:
    """Return headers by lower-case name, and the address of the client, which no header can pretend to be.

    Args:
        headers: of the request.
        address: of the client; empty if it has none, as behind a Unix socket.
    """
    metadata = headers_of(headers)
    metadata.pop(CLIENT_ADDRESS, None)
    if address:
        metadata[CLIENT_ADDRESS] = _plain(address)
    return metadata


def address_in(peer: str) -> str:
    """Return the address in gRPC's name of a peer, without the port: `ipv4:10.0.0.1:5000`, `ipv6:%5B::1%5D:5000`."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return unquote(rest.rpartition(":")[0]).strip("[]")


def _plain(address: str) -> str:
    """Return an IPv4 address as such where a socket for both versions wraps it (RFC 4291, 2.5.5.2)."""
    inner = address.removeprefix("::ffff:")
    return inner if "." in inner else address
