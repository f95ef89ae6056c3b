"""One scenario set up: sink, load generator, collector and peer, running side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import processes
from bench.load import Order
from bench.payloads import KINDS
from bench.processes import BrokenError, Cores, Relay, Tool
from bench.scenario import LatencyScenario, ThroughputScenario

_ARRIVAL_DEADLINE = 20.0
_POLL = 0.02
_POLL_DROPS = 0.2


@dataclass(frozen=True)
class Round:
    """One load given to one relay, until everything that it accepted has arrived at the sink."""

    accepted: int
    received: int
    refused: int
    requests: int
    seconds: float
    cpu_seconds: float
    """Of the relay, from the first request until the last arrival."""
    busy: float
    """The part of the sending time that the relay computed; 1 is one core."""
    generator_busy: float
    sink_busy: float
    ages: list[list[float]]
    """Seconds between sending and arrival, by batch and request, where requests are stamped."""
    late: int

    @property
    def rate(self) -> float:
        """Items per CPU-second."""
        return self.accepted / self.cpu_seconds

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "ages"} | {
            "items_per_cpu_second": self.rate
        }


class Rig:
    def __init__(self, sink: Tool, generator: Tool, relays: list[Relay], drops: Collection[str] = ()) -> None:
        self._sink = sink
        self._generator = generator
        self._drops = drops
        self.relays = relays
        """Ours first; the peer if there is one."""

    def give(self, relay: Relay, order: Order) -> Round:
        """Send a load through a relay and account for all of it.

        Raises:
            BrokenError: something was lost, duplicated or left unanswered.
        """
        signal, drops = KINDS[order.payload].signal, self._drops if self.relays[:1] == [relay] else ()
        dropped = relay.dropped(signal, drops) if drops else 0
        before, cpu = self._sink.ask(), relay.cpu_seconds()
        sent = self._generator.ask(asdict(order))
        arrival = _Arrival(self._sink, relay, signal, before, drops, dropped)
        after, received, ages = arrival.wait_for(sent["accepted"])
        if received != sent["accepted"] or sent["unanswered"]:
            raise BrokenError(
                f"{relay.name} accepted {sent['accepted']} items and left {sent['unanswered']} requests unanswered; "
                f"{received} items arrived. {relay.log_tail()}"
            )
        used = relay.cpu_seconds() - cpu
        return Round(
            accepted=sent["accepted"],
            received=received,
            refused=sent["refused"],
            requests=sent["requests"],
            seconds=sent["seconds"],
            cpu_seconds=used,
            busy=used / sent["seconds"],
            generator_busy=sent["cpu_seconds"] / sent["seconds"],
            sink_busy=(after["cpu_seconds"] - before["cpu_seconds"]) / sent["seconds"],
            ages=ages,
            late=sent["late"],
        )


@dataclass
class _Arrival:
    """What has become of the items of one order so far: arrived at the sink, or dropped as the relay was told to."""

    sink: Tool
    relay: Relay
    signal: str
    before: dict[str, Any]
    drops: Collection[str]
    dropped_before: int

    def wait_for(self, accepted: int) -> tuple[dict[str, Any], int, list[list[float]]]:
        """Return the sink's last report, how many items are accounted for, and ages; gives up at a deadline."""
        deadline, ages = time.monotonic() + _ARRIVAL_DEADLINE, []
        arrived = -1
        while True:
            now = self.sink.ask()
            ages += now["ages"]
            last, arrived = arrived, now["items"].get(self.signal, 0) - self.before["items"].get(self.signal, 0)
            received = arrived + (self._dropped() if arrived == last else 0)  # asking costs the relay time
            if received >= accepted or time.monotonic() > deadline:
                return now, received, ages
            time.sleep(_POLL_DROPS if self.drops else _POLL)

    def _dropped(self) -> int:
        return self.relay.dropped(self.signal, self.drops) - self.dropped_before if self.drops else 0


@contextmanager
def rig(
    scenario: ThroughputScenario | LatencyScenario, cores: Cores, *, with_peer: bool, stamped: bool = False
) -> Iterator[Rig]:
    """Start everything a scenario needs, and stop it.

    Raises:
        BrokenError: something does not start, or does not stop.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        with cores.tools():
            sink = Tool("bench.sink", *(["--stamped"] if stamped else []))
            stack.callback(sink.stop)
            generator = Tool("bench.load")
            stack.callback(generator.stop)
        port = sink.hear()["port"]
        with cores.measured():
            started = [processes.collector(scenario.collector, port, folder, scenario.protocol)]
            stack.callback(started[0].stop)
            if with_peer and (peer := processes.peer(scenario.peer, port, folder, scenario.protocol)):
                stack.callback(peer.stop)
                started.append(peer)
        yield Rig(sink, generator, started, getattr(scenario, "drops", ()))
