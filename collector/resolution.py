"""From what a configuration names to factories and checked settings; builds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from collector.api import ComponentConfig, ComponentID, ConnectorFactory, ExporterFactory
from collector.batch import Signal
from collector.config import CollectorConfig, PipelineConfig, pipeline_signal
from collector.delivery.settings import DeliveryConfig
from collector.errors import ConfigError
from collector.mistakes import Mistake
from collector.references import unresolved
from collector.registry import Kind, load_factory

LoadFactory = Callable[..., Any]

PLUGIN = "plugin"
"""The key that names a Python file with the component, beside the component's own keys."""
_DELIVERY_KEYS = frozenset(DeliveryConfig.model_fields)


class Resolved(NamedTuple):
    factory: Any
    config: ComponentConfig
    delivery: DeliveryConfig | None
    """The settings of what the engine puts before an exporter; None for other components."""


Components = Mapping[tuple[Kind, ComponentID], Resolved]


def resolve(config: CollectorConfig, load: LoadFactory = load_factory) -> Components:
    """Load every factory and check every component's settings, used or not.

    Raises:
        ConfigError: one line for each mistake in the whole configuration.
    """
    components: dict[tuple[Kind, ComponentID], Resolved] = {}
    mistakes: list[object] = list(config.mistakes)
    for kind in Kind:
        for id_ in getattr(config, kind):
            try:
                components[kind, id_] = _resolve_one(config, kind, id_, load)
            except ConfigError as error:
                mistakes.append(error)
    mistakes += unresolved(config)
    mistakes += _unsupported_signals(config, components)
    if mistakes:
        raise ConfigError.of(mistakes)
    return components


def _resolve_one(config: CollectorConfig, kind: Kind, id_: ComponentID, load: LoadFactory) -> Resolved:
    where = (str(kind), str(id_))
    body = getattr(config, kind)[id_]
    try:
        factory = load(kind, id_.type, plugin=_plugin(config.directory_of((*where, PLUGIN)), body))
    except ConfigError as error:
        raise ConfigError(str(config.mistake((*where, PLUGIN) if PLUGIN in body else where, str(error)))) from None
    if not isinstance(factory, ExporterFactory):
        return Resolved(factory, config.component(factory.config, where, keys=set(body) - {PLUGIN}), None)
    return Resolved(
        factory,
        *_all_of(
            lambda: config.component(factory.config, where, keys=set(body) - _DELIVERY_KEYS - {PLUGIN}),
            lambda: _with_defaults_of(factory, config.component(DeliveryConfig, where, keys=_DELIVERY_KEYS)),
        ),
    )


def _plugin(directory: Path, body: Mapping[str, Any]) -> Path | None:
    if PLUGIN not in body:
        return None
    path = body[PLUGIN]
    if not isinstance(path, str):
        raise ConfigError("must be the path of a Python file")
    return directory / path


def _with_defaults_of(factory: ExporterFactory[Any], config: DeliveryConfig) -> DeliveryConfig:
    """Some exporters have another timeout or first pause, or no queue, unless the configuration says so."""
    update: dict[str, Any] = {}
    if "timeout" not in config.model_fields_set:
        update["timeout"] = factory.timeout
    if "enabled" not in config.sending_queue.model_fields_set:
        update["sending_queue"] = config.sending_queue.model_copy(update={"enabled": factory.queue_by_default})
    if "initial_interval" not in config.retry_on_failure.model_fields_set:
        retry = config.retry_on_failure
        update["retry_on_failure"] = retry.model_copy(update={"initial_interval": factory.initial_interval})
    return config.model_copy(update=update)


def _all_of(*checks: Callable[[], Any]) -> tuple[Any, ...]:
    """Return every result, or raise every mistake."""
    results, mistakes = [], []
    for check in checks:
        try:
            results.append(check())
        except ConfigError as error:
            mistakes.append(error)
    if mistakes:
        raise ConfigError.of(mistakes)
    return tuple(results)


def _unsupported_signals(config: CollectorConfig, components: Components) -> Iterator[Mistake]:
    for name, pipeline in config.service.pipelines.items():
        signal = pipeline_signal(name)
        for kind in (Kind.RECEIVER, Kind.PROCESSOR, Kind.EXPORTER):
            for id_ in getattr(pipeline, kind):
                component = components.get((kind, id_))
                if component and signal not in component.factory.signals:
                    text = f"{id_} does not support {signal}"
                    yield config.mistake(("service", "pipelines", name, str(kind)), text)
        yield from _unsupported_conversions(config, components, name, pipeline)


def _unsupported_conversions(
    config: CollectorConfig, components: Components, name: str, pipeline: PipelineConfig
) -> Iterator[Mistake]:
    """Look at the connectors that feed a pipeline and that it ends in."""
    signal = pipeline_signal(name)
    for id_ in (*pipeline.receivers, *pipeline.exporters):
        component = components.get((Kind.CONNECTOR, id_))
        if component is None:
            continue
        made = _made_by(config, component.factory, id_)
        if id_ in pipeline.receivers and signal not in made:
            text = f"{id_} makes no {signal} of what it is given"
            yield config.mistake(("service", "pipelines", name, "receivers"), text)
        if id_ in pipeline.exporters and signal not in component.factory.signals:
            text = f"{id_} does not take {signal}"
            yield config.mistake(("service", "pipelines", name, "exporters"), text)


def _made_by(config: CollectorConfig, factory: ConnectorFactory[Any], id_: ComponentID) -> set[Signal]:
    ending = [pipeline_signal(name) for name, p in config.service.pipelines.items() if id_ in p.exporters]
    return {made for taken in ending for made in factory.signals.get(taken, ())}
