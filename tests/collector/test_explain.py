"""Asking a collector why a trace was kept or dropped, through its metrics server and the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from collector.api import ComponentID
from collector.cli import main
from collector.metrics_server import is_loopback, serve_metrics
from collector.net.endpoint import Endpoint
from collector.telemetry import Telemetry
from collector.trace_ids import parse_trace_id

KNOWN = "5b8efff798038103d269b633813fc60c"
UNKNOWN = "0" * 31 + "1"
DECISION = {
    "decision": "not_sampled",
    "policy": None,
    "because": "decision_wait",
    "spans": 3,
    "policies": [{"policy": "slow", "vote": "not_sampled", "values": {"duration_ms": 12.5, "name": "\x1b[2J"}}],
}


class Decider:
    """
    Knows of one trace.
    """

    def decisions_on(self, trace_id: bytes) -> list[dict[str, Any]]:
        return [DECISION] if trace_id.hex() == KNOWN else []


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """
    Of a collector with one component in two pipelines.
    """
    twice = [(ComponentID("tail_sampling"), Decider())] * 2
    async with serve_metrics(Telemetry(), Endpoint("127.0.0.1", 0), twice) as server:
        yield f"127.0.0.1:{server.port}"


async def get(address: str, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{address}{path}", headers=headers) as response,
    ):
        return response.status, json.loads(await response.read() or b"null")


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["explain", *arguments])


async def test_the_server_says_what_was_decided_once_for_each_component(address: str) -> None:
    status, answer = await get(address, f"/explain/{KNOWN}")

    assert (status, answer["decisions"]) == (200, [{"component": "tail_sampling", **DECISION}])


async def test_a_trace_of_which_nothing_is_known_is_not_found(address: str) -> None:
    status, answer = await get(address, f"/explain/{UNKNOWN}")

    assert (status, answer["asked"]) == (404, ["tail_sampling"])
    assert "nothing is known of this trace" in answer["error"]


async def test_a_collector_that_decides_on_nothing_says_so() -> None:
    async with serve_metrics(Telemetry(), Endpoint("127.0.0.1", 0)) as server:
        status, answer = await get(f"127.0.0.1:{server.port}", f"/explain/{KNOWN}")

    assert (status, answer["error"]) == (404, "no component of this collector decides on traces")


@pytest.mark.parametrize("bad", ["", "xyz", "0" * 32, KNOWN + "00", "../metrics"])
async def test_what_is_no_trace_id_is_a_bad_request(address: str, bad: str) -> None:
    status, answer = await get(address, f"/explain/{bad}" if "/" not in bad else "/explain/..%2Fmetrics")

    assert (status, "is not a trace id" in answer["error"]) == (400, True)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8888", "localhost.evil.example", "", "10.0.0.1:8888"])
async def test_a_web_page_that_comes_by_another_name_is_told_nothing(address: str, host: str) -> None:
    status, answer = await get(address, f"/explain/{KNOWN}", Host=host)

    assert (status, "decisions" in answer) == (403, False)


@pytest.mark.parametrize("host", ["localhost:8888", "LOCALHOST", "[::1]:8888", "127.0.0.2"])
async def test_every_name_of_the_loopback_will_do(address: str, host: str) -> None:
    status, _ = await get(address, f"/explain/{KNOWN}", Host=host)

    assert status == 200


async def test_decisions_cannot_be_posted(address: str) -> None:
    status, _ = await get(address, f"/explain/{KNOWN}", "POST")

    assert status == 405


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("::ffff:10.0.0.1", False)],
)
def test_tells_this_machine_from_others(host: str, *, is_here: bool) -> None:
    assert is_loopback(host) is is_here


@pytest.mark.parametrize(
    "text",
    [KNOWN, KNOWN.upper(), "5b8efff7-9803-8103-d269-b633813fc60c", f"00-{KNOWN}-00f067aa0ba902b7-01", f" {KNOWN}\n"],
)
def test_ids_are_read_as_people_write_them(text: str) -> None:
    assert parse_trace_id(text).hex() == KNOWN


async def test_the_command_says_what_each_policy_voted_in_one_line(address: str, capsys: Any) -> None:
    code = await command(KNOWN.upper(), "--address", address)

    printed = capsys.readouterr().out
    assert code == 0
    assert printed.startswith(f"{KNOWN}: not sampled by tail_sampling\n")
    assert "    slow  not sampled         duration_ms=12.5, name=\\x1b[2J\n" in printed


async def test_the_command_writes_json_for_programs(address: str, capsys: Any) -> None:
    code = await command(KNOWN, "--json", "--address", address)

    assert (code, json.loads(capsys.readouterr().out)["trace_id"]) == (0, KNOWN)


async def test_the_command_finds_the_address_in_the_configuration(address: str, capsys: Any, tmp_path: Any) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "receivers: {otlp: {protocols: {http: {endpoint: 'localhost:0'}}}}\nexporters: {debug: {}}\n"
        f"service: {{telemetry: {{metrics: {{address: '{address}'}}}},"
        " pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n"
    )

    code = await command(UNKNOWN, "--config", str(config))

    assert (code, "nothing is known of this trace" in capsys.readouterr().out) == (1, True)


async def test_the_command_works_through_a_unix_socket(capsys: Any, tmp_path: Any) -> None:
    path = tmp_path / "s"
    async with serve_metrics(Telemetry(), Endpoint(path=str(path)), [(ComponentID("tail_sampling"), Decider())]):
        code = await command(KNOWN, "--address", f"unix:{path}")

    assert (code, KNOWN in capsys.readouterr().out) == (0, True)


async def test_a_collector_that_does_not_run_is_said_to_be_out_of_reach(address: str, capsys: Any) -> None:
    async with serve_metrics(Telemetry(), Endpoint("127.0.0.1", 0)) as server:
        gone = f"127.0.0.1:{server.port}"

    code = await command(KNOWN, "--address", gone)

    assert code == 1
    assert f"no collector answers at {gone}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("not-an-id",), (KNOWN, "--address", "nowhere")])
async def test_what_cannot_be_asked_is_a_mistake_of_the_command_line(arguments: tuple[str, ...], capsys: Any) -> None:
    assert await command(*arguments) == 2
    assert capsys.readouterr().err
