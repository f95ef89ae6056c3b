"""A processor that is one function of one record.

    @span_processor
    def drop_noise(span: Span, *, routes: list[str] = ["/health"]) -> Span | None:
        return None if span.get("http.route") in routes else span

What stands behind the `*` are its settings: `routes` is a key in the configuration, checked against the annotation.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import typing
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from collector.batch import Batch, Signal
from collector.exact_model import ExactModel
from collector.portions import Indivisible
from collector.records.mapping import map_records
from collector.records.metrics import Metric
from collector.records.views import LogRecord, Span

P = ParamSpec("P")
R = TypeVar("R")
OfSpan: TypeAlias = Callable[Concatenate[Span, P], Span | None]
OfLogRecord: TypeAlias = Callable[Concatenate[LogRecord, P], LogRecord | None]
OfMetric: TypeAlias = Callable[Concatenate[Metric, P], Metric | None]

_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
_RESERVED = "plugin"
"""The key of every component that names the file it is loaded from."""


class _Settings(ExactModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class RecordFunction(Generic[P, R]):
    """A function of one record that can be a processor.  Can still be called, which is how it is tested."""

    def __init__(self, signal: Signal, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.signal = signal
        self.config = _config(function)
        """A pydantic model of its keyword-only parameters."""
        self._function = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def processor(self, config: BaseModel, *_: object) -> RecordProcessor:
        """Return the processor that calls the function with these settings."""
        settings = {name: getattr(config, name) for name in type(config).model_fields}
        return RecordProcessor(functools.partial(self._function, **settings) if settings else self._function)


def span_processor(function: OfSpan[P]) -> RecordFunction[Concatenate[Span, P], Span | None]:
    """Make a processor of a function that is called with every span.

    It returns the span, changed or not, to keep it, and None to drop it.  Its keyword-only parameters are the settings
    of the processor, and their annotations, which may be `Annotated[..., Field(...)]`, check them.

    Raises:
        TypeError: the function cannot be called that way.
    """
    return RecordFunction(Signal.TRACES, function)


def log_processor(function: OfLogRecord[P]) -> RecordFunction[Concatenate[LogRecord, P], LogRecord | None]:
    """As `span_processor`, of a function that is called with every log record."""
    return RecordFunction(Signal.LOGS, function)


def metric_processor(function: OfMetric[P]) -> RecordFunction[Concatenate[Metric, P], Metric | None]:
    """As `span_processor`, of a function that is called with every metric.

    A metric has a name, a unit and `points`, which have the attributes.  One that is dropped, or left without points,
    counts as many items as it had points.
    """
    return RecordFunction(Signal.METRICS, function)


class RecordProcessor:
    """Calls a function with every record of a batch."""

    indivisible = Indivisible.RECORD
    """A function is shown whole metrics, with all their points."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def process(self, batch: Batch) -> Batch | None:
        return map_records(batch, self._function)


def _config(function: Callable[..., Any]) -> type[BaseModel]:
    """Make a model of the keyword-only parameters.

    Raises:
        TypeError: the function cannot be called with one record and settings.
    """
    name = getattr(function, "__name__", type(function).__name__)
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in _POSITIONAL:
        raise TypeError(f"{name}() has to take a record")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{name}() has to return the record or None at once: it can be neither async nor a generator")
    if _returns_nothing(function):
        raise TypeError(f"{name}() never returns its record: return it to keep it, or None to drop it")
    annotations = _annotations(function, parameters[1:])
    fields: dict[str, Any] = {p.name: _field(name, p, annotations) for p in parameters[1:]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute")
        model: type[BaseModel] = create_model(f"{name}_config", __base__=_Settings, **fields)
    return model


def _annotations(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """Evaluate the annotations of the settings, and of nothing else: that of the record may not exist at run time."""
    written = {p.name: p.annotation for p in parameters if p.annotation is not p.empty}
    names = getattr(function, "__globals__", {})
    return typing.get_type_hints(SimpleNamespace(__annotations__=written), names, include_extras=True)


def _field(name: str, parameter: inspect.Parameter, annotations: dict[str, Any]) -> tuple[Any, Any]:
    if parameter.kind is not parameter.KEYWORD_ONLY:
        raise TypeError(f"{name}() takes a record and settings behind a *; {parameter.name} stands before it")
    if parameter.name == _RESERVED or parameter.name.startswith("_"):
        raise TypeError(
            f"{name}() cannot have a setting called {parameter.name}: {_RESERVED} names its file, _ is private"
        )
    if parameter.name not in annotations:
        raise TypeError(f"{name}() has to say what type its setting {parameter.name} is of")
    annotation, default = annotations[parameter.name], parameter.default
    if default is parameter.empty:
        return annotation, ...
    if not isinstance(default, FieldInfo):
        _check_default(f"{name}() has a setting {parameter.name} whose own default", annotation, default)
    return annotation, default


def _check_default(what: str, annotation: Any, default: object) -> None:
    try:
        TypeAdapter(annotation).validate_python(default)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].replace("Input should be ", "must be ", 1)
        raise TypeError(f"{what} {reason}") from None


def _returns_nothing(function: Callable[..., Any]) -> bool:
    """Whether the source has no `return` of anything: every record would be dropped."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):  # no source, or only a part of an expression
        return False
    returns = (node for node in ast.walk(tree) if isinstance(node, ast.Return | ast.Lambda))
    return all(isinstance(node, ast.Return) and node.value is None for node in returns)
