"""From configuration to connected components.  Builds; starts nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from collector.api import (
    BufferingProcessorFactory,
    Clock,
    ComponentID,
    Consumer,
    HasReadiness,
    ProcessorFactory,
    Settings,
)
from collector.batch import Signal
from collector.config import CollectorConfig, pipeline_signal
from collector.delivery.delivery import Delivery
from collector.delivery.drain import Drain
from collector.delivery.queue import DirectDelivery, SendingQueue
from collector.errors import ConfigError, DropReason
from collector.nodes import (
    BUGS,
    AfterAcceptance,
    BufferingNode,
    ConnectorNode,
    FanOut,
    ProcessorNode,
    ReceiverNode,
    Room,
)
from collector.portions import Turns
from collector.registry import Kind, load_factory
from collector.resolution import Components, LoadFactory, resolve
from collector.telemetry import Telemetry

logger = logging.getLogger(__name__)


class Built(NamedTuple):
    id: ComponentID
    component: object


@dataclass
class Graph:
    """Components in the order they start; they stop in the opposite order.  Implements `api.Host`."""

    telemetry: Telemetry
    components: list[Built] = field(default_factory=list)
    """Extensions first, then downstream first: a receiver never feeds something that is not there yet."""
    is_running: bool = False
    """Set while every component has started and none stops."""
    drain: Drain = field(default_factory=Drain)
    """Begun when the collector is told to stop."""

    def is_ready(self) -> bool:
        components = (built.component for built in self.components)
        return self.is_running and all(c.is_ready() for c in components if isinstance(c, HasReadiness))


def build(config: CollectorConfig, telemetry: Telemetry, clock: Clock, load: LoadFactory = load_factory) -> Graph:
    """Check the whole configuration and construct every component it uses.

    Raises:
        ConfigError: one line for each mistake, of all components.
    """
    return _Builder(config, resolve(config, load), telemetry, clock).build()


class _Builder:
    def __init__(self, config: CollectorConfig, components: Components, telemetry: Telemetry, clock: Clock) -> None:
        self._config = config
        self._components = components
        self._telemetry = telemetry
        self._clock = clock
        self._room = Room()
        self._graph = Graph(telemetry)
        self._turns = Turns(lambda: _why_cancelled(self._graph.drain))
        self._mistakes: list[object] = []
        self._extensions: dict[ComponentID, object] = {}
        self._exporters: dict[ComponentID, Consumer] = {}
        self._connectors: dict[tuple[ComponentID, Signal], Consumer] = {}
        self._heads: dict[str, Consumer] = {}
        self._at_once: set[Consumer] = set()
        """What takes a batch without waiting for anybody."""
        self._way: list[str] = []
        self._common: dict[ComponentID, dict[str, Any]] = defaultdict(dict)

    def build(self) -> Graph:
        for id_ in self._config.service.extensions:
            build = self._components[Kind.EXTENSION, id_].factory.build
            self._extensions[id_] = self._add(Kind.EXTENSION, id_, build, self._graph)
        heads: dict[ComponentID, dict[Signal, list[Consumer]]] = defaultdict(lambda: defaultdict(list))
        for name, pipeline in self._config.service.pipelines.items():
            head = self._head(name)
            for receiver in pipeline.receivers:
                heads[receiver][pipeline_signal(name)].append(head)
        for id_, by_signal in heads.items():
            if (Kind.RECEIVER, id_) in self._components:
                self._receiver(id_, by_signal)
        if self._mistakes:
            raise ConfigError.of(self._mistakes)
        return self._graph

    def _head(self, name: str) -> Consumer:
        """Return what a pipeline's receivers hand to; pipelines that a connector feeds come first."""
        if name in self._way:
            cycle = " -> ".join([*self._way[self._way.index(name) :], name])
            mistake = self._config.mistake(("service", "pipelines", name), f"connectors lead in a circle: {cycle}")
            raise ConfigError.of([*self._mistakes, mistake])
        if name not in self._heads:
            self._way.append(name)
            self._heads[name] = self._pipeline(name)
            self._way.pop()
        return self._heads[name]

    def _pipeline(self, name: str) -> Consumer:
        pipeline, signal = self._config.service.pipelines[name], pipeline_signal(name)
        tail = self._fan_out(name, [self._end(id_, signal) for id_ in pipeline.exporters])
        for id_ in reversed(pipeline.processors):
            tail = self._processor(id_, signal, tail)
        return tail

    def _end(self, id_: ComponentID, signal: Signal) -> Consumer:
        if (Kind.CONNECTOR, id_) in self._components:
            return self._connector(id_, signal)
        return self._exporter(id_)

    def _connector(self, id_: ComponentID, taken: Signal) -> Consumer:
        """Return the instance for one signal, which feeds the pipelines of every signal it makes of that."""
        if (id_, taken) not in self._connectors:
            factory = self._components[Kind.CONNECTOR, id_].factory
            fed: dict[Signal, list[Consumer]] = defaultdict(list)
            for name, pipeline in self._config.service.pipelines.items():
                if id_ in pipeline.receivers and pipeline_signal(name) in factory.signals[taken]:
                    fed[pipeline_signal(name)].append(self._head(name))
            next_ = {signal: self._fan_out(str(id_), consumers) for signal, consumers in fed.items()}
            connector = self._add(Kind.CONNECTOR, id_, factory.build, next_)
            node = ConnectorNode(self._settings(id_), self._telemetry.component(str(id_)), taken, connector)
            self._connectors[id_, taken] = self._like(next_.values(), node)
        return self._connectors[id_, taken]

    def _receiver(self, id_: ComponentID, heads: dict[Signal, list[Consumer]]) -> None:
        routes = {signal: self._fan_out(str(id_), consumers) for signal, consumers in heads.items()}
        node = ReceiverNode(self._telemetry.component(str(id_)), routes)
        self._add(Kind.RECEIVER, id_, self._components[Kind.RECEIVER, id_].factory.build, node)

    def _processor(self, id_: ComponentID, signal: Signal, next_: Consumer) -> Consumer:
        factory = self._components[Kind.PROCESSOR, id_].factory
        settings, accounts = self._settings(id_), self._telemetry.component(str(id_))
        match factory:
            case ProcessorFactory():
                processor = self._add(Kind.PROCESSOR, id_, factory.build, signal=signal)
                node = ProcessorNode(settings, accounts, signal, processor, factory.drop_reason, next_, self._turns)
                return self._like([next_], node)
            case BufferingProcessorFactory():
                after = AfterAcceptance(accounts, signal, next_, self._room)
                processor = self._add(Kind.PROCESSOR, id_, factory.build, after, signal=signal)
                return self._like([], BufferingNode(settings, accounts, signal, processor, after))
        raise TypeError(f"{id_}: {type(factory).__name__} is not the factory of a processor")

    def _exporter(self, id_: ComponentID) -> Consumer:
        if id_ not in self._exporters:
            factory, _, config = self._components[Kind.EXPORTER, id_]
            if config is None:
                raise TypeError(f"{id_}: {type(factory).__name__} is not the factory of an exporter")
            settings, accounts = self._settings(id_), self._telemetry.component(str(id_))
            exporter = self._add(Kind.EXPORTER, id_, factory.build)
            delivery = Delivery(exporter, config, settings, accounts, self._graph.drain)
            consumer: SendingQueue | DirectDelivery = DirectDelivery(delivery, accounts)
            if config.sending_queue.enabled:
                consumer = SendingQueue(delivery, config.sending_queue, settings, accounts, self._room)
                if not (config.sending_queue.block_on_overflow or config.sending_queue.wait_for_result):
                    self._at_once.add(consumer)
            self._graph.components.append(Built(id_, consumer))
            self._exporters[id_] = consumer
        return self._exporters[id_]

    def _fan_out(self, component: str, consumers: Sequence[Consumer]) -> Consumer:
        if len(consumers) == 1:
            return consumers[0]
        waiting = [consumer for consumer in consumers if consumer not in self._at_once]
        at_once = [consumer for consumer in consumers if consumer in self._at_once]
        return self._like(consumers, FanOut(self._telemetry.component(component), at_once, waiting))

    def _like(self, next_: Iterable[Consumer], node: Consumer) -> Consumer:
        """Note that `node` takes a batch at once if all that follows does."""
        if all(consumer in self._at_once for consumer in next_):
            self._at_once.add(node)
        return node

    def _add(
        self, kind: Kind, id_: ComponentID, build: Callable[..., Any], *neighbours: object, signal: Signal | None = None
    ) -> Any:
        """Build one component; if it cannot be, note why and go on looking for other mistakes."""
        component: object = None
        try:
            component = build(self._components[kind, id_].config, self._settings(id_, signal), *neighbours)
        except ConfigError as error:
            self._mistakes.append(self._config.mistake((str(kind), str(id_)), str(error)))
        except BUGS as bug:
            logger.debug("%s could not be built", id_, exc_info=True)
            text = f"could not be built: {type(bug).__name__}: {bug}"
            self._mistakes.append(self._config.mistake((str(kind), str(id_)), text))
        self._graph.components.append(Built(id_, component))
        return component

    def _settings(self, id_: ComponentID, signal: Signal | None = None) -> Settings:
        return Settings(
            id=id_,
            logger=logging.getLogger(f"collector.{id_.type}"),
            telemetry=self._telemetry.component(str(id_)),
            clock=self._clock,
            extensions=self._extensions,
            common=self._common[id_],
            signal=signal,
        )


def _why_cancelled(drain: Drain) -> DropReason:
    """Either the time for draining is over, or the sender hung up."""
    return DropReason.SHUTDOWN_DEADLINE if drain.has_begun else DropReason.SENDER_GONE
