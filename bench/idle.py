"""What the collector costs while nothing arrives, and how long it takes to check a configuration."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench import processes
from bench.figures import Figure, Target
from bench.processes import BrokenError, Cores, Relay
from bench.scenario import IdleScenario

SETTLING = 2.0


def measure(scenario: IdleScenario, cores: Cores, *, rounds: int, seconds: float, with_peer: bool) -> Iterator[Figure]:
    """Yield memory and CPU at rest, then the time that `validate` takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _at_rest(scenario, cores, folder, seconds, with_peer=with_peer)
        yield _validation(scenario, folder, rounds)


def _at_rest(
    scenario: IdleScenario, cores: Cores, folder: Path, seconds: float, *, with_peer: bool
) -> Iterator[Figure]:
    (nobody,) = processes.free_ports(1)  # exporters connect when they have something to send
    relays: list[Relay] = []
    try:
        with cores.measured():
            relays.append(processes.collector(scenario.collector, nobody, folder, "grpc"))
            if with_peer and (peer := processes.peer(scenario.peer, nobody, folder, "grpc")):
                relays.append(peer)
        time.sleep(SETTLING)
        measured = _watch(relays, seconds)
    finally:
        for relay in relays:
            relay.stop()
    for what, unit, values, target in (
        ("memory (RSS), idle", "MiB", measured.memory, Target(below=scenario.rss_mib_below)),
        ("memory without libraries' files, idle", "MiB", measured.own_memory, None),
        ("CPU, idle", "% of a core", measured.cpu, None),
    ):
        own, *others = values
        yield Figure(scenario.name, what, unit, own, (own, own), others[0] if others else None, target=target)


class _AtRest(NamedTuple):
    """Of each relay, ours first."""

    memory: list[float]
    own_memory: list[float]
    cpu: list[float]


def _watch(relays: list[Relay], seconds: float) -> _AtRest:
    before = [relay.cpu_seconds() for relay in relays]
    time.sleep(seconds)
    after = [relay.cpu_seconds() for relay in relays]
    return _AtRest(
        memory=[relay.rss_mib() for relay in relays],
        own_memory=[relay.own_mib() for relay in relays],
        cpu=[(b - a) / seconds * 100 for a, b in zip(before, after, strict=True)],
    )


def _validation(scenario: IdleScenario, folder: Path, rounds: int) -> Figure:
    command = processes.command(scenario.collector, folder, "validate")
    environment = {**os.environ, **processes.ports(sink=1)}
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - started)
        if result.returncode:
            raise BrokenError(f"validate: {result.stderr}")
    return Figure(
        scenario=scenario.name,
        what="pyotelcol validate",
        unit="s",
        ours=median(times),
        spread=(min(times), max(times)),
        target=Target(below=scenario.validate_seconds_below),
        rounds={"pyotelcol": [{"seconds": value} for value in times]},
    )
