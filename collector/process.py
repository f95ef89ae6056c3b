"""One process that runs one service: its log, signals and metrics page, and what it says at its start and end."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from importlib.metadata import version
from itertools import count
from typing import Any

from collector.api import HasDecisions, HasEndpoints
from collector.batch import Signal
from collector.clock import SystemClock
from collector.config import CollectorConfig, Level, MetricsTelemetryConfig
from collector.errors import DropReason, StartError
from collector.graph import Graph, build
from collector.logs import configure
from collector.memory import resident_bytes
from collector.scheduling import collect_less, prefer_throughput
from collector.service import Service
from collector.telemetry import ACCEPTED, CREATED, DROPPED, HELD, RSS, SENT, Telemetry
from collector.watchdog import Watchdog

EXIT_OK = 0
EXIT_FAILED = 1
"""A component could not start, or died."""
EXIT_CONFIG = 2
"""The configuration or the command line is wrong; nothing was started."""
EXIT_NOT_DRAINED = 3
"""Stopped as told, but not everything that was held could be delivered in time; it is counted as dropped."""

PATIENCE = 5.0
"""Seconds from the end of the service to that of the process."""

logger = logging.getLogger(__name__)

_EVERYWHERE = re.compile(r"//(0\.0\.0\.0|\[::\]|):")


def run(config: CollectorConfig) -> int:
    """Build and run the service until a signal ends it; return the exit code.

    Raises:
        ConfigError: one line for each mistake; nothing was started.
    """
    _occupy_standard_streams()
    configure(config.service.telemetry.logs)
    prefer_throughput()
    # grpcio's C library writes what strangers do to it, thousands of lines a second if they want; errors reach us
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _raise_the_limit_of_open_files()
    telemetry = Telemetry()
    telemetry.read(RSS, resident_bytes)
    graph = build(config, telemetry, SystemClock())
    return _loop(_serve(config, graph))


def _occupy_standard_streams() -> None:
    """A socket that got the number of a stream that was closed would end the process when it is closed itself."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _raise_the_limit_of_open_files() -> None:
    """Each connection is a file, and systems grant more of them than they give without being asked."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  there is none on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says that there is no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop(main: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        task = runner.get_loop().create_task(main)
        while True:
            try:
                return runner.get_loop().run_until_complete(task)
            except SystemExit as bug:  # asyncio lets it out of any task, as if it were the end of all others
                if task.done():
                    raise
                logger.error("a task called sys.exit(%s), which ends nothing but its component", bug.code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415  there is none for Windows

    return uvloop.new_event_loop


async def _serve(config: CollectorConfig, graph: Graph) -> int:
    """Return the exit code, having said in the log what became of everything."""
    code = EXIT_FAILED
    try:
        await _run_service(config, graph)
    except StartError as error:
        logger.error("%s", error)
    except BaseExceptionGroup as failures:  # which the log has already
        logger.error("stopped after %d failures: %s", len(failures.exceptions), _books(graph.telemetry))
    except TimeoutError:
        code = _code_at_the_deadline(graph.telemetry)
    else:
        logger.info("stopped: %s", _books(graph.telemetry))
        code = EXIT_OK
    finally:
        _end_within(PATIENCE, code)
    return code


def _code_at_the_deadline(telemetry: Telemetry) -> int:
    if telemetry.total(DROPPED, reason=DropReason.SHUTDOWN_DEADLINE) or telemetry.total(HELD):
        logger.error("stopped before everything was delivered: %s", _books(telemetry))
        return EXIT_NOT_DRAINED
    logger.warning("stopped before every component had, with nothing lost: %s", _books(telemetry))
    return EXIT_OK


def _end_within(seconds: float, code: int) -> None:
    """Have the process end with `code`, even if a thread of some component never does."""

    def end() -> None:
        logger.error("threads that do not end are left behind")
        logging.shutdown()
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def _run_service(config: CollectorConfig, graph: Graph) -> None:
    stop = asyncio.Event()
    service = Service(graph, drain_timeout=config.service.drain_timeout)
    async with AsyncExitStack() as stack:
        stack.enter_context(_signals(stop, service, config.service.drain_timeout))
        stack.enter_context(Watchdog().watching())
        await _serve_metrics(stack, graph, config.service.telemetry.metrics)
        await service.run(stop, started=lambda: _started(graph))


async def _serve_metrics(stack: AsyncExitStack, graph: Graph, config: MetricsTelemetryConfig) -> None:
    if config.level is Level.NONE:
        return
    from collector.metrics_server import serve_metrics  # noqa: PLC0415  aiohttp is for who needs it
    from collector.net.endpoint import Endpoint  # noqa: PLC0415

    deciders = [(each.id, each.component) for each in graph.components if isinstance(each.component, HasDecisions)]
    try:
        await stack.enter_async_context(serve_metrics(graph.telemetry, Endpoint.parse(config.address), deciders))
    except OSError as error:
        raise StartError(f"service::telemetry::metrics::address: {error.strerror or error}") from error


@contextmanager
def _signals(stop: asyncio.Event, service: Service, drain_timeout: float) -> Iterator[None]:
    """The first signal drains, the second ends the drain, the third the process, even if something holds up the loop.

    Once the service has stopped signals are ignored: the process ends by itself, with the right exit code.
    """
    loop, came = asyncio.get_running_loop(), count(1)

    def drain(name: str) -> None:
        logger.info("%s: draining for at most %g s; once more stops at once", name, drain_timeout)
        stop.set()

    def received(number: int, _: object) -> None:
        nth = next(came)
        if nth > 2:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        loop.call_soon_threadsafe(*((drain, signal.Signals(number).name) if nth == 1 else (service.stop_now,)))

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup(1) wants it ignored
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, received)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)


def _started(graph: Graph) -> None:
    collect_less()
    _welcome(graph)


def _welcome(graph: Graph) -> None:
    """Say what listens where, and where to point an SDK."""
    found = [
        (built.id, what, where)
        for built in graph.components
        if isinstance(built.component, HasEndpoints)
        for what, where in built.component.endpoints().items()
    ]
    for id_, what, where in found:
        logger.info("%s: %s at %s", id_, what, where)
    here = next((where for _, what, where in found if what.startswith("OTLP") and where.startswith("http")), None)
    # an address for all addresses of the machine is none to send to
    hint = (
        f"; point an SDK here with OTEL_EXPORTER_OTLP_ENDPOINT={_EVERYWHERE.sub('//localhost:', here)}" if here else ""
    )
    logger.info("pyotelcol %s is ready%s", version("pyotelcol"), hint)


def _books(telemetry: Telemetry) -> str:
    """Say what became of everything that was accepted, by signal."""
    lines = []
    for each in Signal:
        if accepted := telemetry.total(ACCEPTED[each]):
            sent, held = telemetry.total(SENT[each]), telemetry.total(HELD, signal=each)
            dropped, created = telemetry.total(DROPPED, signal=each), telemetry.total(CREATED, signal=each)
            came = f"{accepted:.0f} accepted, " + (f"{created:.0f} created, " if created else "")
            books = f"{each}: {came}{sent:.0f} sent, {dropped:.0f} dropped, {held:.0f} held"
            lines.append(books + _reasons(telemetry, each))
    return "; ".join(lines) or "nothing was accepted"


def _reasons(telemetry: Telemetry, signal: Signal) -> str:
    """Say what was dropped where and why; nothing if nothing was."""
    points = [(value, dict(labels)) for metric, labels, value in telemetry.samples() if metric is DROPPED and value]
    reasons = [f"{n:.0f} {of['reason']} by {of['component']}" for n, of in points if of["signal"] == signal]
    return f" (dropped: {', '.join(reasons)})" if reasons else ""
