"""`config.yaml`: sources, merging, and the shape of it before any component looks at its own part.

Every mistake is found before anything starts, and has one line with the file, the line and the full path:

    config.yaml:14: processors::batch::timeout: must be greater than or equal to 0
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from collector.api import ComponentID
from collector.batch import Signal
from collector.config_types import Duration
from collector.environment import Substitution
from collector.errors import ConfigError
from collector.exact_model import ExactModel
from collector.mistakes import Mistake, check, validate
from collector.net.endpoint import Endpoint
from collector.yaml_tree import Folders, Node, load, merge

M = TypeVar("M", bound=BaseModel)

_ID = Annotated[
    ComponentID,
    BeforeValidator(lambda v: ComponentID.parse(v) if isinstance(v, str) else v),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "type or type/name of a component"}),
]
_Section = Annotated[
    dict[_ID, dict[str, Any]],
    BeforeValidator(lambda v: {} if v is None else v),
    BeforeValidator(lambda v: {key: body or {} for key, body in v.items()} if isinstance(v, dict) else v),
]


class _Model(ExactModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _is_a_pipeline(name: str) -> str:
    signal, slash, rest = name.partition("/")
    if signal not in list(Signal) or (slash and not rest):
        raise ValueError(f"must be a signal or signal/name, with one of the signals {', '.join(Signal)}")
    return name


def pipeline_signal(pipeline: str) -> Signal:
    """`traces/primary` carries traces."""
    return Signal(pipeline.partition("/")[0])


class PipelineConfig(_Model):
    receivers: list[_ID] = Field(min_length=1, description="Where data comes from.")
    processors: list[_ID] = Field(default=[], description="What is done to it, in order.")
    exporters: list[_ID] = Field(min_length=1, description="Where it goes; each gets all of it.")


def _in_lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Level(enum.StrEnum):
    NONE = "none"
    BASIC = "basic"
    NORMAL = "normal"
    DETAILED = "detailed"


def _is_an_address(text: str) -> str:
    Endpoint.parse(text)
    return text


class MetricsTelemetryConfig(_Model):
    level: Annotated[Level, BeforeValidator(_in_lower_case)] = Field(
        default=Level.NORMAL, description="none serves no metrics; the others serve all."
    )
    address: Annotated[str, AfterValidator(_is_an_address)] = Field(
        default="localhost:8888",
        description="Address that serves /metrics, and /explain/TRACE_ID to this machine: host:port or unix:PATH.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_readers(cls, value: Any) -> Any:
        """Take the address from `readers: [{pull: {exporter: {prometheus: {host, port}}}}]`."""
        if not isinstance(value, dict) or "readers" not in value:
            return value
        match value["readers"]:
            case [{"pull": {"exporter": {"prometheus": {**prometheus}}}}]:
                address = f"{prometheus.get('host', 'localhost')}:{prometheus.get('port', 8888)}"
                return {**{k: v for k, v in value.items() if k != "readers"}, "address": address}
        raise ValueError("readers takes one pull reader with a prometheus exporter")


class Encoding(enum.StrEnum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogsTelemetryConfig(_Model):
    level: Annotated[LogLevel, BeforeValidator(_in_lower_case)] = Field(
        default=LogLevel.INFO, description="The least severity that is logged."
    )
    encoding: Encoding = Field(default=Encoding.CONSOLE, description="One readable line each, or one JSON object.")
    initial_fields: dict[str, str] = Field(default={}, description="Fields that every JSON line has.")


class TelemetryConfig(_Model):
    metrics: MetricsTelemetryConfig = Field(default=MetricsTelemetryConfig(), description="The collector's metrics.")
    logs: LogsTelemetryConfig = Field(default=LogsTelemetryConfig(), description="The collector's log, on stderr.")


class ServiceConfig(_Model):
    pipelines: dict[Annotated[str, AfterValidator(_is_a_pipeline)], PipelineConfig] = Field(
        default={}, description="The ways that data takes, by signal or signal/name."
    )
    extensions: list[_ID] = Field(default=[], description="What runs beside the pipelines.")
    telemetry: TelemetryConfig = Field(default=TelemetryConfig(), description="What the collector tells of itself.")
    drain_timeout: Duration = Field(default=30.0, description="How long stopping may take to deliver what is held.")


class Origin(NamedTuple):
    """Where a configuration was read from."""

    tree: Node
    folders: Folders


class CollectorConfig(_Model):
    receivers: _Section = Field(default={}, description="Components that take data in.")
    processors: _Section = Field(default={}, description="Components that change, drop or hold data.")
    exporters: _Section = Field(default={}, description="Components that send data on.")
    connectors: _Section = Field(default={}, description="Components that end one pipeline and start another.")
    extensions: _Section = Field(default={}, description="Components beside the pipelines.")
    service: ServiceConfig = Field(
        default=ServiceConfig(), description="Which components run, and how they are connected."
    )
    _mistakes: list[str] = PrivateAttr(default_factory=list)
    _origin: Origin = PrivateAttr(default_factory=lambda: Origin(Node({}, ""), Folders(Path())))

    @classmethod
    def from_yaml(cls, text: str, *, path: str = "config.yaml", environ: Mapping[str, str] | None = None) -> Self:
        """Read a configuration from one text.

        Raises:
            ConfigError: one line for each mistake.
        """
        return cls.from_tree(load(text, path), Path(path).parent, os.environ if environ is None else environ)

    @classmethod
    def from_tree(cls, tree: Node, folder: Path | Folders, environ: Mapping[str, str]) -> Self:
        """Substitute, check everything but the components' own settings, and remember the places.

        Parts with mistakes are left out and the mistakes kept, so that all of them are reported at once.

        Raises:
            ConfigError: there is nothing to check.
        """
        if not tree.value:
            raise ConfigError("empty configuration file")
        folders = folder if isinstance(folder, Folders) else Folders(folder)
        substitution = Substitution(environ, folders)
        tree = substitution.expand(tree)
        config, mistakes = check(cls, tree, tree, ())
        if config is None:
            config = validate(cls, _without(tree, mistakes), tree, ())
        config = config.model_copy()
        config._origin = Origin(tree, folders)  # noqa: SLF001  its own class
        config.mistakes.extend([*substitution.mistakes, *map(str, mistakes)])
        return config

    @property
    def mistakes(self) -> list[str]:
        """What is wrong beside the components' own settings, which the graph's builder adds to."""
        return self._mistakes

    def directory_of(self, path: Sequence[str | int]) -> Path:
        """Return the folder of the file in which a value stands; of the first file for one of the command line."""
        return self._origin.folders.of(self._origin.tree.at(path)[0])

    def component(self, model: type[M], where: tuple[str, str], *, keys: Iterable[str] | None = None) -> M:
        """Check one component's settings, or only some of its keys, and fill in their defaults.

        Raises:
            ConfigError: one line for each mistake.
        """
        node, _ = self._origin.tree.at(where)
        body = node.value or {}
        if isinstance(body, dict) and keys is not None:
            body = {key: inner for key, inner in body.items() if key in set(keys)}
        return validate(model, Node(body, node.where), self._origin.tree, where)

    def mistake(self, path: Sequence[str | int], text: str) -> Mistake:
        """Say that something is wrong at `path`."""
        return Mistake(tuple(path), self._origin.tree.at(path)[0].where, text)

    def names(self, section: str, id_: ComponentID) -> bool:
        """Say whether a section names a component, be it with mistakes; yes if nobody can tell."""
        body = self._origin.tree.at((section,))[0].value if self._origin.tree.at((section,))[1] else {}
        return id_ in map(_id_or_none, body) if isinstance(body, dict) else body is not None


def load_config(
    sources: Sequence[str], overrides: Sequence[str] = (), *, environ: Mapping[str, str] | None = None
) -> CollectorConfig:
    """Read and merge configurations; later ones win, key by key.

    Args:
        sources: paths, `file:PATH`, `env:NAME`, or `yaml:a::b: value`.
        overrides: `a.b=value`, laid over all of them.
        environ: what `${env:NAME}` is looked up in; the process's own by default.

    Raises:
        ConfigError: one line for each mistake.
    """
    environ = os.environ if environ is None else environ
    trees = [_source(source, environ) for source in sources]
    trees += [_override(*override.partition("=")[::2]) for override in overrides]
    tree = trees[0]
    for over in trees[1:]:
        tree = merge(tree, over)
    folders = {_path(s): Path(_path(s)).parent for s in sources if not s.startswith(("yaml:", "env:"))}
    return CollectorConfig.from_tree(tree, Folders(next(iter(folders.values()), Path()), folders), environ)


def _id_or_none(text: str) -> ComponentID | None:
    try:
        return ComponentID.parse(text)
    except ValueError:
        return None


def _path(source: str) -> str:
    return source.removeprefix("file:")


def _source(source: str, environ: Mapping[str, str]) -> Node:
    if source.startswith("yaml:"):
        key, _, value = source[5:].partition(": ")
        return _nested(key.split("::"), load(value, "--config yaml"))
    if source.startswith("env:"):
        return load(environ.get(source[4:], ""), f"--config {source}")
    path = _path(source)
    try:
        return load(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from None


def _override(key: str, value: str) -> Node:
    return _nested(key.replace("::", ".").split("."), load(value, f"--set {key}"))


def _nested(keys: Sequence[str], node: Node) -> Node:
    for key in reversed(keys):
        node = Node({key: node}, node.where)
    return node


def _without(tree: Node, mistakes: Iterable[Mistake]) -> Node:
    """Leave out the smallest parts of a configuration that the rest can be checked without."""
    dropped = {mistake.path[: _DEPTHS.get(mistake.path[:2], _DEPTHS.get(mistake.path[:1], 1))] for mistake in mistakes}
    return _pruned(tree, (), dropped)


_DEPTHS: dict[tuple[str | int, ...], int] = {
    **{(section,): 2 for section in ("receivers", "processors", "exporters", "connectors", "extensions", "service")},
    ("service", "pipelines"): 3,
}
"""How many steps of a mistake's path name what has to go; one step for the others."""


def _pruned(node: Node, path: tuple[str | int, ...], dropped: set[tuple[str | int, ...]]) -> Node:
    if not isinstance(node.value, dict):
        return node
    kept = {key: inner for key, inner in node.value.items() if (*path, key) not in dropped}
    return Node({key: _pruned(inner, (*path, key), dropped) for key, inner in kept.items()}, node.where)
