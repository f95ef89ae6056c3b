"""The request bodies that are sent: made once, so that sending them costs the load generator next to nothing.

A span is what an HTTP server's instrumentation writes: 549 bytes on average, 11 attributes, five spans to a trace, and
in one span of ten an e-mail address.  The same seed makes the same ids and values, so every run sends the same load.

Who remembers traces must not see one twice: bodies of `new_traces` get other ids each time they are sent (`renewed`).
Who remembers values is measured with those of `traces`, which come again, and those of `new_values`, which never do.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

VARIANTS = 8
"""Different bodies of one kind, sent in turn."""
_SHARED = b"\xf1trace\xf2\xf3"
"""The first half of every trace id of `new_traces`, which is in no body elsewhere."""
SPANS_PER_TRACE = 5
RESOURCE = {
    "service.name": "checkout",
    "service.version": "1.4.2",
    "deployment.environment.name": "production",
    "host.name": "ip-10-1-2-3",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.40.0",
    "k8s.pod.name": "checkout-7d9c5b6c4-x2x9z",
}
ROUTES = ("/api/users", "/api/orders", "/api/orders/{id}", "/health", "/api/pay", "/login", "/cart", "/search")
STATEMENT = "SELECT id, name, total FROM orders WHERE user_id = $1 AND status = $2 ORDER BY date"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0"

Value = str | int | float


@cache
def bodies(kind: str, items: int) -> list[bytes]:
    """Return `VARIANTS` serialised requests of `items` spans, data points or log records each."""
    dice = random.Random(f"{kind} {items}")
    make: Any = KINDS[kind].make
    return [make(dice, items).SerializeToString() for _ in range(KINDS[kind].variants)]


def renewed(body: bytes, serial: int) -> bytes:
    """Return a body whose traces are others than those of any other serial; the second half of their ids stays."""
    return body.replace(_SHARED, serial.to_bytes(len(_SHARED), "big"))


def _pairs(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items()]


def _any(value: Value) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
    return AnyValue(double_value=value)


def _traces(dice: random.Random, items: int, *, shared: bytes = b"") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(_pairs(RESOURCE))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.fastapi", "0.61b0"
    trace_id = parent = b""
    for index in range(items):
        if index % SPANS_PER_TRACE == 0:
            trace_id, parent = shared + dice.randbytes(16 - len(shared)), b""
        span = _span(dice, trace_id, parent)
        parent = span.span_id
        scope.spans.append(span)
    return request


def _span(dice: random.Random, trace_id: bytes, parent: bytes) -> Span:
    route, now = dice.choice(ROUTES), time.time_ns()
    (status,) = dice.choices([200, 404, 500], [95, 3, 2])
    attributes: dict[str, Value] = {
        "http.request.method": "GET",
        "http.route": route,
        "url.path": route.replace("{id}", str(dice.randrange(10**6))),
        "http.response.status_code": status,
        "server.address": "shop.example.com",
        "server.port": 443,
        "client.address": f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}",
        "user_agent.original": AGENT.format(dice.randrange(100, 140)),
        "user.id": f"user_{dice.randrange(50_000):05d}",
        "db.query.text": STATEMENT,
        "enduser.id": f"user{dice.randrange(10**5)}@example.com" if dice.random() < 0.1 else "none",
    }
    return Span(
        trace_id=trace_id,
        span_id=dice.randbytes(8),
        parent_span_id=parent,
        name=f"GET {route}",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=now - dice.randrange(10**9),
        end_time_unix_nano=now,
        attributes=_pairs(attributes),
        status=Status(code=Status.STATUS_CODE_ERROR, message="boom") if status == 500 else None,
    )


def _new_traces(dice: random.Random, items: int) -> ExportTraceServiceRequest:
    return _traces(dice, items, shared=_SHARED)


def _new_values(dice: random.Random, items: int) -> ExportTraceServiceRequest:
    """Spans none of whose attributes has a value that any other has, as long as those of the others."""
    request = _traces(dice, items)
    for span in request.resource_spans[0].scope_spans[0].spans:
        for pair in span.attributes:
            new = f"{dice.randrange(16**6):06x}"
            if pair.value.HasField("int_value"):
                pair.value.int_value = int(new, 16)
            elif (old := pair.value.string_value) and "@" in old:
                pair.value.string_value = new + old[6:]
            elif pair.key != "client.address":
                pair.value.string_value = old[:-6] + new
    return request


POINTS_PER_METRIC = 10


def _metrics(dice: random.Random, items: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(_pairs(RESOURCE))
    scope = resource.scope_metrics.add()
    scope.scope.name = "opentelemetry.instrumentation.fastapi"
    for start in range(0, items, POINTS_PER_METRIC):
        metric = scope.metrics.add(name=f"http.server.metric_{start}", unit="s", description="What it measures.")
        points = _points(metric, histogram=start % (2 * POINTS_PER_METRIC) == 0)
        for index in range(min(POINTS_PER_METRIC, items - start)):
            _fill(points.add(), dice, index)
    return request


def _numbers(dice: random.Random, items: int) -> ExportMetricsServiceRequest:
    """Cumulative sums and gauges only, each point a series of its own: as many samples as items."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(_pairs(RESOURCE))
    scope = resource.scope_metrics.add()
    scope.scope.name = "opentelemetry.instrumentation.fastapi"
    now = time.time_ns()
    for start in range(0, items, POINTS_PER_METRIC):
        metric = scope.metrics.add(name=f"http.server.metric_{start}", unit="By", description="What it measures.")
        is_sum = start % (2 * POINTS_PER_METRIC) == 0
        points = _points(metric, histogram=False) if is_sum else metric.gauge.data_points
        if is_sum:
            metric.sum.is_monotonic = True
        for index in range(min(POINTS_PER_METRIC, items - start)):
            _fill(points.add(start_time_unix_nano=now - 10**12 if is_sum else 0), dice, index)
    return request


