"""Run processors as the engine does, without a collector: from YAML, through the graph, until everything has drained.

outcome = run_processor("drop_noise: {plugin: ./drop_noise.py}", make_spans(...), base=Path(__file__).parent)
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.api import Clock, ComponentConfig, ExporterFactory, HasLifespan, Intake, ReceiverFactory, Settings
from collector.batch import Batch, Signal
from collector.clock import SystemClock
from collector.config import CollectorConfig
from collector.errors import DropReason, RetryableError
from collector.graph import build
from collector.records.mapping import records_of
from collector.registry import Kind, load_factory
from collector.telemetry import DROPPED, Telemetry
from collector.yaml_tree import Node, load

LoadFactory = Callable[..., Any]
_ENDS = "test"
"""The name of the receiver before the processors and of the exporter behind them."""


@dataclass(frozen=True)
class Outcome:
    """What came out, and what became of the rest."""

    batches: list[Batch] = field(default_factory=list)
    """In the order in which they came out."""
    refused: list[RetryableError] = field(default_factory=list)
    """What was answered for every batch that was not taken."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """All books of the run."""

    @property
    def records(self) -> list[Any]:
        """The spans, log records and metrics that came out."""
        return [record for batch in self.batches for record in records_of(batch)]

    @property
    def dropped(self) -> Mapping[DropReason, int]:
        """How many spans, log records or data points were dropped, by reason."""
        counts = {reason: int(self.telemetry.total(DROPPED, reason=reason)) for reason in DropReason}
        return {reason: count for reason, count in counts.items() if count}


def run_processor(
    yaml: str,
    *batches: Batch,
    base: Path | str = ".",
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> Outcome:
    """Send batches through processors and return what came out.

    Args:
        yaml: what stands under `processors:` in a configuration; several entries are chained in their order.
        batches: what to send, of any signals.
        base: the folder from which `plugin:` is looked up.
        clock: what the processors see as time; the system's unless given.
        environ: what `${env:NAME}` is looked up in; the process's own unless given.

    Returns:
        The outcome, once everything that was held back has come out.

    Raises:
        ConfigError: as the collector would print it, with the lines of `yaml`.
        RuntimeError: it was called in a coroutine.
    """
    if _is_in_a_coroutine():
        raise RuntimeError("run_processor() has an event loop of its own: call it in a function that is not async")
    return asyncio.run(_run(load(yaml, "yaml"), batches, Path(base), clock, environ, load_factory))


def _is_in_a_coroutine() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def run_components(processors: Node, batches: Sequence[Batch], find: LoadFactory, clock: Clock) -> Outcome:
    """As `run_processor`, for factories that are found by `find`."""
    return await _run(processors, batches, Path(), clock, None, find)


async def _run(
    processors: Node,
    batches: Sequence[Batch],
    base: Path,
    clock: Clock | None,
    environ: Mapping[str, str] | None,
    find: LoadFactory,
) -> Outcome:
    outcome, ends = Outcome(), _Ends()
    tree = _whole(processors, {batch.signal for batch in batches} or {Signal.TRACES})
    config = CollectorConfig.from_tree(tree, base, os.environ if environ is None else environ)
    graph = build(config, outcome.telemetry, clock or SystemClock(), load=ends.before(find))
    async with AsyncExitStack() as stack:
        for _, component in graph.components:
            if isinstance(component, HasLifespan):
                await stack.enter_async_context(component.lifespan())
        for batch in batches:
            try:
                await ends.intake.consume(batch)
            except RetryableError as refusal:
                outcome.refused.append(refusal)
    outcome.batches.extend(ends.arrived)
    return outcome


def _whole(processors: Node, signals: set[Signal]) -> Node:
    """Return a whole configuration around some processors, which keep their places."""
    names = list(processors.value) if isinstance(processors.value, dict) else []
    pipelines = {signal: {"receivers": [_ENDS], "processors": names, "exporters": [_ENDS]} for signal in signals}
    rest = {"receivers": {_ENDS: {}}, "exporters": {_ENDS: {}}, "service": {"pipelines": pipelines}}
    return Node({"processors": processors, **{key: _node(value) for key, value in rest.items()}}, processors.where)


def _node(value: Any) -> Node:
    match value:
        case dict():
            return Node({str(key): _node(inner) for key, inner in value.items()}, "")
        case list():
            return Node([_node(inner) for inner in value], "")
    return Node(value, "")


class _Ends:
    """A receiver that hands on what it is told to, and an exporter that keeps what arrives."""

    def __init__(self) -> None:
        self.arrived: list[Batch] = []
        self.intake: Intake

    def before(self, find: LoadFactory) -> LoadFactory:
        def find_factory(kind: Kind, type_: str, *, plugin: Path | None = None) -> Any:
            if type_ == _ENDS and kind is Kind.RECEIVER:
                return ReceiverFactory(config=ComponentConfig, build=self._receive)
            if type_ == _ENDS and kind is Kind.EXPORTER:
                return ExporterFactory(config=ComponentConfig, build=lambda *_: self, queue_by_default=False)
            return find(kind, type_, plugin=plugin)

        return find_factory

    async def export(self, batch: Batch) -> None:
        self.arrived.append(batch)

    def _receive(self, config: ComponentConfig, settings: Settings, next: Intake) -> HasLifespan:
        self.intake = next
        return self

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield
