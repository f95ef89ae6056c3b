"""From configuration to connected components.  Builds; starts nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.api import (
    BufferingProcessorFactory,
    Clock,
    ComponentID,
    Consumer,
    ExporterFactory,
    HasLifespan,
    HasReadiness,
    ProcessorFactory,
    Settings,
)
from collector.batch import Signal
from collector.config import CollectorConfig, PipelineConfig, pipeline_signal
from collector.delivery.queue import DirectDelivery, SendingQueue
from collector.delivery.retry import Delivery
from collector.delivery.settings import DeliveryConfig
from collector.errors import ConfigError
from collector.nodes import AfterAcceptance, BufferingNode, FanOut, ProcessorNode, ReceiverNode, Room
from collector.registry import Kind, load_factory
from collector.telemetry import Telemetry

LoadFactory = Callable[..., Any]


@dataclass
class Graph:
    """Components in the order they start; they stop in the opposite order.  Implements `api.Host`."""

    telemetry: Telemetry
    components: list[object] = field(default_factory=list)
    """Extensions first, then downstream first: a receiver never feeds something that is not there yet."""
    is_running: bool = False
    """Set while every component has started and none stops."""

    def with_lifespan(self) -> list[HasLifespan]:
        return [component for component in self.components if isinstance(component, HasLifespan)]

    def is_ready(self) -> bool:
        return self.is_running and all(c.is_ready() for c in self.components if isinstance(c, HasReadiness))


def build(config: CollectorConfig, telemetry: Telemetry, clock: Clock, load: LoadFactory = load_factory) -> Graph:
    """Check the whole configuration and construct every component it uses.

    Raises:
        ConfigError: one line for each mistake, of all components.
    """
    builder = _Builder(config, telemetry, clock, load)
    builder.resolve_all()
    return builder.build()


class _Builder:
    def __init__(self, config: CollectorConfig, telemetry: Telemetry, clock: Clock, load: LoadFactory) -> None:
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._load = load
        self._room = Room()
        self._graph = Graph(telemetry)
        self._extensions: dict[ComponentID, object] = {}
        self._exporters: dict[ComponentID, Consumer] = {}
        self._resolved: dict[tuple[Kind, ComponentID], tuple[Any, Any]] = {}

    def resolve_all(self) -> None:
        """Load every factory and check every component's settings, used or not, before anything is built."""
        mistakes: list[str] = []
        for kind in Kind:
            for id_ in getattr(self._config, kind):
                try:
                    self._resolved[kind, id_] = self._resolve(kind, id_)
                except ConfigError as error:
                    mistakes.append(str(error))
        mistakes += self._unsupported_signals()
        if mistakes:
            raise ConfigError("\n".join(mistakes))

    def build(self) -> Graph:
        for id_ in self._config.service.extensions:
            self._extension(id_)
        heads: dict[ComponentID, dict[Signal, list[Consumer]]] = defaultdict(lambda: defaultdict(list))
        for name, pipeline in self._config.service.pipelines.items():
            signal = pipeline_signal(name)
            head = self._pipeline(name, signal, pipeline)
            for receiver in pipeline.receivers:
                heads[receiver][signal].append(head)
        for receiver, by_signal in heads.items():
            self._receiver(receiver, by_signal)
        return self._graph

    def _pipeline(self, name: str, signal: Signal, pipeline: PipelineConfig) -> Consumer:
        tail = self._fan_out(name, [self._exporter(id_) for id_ in pipeline.exporters])
        for id_ in reversed(pipeline.processors):
            tail = self._processor(id_, signal, tail)
        return tail

    def _receiver(self, id_: ComponentID, heads: Mapping[Signal, list[Consumer]]) -> None:
        factory, config = self._resolved[Kind.RECEIVER, id_]
        routes = {signal: self._fan_out(str(id_), consumers) for signal, consumers in heads.items()}
        node = ReceiverNode(self._telemetry.component(str(id_)), routes)
        self._graph.components.append(factory.build(config, self._settings(id_), node))

    def _processor(self, id_: ComponentID, signal: Signal, next_: Consumer) -> Consumer:
        factory, config = self._resolved[Kind.PROCESSOR, id_]
        settings, accounts = self._settings(id_), self._telemetry.component(str(id_))
        match factory:
            case ProcessorFactory():
                processor = factory.build(config, settings)
                self._graph.components.append(processor)
                return ProcessorNode(settings, accounts, signal, processor, factory.drop_reason, next_)
            case BufferingProcessorFactory():
                after = AfterAcceptance(accounts, signal, next_, self._room)
                consumer = factory.build(config, settings, after)
                self._graph.components.append(consumer)
                return BufferingNode(settings, accounts, signal, consumer)
        raise ConfigError(f"processors::{id_}: its factory is a {type(factory).__name__}")

    def _exporter(self, id_: ComponentID) -> Consumer:
        if id_ not in self._exporters:
            factory, config = self._resolved[Kind.EXPORTER, id_]
            settings, accounts = self._settings(id_), self._telemetry.component(str(id_))
            own, delivery_config = config
            exporter = factory.build(own, settings)
            delivery = Delivery(exporter, delivery_config, settings, accounts)
            consumer: SendingQueue | DirectDelivery = DirectDelivery(delivery, accounts)
            if delivery_config.sending_queue.enabled:
                consumer = SendingQueue(delivery, delivery_config.sending_queue, settings, accounts, self._room)
            self._graph.components += [exporter, consumer]
            self._exporters[id_] = consumer
        return self._exporters[id_]

    def _fan_out(self, component: str, consumers: list[Consumer]) -> Consumer:
        return consumers[0] if len(consumers) == 1 else FanOut(self._telemetry.component(component), consumers)

    def _extension(self, id_: ComponentID) -> None:
        factory, config = self._resolved[Kind.EXTENSION, id_]
        self._extensions[id_] = extension = factory.build(config, self._settings(id_), self._graph)
        self._graph.components.append(extension)

    def _resolve(self, kind: Kind, id_: ComponentID) -> tuple[Any, Any]:
        """Return a component's factory and its checked settings; an exporter's come with those of its delivery."""
        where = (str(kind), str(id_))
        body = getattr(self._config, kind)[id_]
        plugin = self._config.base_directory / body["plugin"] if "plugin" in body else None
        try:
            factory = self._load(kind, id_.type, plugin=plugin)
        except ConfigError as error:
            raise ConfigError(f"{self._config.locate(where)}: {'::'.join(where)}: {error}") from None
        if isinstance(factory, ExporterFactory):
            return factory, _all_of(
                lambda: self._config.component(factory.config, where, keys=set(body) - _ENGINE_KEYS),
                lambda: _with_defaults_of(factory, self._config.component(DeliveryConfig, where, keys=_DELIVERY_KEYS)),
            )
        return factory, self._config.component(factory.config, where, keys=set(body) - {"plugin"})

    def _unsupported_signals(self) -> list[str]:
        mistakes = []
        for name, pipeline in self._config.service.pipelines.items():
            for kind, ids in _components(pipeline):
                for id_ in ids:
                    factory = self._resolved.get((kind, id_), (None,))[0]
                    if factory is not None and pipeline_signal(name) not in factory.signals:
                        mistakes.append(f"service::pipelines::{name}: {id_} does not support {pipeline_signal(name)}")
        return mistakes

    def _settings(self, id_: ComponentID) -> Settings:
        logger = logging.getLogger(f"collector.{id_.type}")
        return Settings(
            id=id_,
            logger=logger,
            telemetry=self._telemetry.component(str(id_)),
            clock=self._clock,
            extensions=self._extensions,
        )


_DELIVERY_KEYS = frozenset(DeliveryConfig.model_fields)
_ENGINE_KEYS = _DELIVERY_KEYS | {"plugin"}


def _with_defaults_of(factory: ExporterFactory[Any], config: DeliveryConfig) -> DeliveryConfig:
    """Some exporters have another timeout, or no queue, unless the configuration says so."""
    update: dict[str, Any] = {}
    if "timeout" not in config.model_fields_set:
        update["timeout"] = factory.timeout
    if "enabled" not in config.sending_queue.model_fields_set:
        update["sending_queue"] = config.sending_queue.model_copy(update={"enabled": factory.queue_by_default})
    return config.model_copy(update=update)


def _all_of(*checks: Callable[[], Any]) -> tuple[Any, ...]:
    """Return every result, or raise every mistake."""
    results, mistakes = [], []
    for check in checks:
        try:
            results.append(check())
        except ConfigError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return tuple(results)


def _components(pipeline: PipelineConfig) -> list[tuple[Kind, list[ComponentID]]]:
    return [
        (Kind.RECEIVER, pipeline.receivers),
        (Kind.PROCESSOR, pipeline.processors),
        (Kind.EXPORTER, pipeline.exporters),
    ]