def _points(metric: Any, *, histogram: bool) -> Any:
    data = metric.histogram if histogram else metric.sum
    data.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    return data.data_points


def _fill(point: Any, dice: random.Random, index: int) -> None:
    point.time_unix_nano = time.time_ns()
    point.attributes.extend(
        _pairs(
            {
                "http.request.method": "GET",
                "http.route": ROUTES[index % len(ROUTES)],
                "http.response.status_code": 200 + index // len(ROUTES),  # no two of a metric are the same series
                "server.address": "shop.example.com",
                "network.protocol.version": "1.1",
            }
        )
    )
    if "bucket_counts" in point.DESCRIPTOR.fields_by_name:
        counts = [dice.randrange(100) for _ in range(15)]
        point.bucket_counts.extend(counts)
        point.explicit_bounds.extend([0.005 * 2**i for i in range(14)])
        point.count, point.sum = sum(counts), dice.random() * 100
    else:
        point.as_double = dice.random() * 1000


def _logs(dice: random.Random, items: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(_pairs(RESOURCE))
    scope = resource.scope_logs.add()
    scope.scope.name = "checkout.orders"
    for _ in range(items):
        order = dice.randrange(10**6)
        record = scope.log_records.add(
            time_unix_nano=time.time_ns(),
            severity_number="SEVERITY_NUMBER_INFO",
            severity_text="INFO",
            trace_id=dice.randbytes(16),
            span_id=dice.randbytes(8),
        )
        record.body.string_value = f"order {order} of user{dice.randrange(10**5)}@example.com was paid"
        record.attributes.extend(
            _pairs(
                {
                    "code.file.path": "/srv/shop/checkout/orders.py",
                    "code.line.number": dice.randrange(500),
                    "code.function.name": "pay",
                    "thread.name": "MainThread",
                    "order.id": order,
                    "order.total": round(dice.random() * 200, 2),
                }
            )
        )
    return request


class Kind(NamedTuple):
    signal: str
    make: Callable[[random.Random, int], Message]
    variants: int = VARIANTS
    renews: bool = False
    """Whether each body is `renewed` before it is sent."""
    comes_again: bool = True
    """Whether the same values may be sent more than once."""


KINDS: Mapping[str, Kind] = {
    "traces": Kind("traces", _traces),
    "new_traces": Kind("traces", _new_traces, renews=True),
    "new_values": Kind("traces", _new_values, variants=5 * VARIANTS, comes_again=False),
    "metrics": Kind("metrics", _metrics),
    "numbers": Kind("metrics", _numbers),
    "logs": Kind("logs", _logs),
}
"""What load can be made of: one kind for each signal, and others for encoders."""

STAMP = 8
"""Bytes of a time stamp on the wire: a fixed64, the least byte first."""


def stamp_offset(body: bytes) -> int:
    """Return where the start time of the first span stands, so that the time of sending can be written there."""
    request = ExportTraceServiceRequest.FromString(body)
    start = request.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano
    return body.index(b"\x39" + start.to_bytes(STAMP, "little")) + 1  # field 7 of a span, fixed64
