"""The command `pyotelcol`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from collector.clock import SystemClock
from collector.config import CollectorConfig, load_config
from collector.errors import ConfigError
from collector.graph import build
from collector.service import Service
from collector.telemetry import Telemetry

EXIT_OK, EXIT_FAILED, EXIT_CONFIG, EXIT_DRAIN = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 fine, 1 a component died, 2 bad configuration, 3 not drained in time."""
    options = _parser().parse_args(arguments)
    try:
        config = load_config(options.config, options.set)
        if options.command == "validate":
            build(config, Telemetry(), SystemClock())
            return EXIT_OK
        return _run(config)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201  this is what the command prints
        return EXIT_CONFIG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pyotelcol", description="An OpenTelemetry Collector in Python.")
    parser.add_argument("command", nargs="?", choices=["run", "validate"], default="run")
    parser.add_argument("--config", action="append", required=True, metavar="FILE", help="may be repeated: later wins")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="overrides one value")
    return parser


def _run(config: CollectorConfig) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    import uvloop  # noqa: PLC0415  validate does without

    try:
        uvloop.run(_serve(config))
    except TimeoutError:
        return EXIT_DRAIN
    except ExceptionGroup:
        logging.getLogger(__name__).exception("a component died")
        return EXIT_FAILED
    return EXIT_OK


async def _serve(config: CollectorConfig) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    service = Service(build(config, Telemetry(), SystemClock()), drain_timeout=config.service.drain_timeout)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await service.run(stop)
