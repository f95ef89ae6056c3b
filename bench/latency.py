"""How much later data arrives because of the collector, and how much memory it takes at a steady rate.

Each request carries the time at which it was sent. The first request of a batch waits for the batch's timeout, by
configuration; what its age at the sink has beyond that is added. One batch gives one measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event, Thread

from bench.figures import Figure, Target
from bench.load import Order
from bench.processes import Cores, Relay
from bench.rig import Rig, Round, rig
from bench.scenario import LatencyScenario

CONNECTIONS = 4
_UNITS = {"traces": "spans", "metrics": "points", "logs": "records"}


def measure(scenario: LatencyScenario, cores: Cores, *, seconds: float, with_peer: bool) -> Iterator[Figure]:
    """Yield the added latency's median and 99th percentile, and the memory at the end."""
    with rig(scenario, cores, with_peer=with_peer, stamped=True) as its:
        measured = [_run(its, relay, scenario, seconds) for relay in its.relays]
        names = [relay.name for relay in its.relays]
    added = [sorted(max(ages) - scenario.batch_timeout for ages in round_.ages) for round_, _ in measured]
    rounds = {name: [round_.as_json()] for name, (round_, _) in zip(names, measured, strict=True)}
    for part, target in ((0.5, None), (0.99, scenario.p99_below)):
        yield Figure(
            scenario=scenario.name,
            what=f"added latency p{part * 100:.0f} at {scenario.rate:,} {_UNITS[scenario.load.signal]}/s",
            unit="ms",
            ours=_percentile(added[0], part) * 1e3,
            spread=(added[0][0] * 1e3, added[0][-1] * 1e3),
            peer=_percentile(added[1], part) * 1e3 if len(added) > 1 else None,
            target=Target(below=target * 1e3) if target else None,
            rounds=rounds,
        )
    memory = [samples for _, samples in measured]
    yield Figure(
        scenario=scenario.name,
        what=f"memory (RSS) at {scenario.rate:,} {_UNITS[scenario.load.signal]}/s",
        unit="MiB",
        ours=max(memory[0]),
        spread=(min(memory[0]), max(memory[0])),
        peer=max(memory[1]) if len(memory) > 1 else None,
        target=Target(below=scenario.rss_mib_below) if scenario.rss_mib_below else None,
    )


def _run(its: Rig, relay: Relay, scenario: LatencyScenario, seconds: float) -> tuple[Round, list[float]]:
    order = Order(
        protocol=scenario.protocol,
        port=relay.port(scenario.protocol),
        payload=scenario.load.payload,
        items=scenario.load.items,
        seconds=seconds,
        connections=CONNECTIONS,
        rate=scenario.rate / scenario.load.items,
    )
    finished, samples = Event(), list[float]()

    def sample() -> None:
        while not finished.wait(0.5):
            samples.append(relay.rss_mib())

    watcher = Thread(target=sample)
    watcher.start()
    try:
        return its.give(relay, order), samples
    finally:
        finished.set()
        watcher.join()


def _percentile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
