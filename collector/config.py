"""`config.yaml`: sources, merging, and the shape of it before any component looks at its own part.

Every mistake is found before anything starts, and has one line with the file, the line and the full path:

    config.yaml:14: processors::batch::timeout: must be greater than or equal to 0
"""

from __future__ import annotations

import difflib
import enum
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from collector.api import ComponentID
from collector.batch import Signal
from collector.config_types import Duration
from collector.environment import Substitution
from collector.errors import ConfigError
from collector.yaml_tree import Node, load, merge

M = TypeVar("M", bound=BaseModel)

_ID = Annotated[ComponentID, BeforeValidator(lambda v: ComponentID.parse(v) if isinstance(v, str) else v)]
_Section = Annotated[
    dict[_ID, dict[str, Any]],
    BeforeValidator(lambda v: {} if v is None else v),
    BeforeValidator(lambda v: {key: body or {} for key, body in v.items()} if isinstance(v, dict) else v),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class PipelineConfig(_Model):
    receivers: list[_ID] = Field(min_length=1, description="Where data comes from.")
    processors: list[_ID] = Field(default=[], description="What is done to it, in order.")
    exporters: list[_ID] = Field(min_length=1, description="Where it goes; each gets all of it.")


class Level(enum.StrEnum):
    NONE = "none"
    BASIC = "basic"
    NORMAL = "normal"
    DETAILED = "detailed"


class MetricsTelemetryConfig(_Model):
    level: Level = Field(default=Level.NORMAL, description="How much is measured; none serves no metrics.")
    address: str = Field(default="localhost:8888", description="Address that serves /metrics.")

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
    level: LogLevel = Field(default=LogLevel.INFO, description="The least severity that is logged.")
    encoding: Encoding = Field(default=Encoding.CONSOLE, description="One readable line each, or one JSON object.")
    initial_fields: dict[str, str] = Field(default={}, description="Fields that every JSON line has.")


class TelemetryConfig(_Model):
    metrics: MetricsTelemetryConfig = Field(default=MetricsTelemetryConfig(), description="The collector's metrics.")
    logs: LogsTelemetryConfig = Field(default=LogsTelemetryConfig(), description="The collector's log, on stderr.")


class ServiceConfig(_Model):
    pipelines: dict[str, PipelineConfig] = Field(description="The ways that data takes, by signal or signal/name.")
    extensions: list[_ID] = Field(default=[], description="What runs beside the pipelines.")
    telemetry: TelemetryConfig = Field(default=TelemetryConfig(), description="What the collector tells of itself.")
    drain_timeout: Duration = Field(default=30.0, description="How long stopping may take to deliver what is held.")


class Origin(NamedTuple):
    """Where a configuration was read from."""

    tree: Node
    directory: Path


class CollectorConfig(_Model):
    receivers: _Section = Field(default={}, description="Components that take data in.")
    processors: _Section = Field(default={}, description="Components that change, drop or hold data.")
    exporters: _Section = Field(default={}, description="Components that send data on.")
    connectors: _Section = Field(default={}, description="Components that end one pipeline and start another.")
    extensions: _Section = Field(default={}, description="Components beside the pipelines.")
    service: ServiceConfig = Field(description="Which components run, and how they are connected.")
    _origin: Origin = PrivateAttr(default_factory=lambda: Origin(Node({}, ""), Path()))

    @classmethod
    def from_yaml(cls, text: str, *, path: str = "config.yaml", environ: Mapping[str, str] | None = None) -> Self:
        """Read a configuration from one text.

        Raises:
            ConfigError: one line for each mistake.
        """
        return cls.from_tree(load(text, path), Path(path).parent, os.environ if environ is None else environ)

    @classmethod
    def from_tree(cls, tree: Node, directory: Path, environ: Mapping[str, str]) -> Self:
        """Substitute, check everything but the components' own settings, and remember the places.

        Raises:
            ConfigError: one line for each mistake.
        """
        if not tree.value:
            raise ConfigError("empty configuration file")
        substitution = Substitution(environ, directory)
        tree = substitution.expand(tree)
        if substitution.mistakes:
            raise ConfigError("\n".join(substitution.mistakes))
        config = validate(cls, tree, tree, ()).model_copy()
        config._origin = Origin(tree, directory)  # noqa: SLF001  its own class
        mistakes = [f"{locate(tree, path)}: {'::'.join(path)}: {text}" for path, text in _cross_check(config)]
        if mistakes:
            raise ConfigError("\n".join(mistakes))
        return config

    @property
    def base_directory(self) -> Path:
        """The folder of the first configuration file, from which plugins are found."""
        return self._origin.directory

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

    def locate(self, path: Sequence[str | int]) -> str:
        """Return `file:line` of a value, or of the innermost parent that is there."""
        return locate(self._origin.tree, path)


def load_config(
    sources: Sequence[str], overrides: Sequence[str] = (), *, environ: Mapping[str, str] | None = None
) -> CollectorConfig:
    """Read and merge configurations; later ones win, key by key.

    Args:
        sources: paths, `file:PATH`, or `yaml:a::b: value`.
        overrides: `a.b=value`, laid over all of them.
        environ: what `${env:NAME}` is looked up in; the process's own by default.

    Raises:
        ConfigError: one line for each mistake.
    """
    trees = [_source(source) for source in sources]
    trees += [_override(*override.partition("=")[::2]) for override in overrides]
    tree = trees[0]
    for over in trees[1:]:
        tree = merge(tree, over)
    directory = next((Path(_path(s)).parent for s in sources if not s.startswith("yaml:")), Path())
    return CollectorConfig.from_tree(tree, directory, os.environ if environ is None else environ)


def validate(model: type[M], node: Node, tree: Node, where: tuple[str | int, ...]) -> M:
    """Turn pydantic's report into one line per mistake, each with its place and full path.

    Raises:
        ConfigError.
    """
    data = node.plain()
    for _ in range(100):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            if not _give_text_to_fields_that_want_it(error, node, data):
                lines = [_line(model, e, tree, where) for e in error.errors(include_url=False)]
                raise ConfigError("\n".join(lines)) from None
    raise ConfigError(f"{node.where}: {'::'.join(map(str, where))}: cannot be read")


def locate(tree: Node, path: Sequence[str | int]) -> str:
    return tree.at(path)[0].where


def pipeline_signal(pipeline: str) -> Signal:
    """`traces/primary` carries traces.

    Raises:
        ValueError: it carries nothing.
    """
    return Signal(pipeline.partition("/")[0])


def _path(source: str) -> str:
    return source.removeprefix("file:")


def _source(source: str) -> Node:
    if source.startswith("yaml:"):
        key, _, value = source[5:].partition(": ")
        return _nested(key.split("::"), load(value, "--config yaml"))
    path = _path(source)
    try:
        return load(Path(path).read_text(), path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from None


def _override(key: str, value: str) -> Node:
    return _nested(key.replace("::", ".").split("."), load(value, f"--set {key}"))


def _nested(keys: Sequence[str], node: Node) -> Node:
    for key in reversed(keys):
        node = Node({key: node}, node.where)
    return node


def _give_text_to_fields_that_want_it(error: ValidationError, node: Node, data: Any) -> bool:
    """Put the original text of a substitution where it was read as a number but text is wanted."""
    changed = False
    for mistake in error.errors(include_url=False):
        found, taken = node.at(mistake["loc"])
        if mistake["type"] != "string_type" or not found.text or taken < len(mistake["loc"]):
            continue
        *parents, last = mistake["loc"]
        inner = data
        for step in parents:
            inner = inner[step]
        if inner[last] != found.text:
            inner[last] = found.text
            changed = True
    return changed


def _line(model: type[BaseModel], mistake: Any, tree: Node, where: tuple[str | int, ...]) -> str:
    loc = tuple(step for step in mistake["loc"] if step != "[key]")
    node, taken = tree.at((*where, *loc))
    path = (*where, *loc)
    known = path[: max(taken, len(where))]
    if mistake["type"] in {"missing", "extra_forbidden"}:
        known = path
    message = mistake["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if mistake["type"] == "extra_forbidden":
        message = f"unknown key{_suggestion(str(loc[-1]), _keys(model, loc[:-1]))}"
    elif mistake["msg"].startswith("Input should be "):
        message = f"must be {message}"
    elif mistake["type"] == "missing":
        message = "is required"
    prefix = f"{node.where}: " if node.where else ""
    return f"{prefix}{'::'.join(map(str, known))}: {message}" if known else f"{prefix}{message}"


def _keys(model: Any, loc: Sequence[str | int]) -> list[str]:
    for step in loc:
        field = getattr(model, "model_fields", {}).get(step)
        inner = field.annotation if field else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
    return list(getattr(model, "model_fields", {}))


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


_Mistake = tuple[tuple[str, ...], str]


def _cross_check(config: CollectorConfig) -> list[_Mistake]:
    mistakes: list[_Mistake] = []
    if not config.service.pipelines:
        mistakes.append((("service", "pipelines"), "at least one pipeline is needed"))
    for name, pipeline in config.service.pipelines.items():
        mistakes += _check_pipeline(config, name, pipeline)
    for id_ in config.service.extensions:
        if id_ not in config.extensions:
            mistakes.append((("service", "extensions"), f'references extension "{id_}" which is not configured'))
    for id_ in config.connectors:
        for section in ("receivers", "exporters"):
            if id_ in getattr(config, section):
                text = f"is the name of one of the {section} too; rename it to {id_}/connector"
                mistakes.append((("connectors", str(id_)), text))
    return mistakes


def _check_pipeline(config: CollectorConfig, name: str, pipeline: PipelineConfig) -> list[_Mistake]:
    where = ("service", "pipelines", name)
    mistakes: list[_Mistake] = []
    if name.partition("/")[0] not in list(Signal):
        mistakes.append((where, f"{name.partition('/')[0]!r} is not a signal: {', '.join(Signal)}"))
    for kind in ("receiver", "processor", "exporter"):
        section = getattr(config, f"{kind}s")
        known = {*section, *(config.connectors if kind != "processor" else ())}
        unknown = [id_ for id_ in getattr(pipeline, f"{kind}s") if id_ not in known]
        mistakes += [(where, f'references {kind} "{id_}" which is not configured') for id_ in unknown]
    for id_, times in Counter(pipeline.processors).items():
        if times > 1:
            mistakes.append((where, f'references processor "{id_}" {times} times'))
    return mistakes
