"""Files of sampling strategies, with what Jaeger makes of them."""

import orjson


def operation(name, type_, param):
    return {"operation": name, "type": type_, "param": param}


FIRST = {
    "default_strategy": {
        "type": "probabilistic",
        "param": 0.5,
        "operation_strategies": [
            operation("op0", "probabilistic", 0.2),
            operation("op6", "probabilistic", 0),
            operation("spam", "ratelimiting", 1),
            operation("op7", "probabilistic", 1),
        ],
    },
    "service_strategies": [
        {
            "service": "foo",
            "type": "probabilistic",
            "param": 0.8,
            "operation_strategies": [
                operation("op6", "probabilistic", 0.5),
                operation("op1", "probabilistic", 0.2),
                operation("op2", "ratelimiting", 10),
            ],
        },
        {
            "service": "bar",
            "type": "ratelimiting",
            "param": 5,
            "operation_strategies": [
                operation("op3", "probabilistic", 0.3),
                operation("op4", "ratelimiting", 100),
                operation("op5", "probabilistic", 0.4),
            ],
        },
    ],
}
SECOND = {
    "default_strategy": {
        "type": "probabilistic",
        "param": 0.2,
        "operation_strategies": [operation("/health", "probabilistic", 0.1)],
    },
    "service_strategies": [
        {"service": "ServiceA", "type": "probabilistic", "param": 1.0},
        {"service": "ServiceB", "type": "ratelimiting", "param": 3},
    ],
}


def told(default, operations, **sampling):
    """
    Return what a service is told that has operations: `rate` or `probability`, and `default` for the operations.
    """
    answer = {"strategyType": "RATE_LIMITING" if "rate" in sampling else "PROBABILISTIC"}
    if "rate" in sampling:
        answer["rateLimitingSampling"] = {"maxTracesPerSecond": sampling["rate"]}
    else:
        answer["probabilisticSampling"] = {"samplingRate": sampling["probability"]}
    answer["operationSampling"] = {
        "defaultSamplingProbability": default,
        "defaultLowerBoundTracesPerSecond": 0,
        "perOperationStrategies": [
            {"operation": name, "probabilisticSampling": {"samplingRate": rate}} for name, rate in operations
        ],
        "defaultUpperBoundTracesPerSecond": 0,
    }
    return answer


_DEFAULT_OPERATIONS = [("op0", 0.2), ("op6", 0), ("op7", 1)]
TOLD = [
    (FIRST, "foo", told(0.8, [("op6", 0.5), ("op1", 0.2), ("op0", 0.2), ("op7", 1)], probability=0.8)),
    (FIRST, "bar", told(0.001, [("op3", 0.3), ("op5", 0.4), *_DEFAULT_OPERATIONS], rate=5)),
    (FIRST, "any other", told(0.5, _DEFAULT_OPERATIONS, probability=0.5)),
    (SECOND, "ServiceA", told(1, [("/health", 0.1)], probability=1)),
    (SECOND, "ServiceB", told(0.2, [("/health", 0.1)], rate=3)),
    (None, "foo", {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 0.001}}),
    (
        {"default_strategy": {"type": "ratelimiting", "param": 3.5}},
        "foo",
        {"strategyType": "RATE_LIMITING", "rateLimitingSampling": {"maxTracesPerSecond": 3}},
    ),
]


def text(content):
    return orjson.dumps(content).decode()
