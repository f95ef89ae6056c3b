"""Does every name in a configuration lead somewhere, and is everything that is connected connected once?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collector.api import ComponentID
from collector.config import CollectorConfig, PipelineConfig
from collector.mistakes import Mistake


def unresolved(config: CollectorConfig) -> Iterator[Mistake]:
    """Yield what is wrong with the names that pipelines and `service.extensions` refer to."""
    if not config.service.pipelines and not config.mistakes:
        yield config.mistake(("service", "pipelines"), "at least one pipeline is needed")
    for name, pipeline in config.service.pipelines.items():
        yield from _in_pipeline(config, name, pipeline)
    for id_ in config.service.extensions:
        if not config.names("extensions", id_):
            yield config.mistake(("service", "extensions"), f'references extension "{id_}" which is not configured')
    yield from _connectors(config)


def _in_pipeline(config: CollectorConfig, name: str, pipeline: PipelineConfig) -> Iterator[Mistake]:
    for kind in ("receiver", "processor", "exporter"):
        sections = [f"{kind}s"] if kind == "processor" else [f"{kind}s", "connectors"]
        path = ("service", "pipelines", name, f"{kind}s")
        for id_, times in Counter(getattr(pipeline, f"{kind}s")).items():
            if not any(config.names(section, id_) for section in sections):
                yield config.mistake(path, f'references {kind} "{id_}" which is not configured')
            if times > 1:
                yield config.mistake(path, f'references {kind} "{id_}" {times} times')


def _connectors(config: CollectorConfig) -> Iterator[Mistake]:
    for id_ in config.connectors:
        path = ("connectors", str(id_))
        for section in ("receivers", "exporters"):
            if config.names(section, id_):
                text = f"is the name of one of the {section} too; rename it to {id_}/connector"
                yield config.mistake(path, text)
        fed, feeds = _pipelines_of(config, id_)
        if fed and not feeds:
            yield config.mistake(path, f"is an exporter of {', '.join(fed)} but a receiver of no pipeline")
        if feeds and not fed:
            yield config.mistake(path, f"is a receiver of {', '.join(feeds)} but an exporter of no pipeline")


def _pipelines_of(config: CollectorConfig, connector: ComponentID) -> tuple[list[str], list[str]]:
    """Return the pipelines that end in a connector and those that start from it."""
    pipelines = config.service.pipelines.items()
    ending = [name for name, pipeline in pipelines if connector in pipeline.exporters]
    starting = [name for name, pipeline in pipelines if connector in pipeline.receivers]
    return ending, starting
