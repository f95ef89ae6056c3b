"""Serve the collector's own metrics to Prometheus, and to whoever sits here why a trace was kept or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeAlias

import orjson
from aiohttp import web

from collector.api import ComponentID, HasDecisions
from collector.net.endpoint import Endpoint
from collector.net.http_server import Server
from collector.net.pages import serve_pages
from collector.telemetry import Telemetry, exposition
from collector.trace_ids import parse_trace_id

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EXPLAIN = "/explain/"
Deciders: TypeAlias = Iterable[tuple[ComponentID, HasDecisions]]


def serve_metrics(
    telemetry: Telemetry, endpoint: Endpoint, deciders: Deciders = ()
) -> AbstractAsyncContextManager[Server]:
    """Answer `/metrics` for as long as the block lasts, and on the loopback `/explain/TRACE_ID`.

    Args:
        telemetry: what is served.
        endpoint: where.
        deciders: whom to ask about traces; a component that runs in several pipelines may be there more than once.

    Raises:
        OSError: nothing can listen there; says why.
    """
    asked = list(deciders)

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/metrics":
            return web.Response(body=exposition(telemetry).encode(), headers={"Content-Type": CONTENT_TYPE})
        if request.path.startswith(EXPLAIN):
            return _explain(request, asked)
        return web.Response(status=404)

    return serve_pages(answer, endpoint)


def _explain(request: web.BaseRequest, deciders: Deciders) -> web.Response:
    """What policies looked at is nobody's business but that of who sits here.

    Not even that of a web page which has the browser of who sits here ask, under a name that leads to this machine:
    such a request says that name in its Host.
    """
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not (_is_loopback_peer(peer) and is_loopback(_host_of(request.headers.get("Host", "")))):
        return _json(403, {"error": "asked from another machine, or by another name than localhost"})
    if request.method != "GET":
        return _json(405, {"error": "only GET"})
    try:
        trace_id = parse_trace_id(request.path.removeprefix(EXPLAIN))
    except ValueError as error:
        return _json(400, {"error": str(error)})
    return _json(*_decisions(trace_id, list(deciders)))


def _decisions(trace_id: bytes, deciders: list[tuple[ComponentID, HasDecisions]]) -> tuple[int, Mapping[str, Any]]:
    names = list(dict.fromkeys(str(id_) for id_, _ in deciders))
    found: list[dict[str, Any]] = []
    for id_, component in deciders:
        for decision in component.decisions_on(trace_id):
            if (named := {"component": str(id_), **decision}) not in found:
                found.append(named)
    answer = {"trace_id": trace_id.hex(), "decisions": found, "asked": names}
    if found:
        return 200, answer
    if not names:
        return 404, {**answer, "error": "no component of this collector decides on traces"}
    why = "nothing is known of this trace: it did not come here, or its decision is too long ago to be remembered"
    return 404, {**answer, "error": why}


def _json(status: int, content: Mapping[str, Any]) -> web.Response:
    body = orjson.dumps(content, default=_as_text)
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})


_as_text: Callable[[Any], str] = str


def _is_loopback_peer(peer: object) -> bool:
    """A unix socket has no peer name, and whoever may open its file is here."""
    if isinstance(peer, tuple) and peer:
        return is_loopback(str(peer[0]))
    return peer == ""


def _host_of(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Say whether a name or an address is that of this machine for itself, whatever a name server says."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
