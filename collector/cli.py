"""The command `pyotelcol`."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

from collector.config import CollectorConfig, Level, MetricsTelemetryConfig, load_config
from collector.errors import ConfigError
from collector.process import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, run

_EPILOG = """\
commands:
  run            start the collector (the default)
  validate       check the configuration and build everything it uses, but start nothing
  print-config   write the configuration with all defaults filled in and secrets left out
  components     list every component there is; with --json for programs
  explain ID     say why a running collector kept or dropped the trace of this id; with --json for programs
  schema         write a JSON Schema of the whole configuration, for editors

exit codes:
  0  fine; stopped as told, with everything delivered
  1  a component could not start, or died; explain: nothing is known of the trace, or no collector answers
  2  the configuration or the command line is wrong; nothing was started
  3  stopped as told, but not everything could be delivered within service::drain_timeout
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.command in _WITHOUT_CONFIG and options.trace_id is None:
            return _write(_WITHOUT_CONFIG[options.command](options.json) + "\n")
        if options.command == "explain":
            return _explain(options)
        if options.trace_id is not None:
            parser.error(f"{options.command} takes no trace id")
        if not options.config:
            parser.error("--config is required")
        return _WITH_CONFIG[options.command](load_config(options.config, options.set))
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_CONFIG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyotelcol",
        description="An OpenTelemetry Collector that is programmed in Python.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = [*_WITH_CONFIG, *_WITHOUT_CONFIG, "explain"]
    parser.add_argument("command", nargs="?", choices=commands, default="run", metavar="command")
    parser.add_argument("trace_id", nargs="?", metavar="ID", help="with explain: a trace id, or a traceparent")
    parser.add_argument(
        "--config",
        action="append",
        metavar="FILE",
        help="or env:NAME, or yaml:a::b: value; may be repeated: later ones win, key by key",
    )
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override one value")
    parser.add_argument("--json", action="store_true", help="with components and explain: write JSON")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="with explain: where the collector serves its metrics, unless it is where --config says; or unix:PATH",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        parser.exit(message=f"pyotelcol {version('pyotelcol')}\n")


def _validate(config: CollectorConfig) -> int:
    from collector.clock import SystemClock  # noqa: PLC0415
    from collector.graph import build  # noqa: PLC0415
    from collector.telemetry import Telemetry  # noqa: PLC0415

    build(config, Telemetry(), SystemClock())
    return EXIT_OK


def _print_config(config: CollectorConfig) -> int:
    from collector.effective_config import effective  # noqa: PLC0415  what one command needs costs the others nothing

    return _write(effective(config))


def _explain(options: argparse.Namespace) -> int:
    from collector.explain import UnreachableError, ask, describe  # noqa: PLC0415

    if options.trace_id is None:
        raise ConfigError("explain takes the id of a trace")
    try:
        is_known, answer = ask(options.trace_id, options.address or _metrics_address(options))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except UnreachableError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    code = _write(json.dumps(answer, indent=2) + "\n" if options.json else describe(answer))
    return code if is_known else EXIT_FAILED


def _metrics_address(options: argparse.Namespace) -> str:
    metrics = load_config(options.config, options.set).service.telemetry.metrics if options.config else None
    if metrics and metrics.level is Level.NONE:
        raise ConfigError("service::telemetry::metrics::level is none: the collector answers nothing")
    return metrics.address if metrics else MetricsTelemetryConfig().address


def _write(text: str) -> int:
    """Write to standard output in UTF-8 whatever the locale says, since it often becomes a file."""
    try:
        _standard_output().write(text.encode(errors="replace"))
        _standard_output().flush()
    except BrokenPipeError:  # whoever reads, as head(1) does, has had enough
        _give_up_standard_output()
    except OSError as error:
        print(f"cannot write to standard output: {error.strerror}", file=sys.stderr)  # noqa: T201
        _give_up_standard_output()
        return EXIT_FAILED
    return EXIT_OK


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdout.buffer


def _give_up_standard_output() -> None:
    """Have Python's own attempt at the end succeed."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _components(json: bool) -> str:
    from collector.catalogue import as_json, as_table, catalogue  # noqa: PLC0415

    return as_json(catalogue()) if json else as_table(catalogue())


def _schema(json: bool) -> str:
    from collector.schema import config_schema  # noqa: PLC0415

    return config_schema()


_WITH_CONFIG: dict[str, Callable[[CollectorConfig], int]] = {
    "run": run,
    "validate": _validate,
    "print-config": _print_config,
}
_WITHOUT_CONFIG: dict[str, Callable[[bool], str]] = {"components": _components, "schema": _schema}
