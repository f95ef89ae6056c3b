"""Items per CPU-second, ours and the peer's in turn: whatever else the machine does meets both."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.figures import Figure, Target, in_microseconds
from bench.load import Order
from bench.processes import Cores
from bench.rig import Rig, Round, rig
from bench.scenario import Load, ThroughputScenario

CONNECTIONS = 8
"""Clients, each with one request under way, as an SDK's exporter has."""
PEER_AT_REFERENCE = 7.5
"""Microseconds of CPU that the peer takes to pass on a span of a large request, on the machine of the first results."""
WARM_UP = 1.0
_REQUESTS = 1_000_000_000
"""More than one round sends."""


def measure(
    scenario: ThroughputScenario, cores: Cores, *, rounds: int, seconds: float, connections: int, with_peer: bool
) -> Iterator[Figure]:
    """Yield one figure for each load of the scenario."""
    for load in scenario.loads:
        with rig(scenario, cores, with_peer=with_peer) as its:
            yield _figure(scenario, load, _rounds(its, scenario.protocol, load, rounds, seconds, connections))


def _rounds(
    its: Rig, protocol: str, load: Load, rounds: int, seconds: float, connections: int
) -> dict[str, list[Round]]:
    done: dict[str, list[Round]] = {relay.name: [] for relay in its.relays}
    for number in range(rounds + 1):
        for relay in its.relays:
            order = Order(
                protocol=protocol,
                port=relay.port(protocol),
                payload=load.payload,
                items=load.items,
                seconds=seconds if number else min(WARM_UP, seconds),
                connections=connections,
                first=number * _REQUESTS,
            )
            result = its.give(relay, order)
            if number:
                done[relay.name].append(result)
    return done


def _figure(scenario: ThroughputScenario, load: Load, done: dict[str, list[Round]]) -> Figure:
    ours, *others = done.values()
    rates = [r.rate for r in ours]
    theirs = [r.rate for r in others[0]] if others else []
    ratios = [own / other for own, other in zip(rates, theirs, strict=False)]
    common: dict[str, Any] = {
        "scenario": scenario.name,
        "what": f"{load.payload.replace('_', ' ')}, {load.items} per request",
        "ratio": median(ratios) if ratios else None,
        "ratio_spread": (min(ratios), max(ratios)) if ratios else None,
        "rounds": {name: [r.as_json() for r in results] for name, results in done.items()},
    }
    if load.microseconds_at_most:
        slowness = 1e6 / median(theirs) / PEER_AT_REFERENCE if theirs else None
        return in_microseconds(rates, theirs, load.microseconds_at_most, slowness=slowness, **common)
    return Figure(
        unit="items/CPU-s",
        ours=median(rates),
        spread=(min(rates), max(rates)),
        peer=median(theirs) if theirs else None,
        target=Target(at_least=load.ratio_at_least) if load.ratio_at_least else None,
        on_ratio=True,
        **common,
    )
