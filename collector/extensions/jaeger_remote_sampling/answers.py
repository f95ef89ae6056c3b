"""A strategy as SDKs are told: jaeger-idl, sampling.proto, as JSON and as protobuf."""

from __future__ import annotations

from typing import Any

import orjson

from collector.extensions.jaeger_remote_sampling.strategies import Operations, Strategy
from collector.wire.declaration import declare

GET_SAMPLING_STRATEGY = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy"
_PROBABILISTIC, _RATE_LIMITING = 0, 1

MESSAGES = declare(
    "jaeger.api_v2.sampling",
    """
    message SamplingStrategyParameters { string serviceName = 1; }
    message SamplingStrategyResponse {
      int32 strategyType = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2;
      RateLimitingSamplingStrategy rateLimitingSampling = 3; PerOperationSamplingStrategies operationSampling = 4;
    }
    message ProbabilisticSamplingStrategy { double samplingRate = 1; }
    message RateLimitingSamplingStrategy { int32 maxTracesPerSecond = 1; }
    message OperationSamplingStrategy {
      string operation = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2;
    }
    message PerOperationSamplingStrategies {
      double defaultSamplingProbability = 1; double defaultLowerBoundTracesPerSecond = 2;
      repeated OperationSamplingStrategy perOperationStrategies = 3; double defaultUpperBoundTracesPerSecond = 4;
    }
    """,
)


def as_json(strategy: Strategy) -> bytes:
    """Return it with strategyType as the name of the enum, always there; what it does not have is left out."""
    name = "PROBABILISTIC" if strategy.rate is None else "RATE_LIMITING"
    return orjson.dumps({"strategyType": name, **_members(strategy)})


def as_protobuf(strategy: Strategy) -> bytes:
    """Return a SamplingStrategyResponse."""
    kind = _PROBABILISTIC if strategy.rate is None else _RATE_LIMITING
    response: Any = MESSAGES["SamplingStrategyResponse"](strategyType=kind, **_members(strategy))
    return bytes(response.SerializeToString())


def _members(strategy: Strategy) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if strategy.probability is not None:
        members["probabilisticSampling"] = _probability(strategy.probability)
    if strategy.rate is not None:
        members["rateLimitingSampling"] = {"maxTracesPerSecond": strategy.rate}
    if strategy.operations is not None:
        members["operationSampling"] = _operations(strategy.operations)
    return members


def _operations(operations: Operations) -> dict[str, Any]:
    listed = [
        {"operation": operation, "probabilisticSampling": _probability(probability)}
        for operation, probability in operations.listed
    ]
    return {
        "defaultSamplingProbability": _number(operations.default),
        "defaultLowerBoundTracesPerSecond": 0,
        "perOperationStrategies": listed,
        "defaultUpperBoundTracesPerSecond": 0,
    }


def _probability(value: float) -> dict[str, float]:
    return {"samplingRate": _number(value)}


def _number(value: float) -> float:
    """Jaeger writes 1, not 1.0."""
    return int(value) if value.is_integer() else value
