"""`python -m bench`: run the scenarios, print the table, keep the results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from bench import encoding, idle, latency, processing, report, throughput
from bench.figures import Figure
from bench.processes import BrokenError, Cores
from bench.scenario import (
    EncodingScenario,
    LatencyScenario,
    ProcessingScenario,
    Scenario,
    ThroughputScenario,
    load_scenarios,
)

EXIT_OK, EXIT_BROKEN = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every scenario gave its figures, whatever they are; 1 if data was lost or a process died."""
    options = _parser().parse_args(arguments)
    cores = Cores(pin=options.pin)
    figures: list[Figure] = []
    try:
        for scenario in load_scenarios(options.scenarios):
            print(f"{scenario.name}: {scenario.description}", file=sys.stderr, flush=True)
            for figure in _figures(scenario, cores, options):
                print(
                    f"  {figure.what}: {figure.ours:,.4g} {figure.unit} {figure.verdict}", file=sys.stderr, flush=True
                )
                figures.append(figure)
    except BrokenError as error:
        print(error, file=sys.stderr)
        return EXIT_BROKEN
    print(report.text(report.table(figures)))
    if not options.quick and not options.scenarios:
        conditions = report.Conditions(options.rounds, options.seconds, cores.pinned, options.connections)
        print(f"written: bench/results/{report.write(figures, conditions).name}")
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names of files in bench/scenarios; all of them if none is named")
    parser.add_argument("--quick", action="store_true", help="one short round each; results are not kept")
    parser.add_argument("--rounds", type=int, default=5, help="how often each relay is measured, in turn")
    parser.add_argument("--seconds", type=float, default=2.5, help="how long one round sends")
    parser.add_argument(
        "--connections", type=int, default=throughput.CONNECTIONS, help="clients, each with one request under way"
    )
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="measure pyotelcol alone")
    parser.add_argument("--no-pin", dest="pin", action="store_false", help="let the system choose the cores")
    return parser


def _figures(scenario: Scenario, cores: Cores, options: argparse.Namespace) -> Iterator[Figure]:
    rounds, seconds = (1, 1.0) if options.quick else (options.rounds, options.seconds)
    if isinstance(scenario, ThroughputScenario):
        yield from throughput.measure(
            scenario,
            cores,
            rounds=rounds,
            seconds=seconds,
            connections=options.connections,
            with_peer=options.peer,
        )
    elif isinstance(scenario, LatencyScenario):
        yield from latency.measure(scenario, cores, seconds=12 * seconds, with_peer=options.peer)
    elif isinstance(scenario, EncodingScenario):
        yield from encoding.measure(scenario, cores, rounds=rounds, seconds=seconds)
    elif isinstance(scenario, ProcessingScenario):
        yield from processing.measure(scenario, cores, rounds=rounds, seconds=seconds)
    else:
        yield from idle.measure(scenario, cores, rounds=rounds, seconds=2 * seconds, with_peer=options.peer)


if __name__ == "__main__":
    sys.exit(main())
