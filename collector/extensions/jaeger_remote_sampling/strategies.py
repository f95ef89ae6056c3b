"""Jaeger's file of sampling strategies: what is in it, and what it means for a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PROBABILISTIC, RATE_LIMITING = "probabilistic", "ratelimiting"
_LARGEST_RATE = 2**31 - 1
_DEFAULT = "default_strategy"
_TOLD = 20
"""How many things that are wrong with a file are told one by one."""


@dataclass(frozen=True)
class Operations:
    """Probabilities by operation."""

    default: float
    """Of operations that are not listed."""
    listed: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Strategy:
    """What one service is told: a probability or a rate, and perhaps probabilities by operation."""

    probability: float | None = None
    rate: int | None = None
    """Traces in a second."""
    operations: Operations | None = None


@dataclass(frozen=True)
class Strategies:
    default: Strategy
    services: Mapping[str, Strategy] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What of the file is ignored or read in another way than it was meant."""


class _Sampler(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    type: str = ""
    param: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class _Operation(_Sampler):
    operation: str = ""


class _Default(_Sampler):
    operation_strategies: list[_Operation] = Field(default=[])


class _Service(_Default):
    service: str = ""


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    default_strategy: _Default | None = None
    service_strategies: list[_Service] | None = None


def parse(text: str | bytes, probability: float) -> Strategies:
    """Read the text of a file.

    Args:
        text: JSON; `null` means that there are no strategies.
        probability: of whatever has no strategy of its own.

    Raises:
        ValueError: it is not JSON, or something in it has the wrong type; says where.
    """
    try:
        file = _File.model_validate(orjson.loads(text) or {})
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except ValidationError as error:
        mistakes = [f"{_place(each['loc'])}{_text(each)}" for each in error.errors()]
        raise ValueError("; ".join(_some(mistakes))) from None
    return _Reading(probability).strategies(file)


class _Reading:
    """One pass over a file, and what was wondered at on the way."""

    def __init__(self, probability: float) -> None:
        self._probability = probability
        self._warnings: list[str] = []

    def strategies(self, file: _File) -> Strategies:
        self._ignored("", file)
        default = Strategy(self._probability)
        if file.default_strategy:
            default = self._strategy(_DEFAULT, file.default_strategy)
        services: dict[str, Strategy] = {}
        for index, each in enumerate(file.service_strategies or []):
            where = f"service_strategies[{index}]"
            if each.service in services:
                self._warn(where, f"{each.service!r} is there twice; the last one counts")
            services[each.service] = _with_operations_of(default.operations, self._strategy(where, each))
        return Strategies(default, services, _some(self._warnings))

    def _strategy(self, where: str, given: _Default) -> Strategy:
        own = self._sampler(where, given)
        if not given.operation_strategies:
            return own
        listed = tuple(self._operations(where, given.operation_strategies))
        default = self._probability if own.probability is None else own.probability
        return Strategy(own.probability, own.rate, Operations(default, listed))

    def _operations(self, where: str, given: list[_Operation]) -> Iterator[tuple[str, float]]:
        for index, each in enumerate(given):
            place = f"{where}.operation_strategies[{index}]"
            sampler = self._sampler(place, each)
            if sampler.probability is None:
                self._warn(place, f"an operation cannot be {RATE_LIMITING}; {each.operation!r} is left out")
            else:
                yield each.operation, sampler.probability

    def _sampler(self, where: str, given: _Sampler) -> Strategy:
        self._ignored(f"{where}.", given)
        if given.type == PROBABILISTIC:
            return Strategy(self._within(where, given.param, 1.0))
        if given.type == RATE_LIMITING:
            return Strategy(rate=int(self._within(where, given.param, _LARGEST_RATE)))
        self._warn(where, f"unknown type {given.type!r}; {PROBABILISTIC} with {self._probability} is used")
        return Strategy(self._probability)

    def _within(self, where: str, param: float, most: float) -> float:
        nearest = min(max(param, 0.0), most)
        if nearest != param:
            self._warn(where, f"param {param} is not between 0 and {most}; {nearest} is used")
        return nearest

    def _ignored(self, prefix: str, given: BaseModel) -> None:
        for key in given.model_extra or {}:
            self._warn(f"{prefix}{key}", "unknown key; it is ignored")

    def _warn(self, where: str, text: str) -> None:
        self._warnings.append(f"{where}: {text}")


def _with_operations_of(default: Operations | None, own: Strategy) -> Strategy:
    """Jaeger's merging: a service has the default's operations beside its own, which come first."""
    if default is None:
        return own
    if own.operations is None:
        probability = default.default if own.probability is None else own.probability
        return Strategy(own.probability, own.rate, Operations(probability, default.listed))
    known = {operation for operation, _ in own.operations.listed}
    others = tuple(each for each in default.listed if each[0] not in known)
    return Strategy(own.probability, own.rate, Operations(own.operations.default, own.operations.listed + others))


def _some(complaints: Sequence[str]) -> tuple[str, ...]:
    """What is wrong throughout a file is said of its first places: a log has to be read by somebody."""
    more = len(complaints) - _TOLD
    return (*complaints[:_TOLD], *([f"and {more} more"] if more > 0 else []))


def _place(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).lstrip(".")
    return f"{path}: " if path else ""


def _text(error: Any) -> str:
    if error["type"] in {"model_type", "dict_type"}:
        return "must be an object"
    return str(error["msg"]).replace("Input should be", "must be", 1)
