"""Ask a running collector why it kept or dropped a trace: the command `pyotelcol explain`."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

import orjson

from collector.net.endpoint import Endpoint
from collector.trace_ids import parse_trace_id

_PATIENCE = 5.0
"""Seconds."""
_LARGEST = 16 << 20
_EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  compared with, not listened on


class UnreachableError(Exception):
    """No collector answers there; says why and what to do."""


def ask(trace_id: str, address: str) -> tuple[bool, dict[str, Any]]:
    """Return whether anything is known of a trace, and the answer as it came.

    Args:
        trace_id: as people write it.
        address: of the collector's own metrics: `host:port` or `unix:PATH`.

    Raises:
        ValueError: that is not a trace id, or not an address.
        UnreachableError: the collector does not answer, or refuses to.
    """
    digits, endpoint = parse_trace_id(trace_id).hex(), Endpoint.parse(address)
    try:
        status, body = _get(endpoint, f"/explain/{digits}")
        answer = orjson.loads(body)
    except OSError as error:
        advice = "is it running, and is this its service::telemetry::metrics::address?"
        raise UnreachableError(f"no collector answers at {address} ({error.strerror or error}); {advice}") from error
    except (HTTPException, orjson.JSONDecodeError) as error:
        raise UnreachableError(f"what answers at {address} is not a collector that explains decisions") from error
    if status not in (200, 404) or not isinstance(answer, dict) or "decisions" not in answer:
        said = answer.get("error") if isinstance(answer, dict) else None
        raise UnreachableError(f"the collector at {address} answers {status}: {said or 'nothing that explains it'}")
    return status == 200, answer


def _get(endpoint: Endpoint, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("localhost", timeout=_PATIENCE)
    connection.sock = _connected(endpoint)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(_LARGEST)
    finally:
        connection.close()


def _connected(endpoint: Endpoint) -> socket.socket:
    if not endpoint.path:
        host = "localhost" if endpoint.host in _EVERY_ADDRESS else endpoint.host
        return socket.create_connection((host, endpoint.port), timeout=_PATIENCE)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(_PATIENCE)
    try:
        connected.connect(endpoint.path)
    except OSError:
        connected.close()
        raise
    return connected


def describe(answer: Mapping[str, Any]) -> str:
    """Write an answer for people, with a newline at its end."""
    if not answer["decisions"]:
        asked = ", ".join(answer.get("asked", []))
        return f"{answer['trace_id']}: {answer['error']}" + (f" (asked: {asked})" if asked else "") + "\n"
    return "\n".join(line for decision in answer["decisions"] for line in _lines(answer["trace_id"], decision)) + "\n"


def _lines(trace_id: str, decision: Mapping[str, Any]) -> Iterator[str]:
    yield f"{trace_id}: {str(decision.get('decision', 'not decided')).replace('_', ' ')} by {decision['component']}"
    rows = {key: value for key, value in decision.items() if key not in ("component", "decision", "policies")}
    for key, value in rows.items():
        yield f"  {key.replace('_', ' '):<15} {_text(value)}"
    votes = decision.get("policies") or []
    width = max((len(vote["policy"]) for vote in votes), default=0)
    for vote in votes:
        values = ", ".join(f"{key}={_text(value)}" for key, value in (vote.get("values") or {}).items())
        yield f"    {vote['policy']:<{width}}  {vote['vote'].replace('_', ' '):<19} {values}".rstrip()


def _text(value: object) -> str:
    """Write a value in one line that no terminal takes for a command: attributes are what senders want them to be."""
    text = "none" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
